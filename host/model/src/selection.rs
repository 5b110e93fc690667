//! What an aggregation reads: accounts and what they hold, the entitlements, or both; of all types or
//! of chosen ones (CAT-4, CAT-5).
//!
//! [`Selection::choose`] is pure: the source's listings in, those to read and those to leave alone out.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::catalogue::Target;

/// Most types that one selection names.
pub const SELECTED_TYPES_MAX: usize = 100;

/// Which part of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Everything.
    #[default]
    All,
    /// Accounts, and what they hold.
    Accounts,
    /// Resources with their entitlements.
    Entitlements,
}

impl Part {
    /// The part's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Accounts => "accounts",
            Self::Entitlements => "entitlements",
        }
    }

    /// The part of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::All, Self::Accounts, Self::Entitlements].into_iter().find(|part| part.name() == name)
    }
}

/// How a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By its change feeds, where that is possible and a full run is not due; else in full.
    #[default]
    Auto,
    /// In full.
    Full,
    /// By its change feeds also where a full run is due; in full where there is no other way.
    Changes,
}

impl Mode {
    /// The mode's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Full => "full",
            Self::Changes => "changes",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Auto, Self::Full, Self::Changes].into_iter().find(|mode| mode.name() == name)
    }
}

/// What an aggregation reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// Which part.
    pub part: Part,
    /// Names of the entitlement types; empty for all. Sorted, each once.
    pub types: Vec<String>,
    /// How.
    pub mode: Mode,
}

/// The listings of a source, divided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// Those to read, in their order.
    pub read: Vec<Target>,
    /// Those to leave alone.
    pub unread: Vec<Target>,
}

impl Selection {
    /// A selection in its plain form.
    pub fn of(part: Part, mut types: Vec<String>) -> Self {
        types.sort_unstable();
        types.dedup();
        Self { part, types, mode: Mode::Auto }
    }

    /// Whether it leaves nothing out.
    pub fn is_everything(&self) -> bool {
        self.part == Part::All && self.types.is_empty()
    }

    /// Divides the listings. `kinds` are the kinds of resources that the chosen types are on;
    /// `without_permissions` those of which it is not to be read who holds something.
    pub fn choose(
        &self,
        listings: Vec<Target>,
        account_kinds: &[String],
        kinds: &HashSet<String>,
        without_permissions: &HashSet<String>,
    ) -> Chosen {
        let is_chosen = |kind: &String| self.types.is_empty() || kinds.contains(kind);
        let is_read = |listing: &Target| match listing {
            Target::Objects(kind) if account_kinds.contains(kind) => {
                self.part != Part::Entitlements
            }
            Target::Objects(kind) | Target::EntitlementsOfKind(kind) => {
                self.part != Part::Accounts && is_chosen(kind)
            }
            Target::AssignmentsOfKind(kind) => {
                let is_part = self.part != Part::Entitlements;
                is_part && is_chosen(kind) && !without_permissions.contains(kind)
            }
            Target::EntitlementsOf(_) => self.part != Part::Accounts,
            Target::AssignmentsOf(_) => self.part != Part::Entitlements,
        };
        let (read, unread) = listings.into_iter().partition(is_read);
        Chosen { read, unread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(chosen: &[Target]) -> Vec<String> {
        chosen.iter().map(Target::name).collect()
    }

    fn set(kinds: &[&str]) -> HashSet<String> {
        kinds.iter().map(|&kind| kind.to_owned()).collect()
    }

    fn read(selection: &Selection, kinds: &[&str], without: &[&str]) -> Vec<String> {
        let (objects, groups) = (|kind: &str| Target::Objects(kind.to_owned()), ["Group", "Role"]);
        let mut all = vec![objects("User")];
        all.extend(groups.map(objects));
        all.extend(groups.map(|kind| Target::EntitlementsOfKind(kind.to_owned())));
        all.extend(groups.map(|kind| Target::AssignmentsOfKind(kind.to_owned())));
        let count = all.len();
        let chosen = selection.choose(all, &["User".to_owned()], &set(kinds), &set(without));
        assert_eq!(chosen.read.len() + chosen.unread.len(), count);
        named(&chosen.read)
    }

    #[test]
    fn a_part_of_chosen_types_leaves_the_rest_alone() {
        let of = |part, types: &[&str]| {
            Selection::of(part, types.iter().map(|&name| name.to_owned()).collect())
        };
        assert_eq!(read(&of(Part::All, &[]), &[], &[]).len(), 7);
        assert_eq!(
            read(&of(Part::Accounts, &[]), &[], &["Role"]),
            ["objects User", "assignments Group"]
        );
        assert_eq!(
            read(&of(Part::Entitlements, &["r"]), &["Role"], &[]),
            ["objects Role", "entitlements Role"]
        );
        assert_eq!(
            read(&of(Part::All, &["g"]), &["Group"], &[]),
            ["objects User", "objects Group", "entitlements Group", "assignments Group"]
        );
    }

    #[test]
    fn equal_selections_are_equal_in_whatever_order_they_are_said() {
        let of = |types: [&str; 3]| {
            Selection::of(Part::Accounts, types.iter().map(|&name| name.to_owned()).collect())
        };
        assert_eq!(of(["b", "a", "b"]), of(["a", "b", "a"]));
        assert!(!of(["a", "b", "a"]).is_everything());
        assert!(Selection::default().is_everything());
    }
}
