//! Who holds an entitlement, directly or through groups that hold it (CAT-4).
//!
//! [`Walk`] is pure: assignments in, holders with the way to each out, and what to look at next. It goes
//! by breadth, so that the way shown is a shortest one, and looks at nothing twice, so that groups
//! within each other end it.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use crate::catalogue::Expansion;
use crate::fingerprint::Key;

/// Most holders that one walk finds.
pub const HOLDERS_MAX: usize = 20_000;
/// Most entitlements that one walk looks at.
pub const ENTITLEMENTS_MAX: usize = 2_000;
/// Most groups on the way to a holder.
pub const DEPTH_MAX: usize = 50;

/// Who holds an entitlement by an assignment of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    /// An account or a resource.
    pub holder: Key,
    /// Its kind.
    pub kind: String,
    /// What people call it.
    pub display: String,
    /// Present where those who hold something on the holder hold this too.
    pub expansion: Option<Expansion>,
}

/// Who holds the entitlement in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveHolder {
    /// An account or a resource.
    pub holder: Key,
    /// Its kind.
    pub kind: String,
    /// What people call it.
    pub display: String,
    /// Through whom, from the one that holds the entitlement itself on; empty for that one.
    pub via: Vec<(Key, String)>,
}

/// What to look at, and what counts there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Visit {
    entitlement: Key,
    /// Kinds of holders that count; nothing for all.
    kinds: Option<BTreeSet<String>>,
    /// Whether those who hold it through others do not count.
    is_shallow: bool,
}

/// A walk from one entitlement.
#[derive(Debug)]
pub struct Walk {
    queue: VecDeque<(Visit, Vec<(Key, String)>)>,
    seen: HashSet<Visit>,
    found: HashMap<Key, EffectiveHolder>,
    is_cut: bool,
}

impl Walk {
    /// Begins at an entitlement.
    pub fn from(entitlement: Key) -> Self {
        let visit = Visit { entitlement, kinds: None, is_shallow: false };
        Self {
            seen: HashSet::from([visit.clone()]),
            queue: VecDeque::from([(visit, Vec::new())]),
            found: HashMap::new(),
            is_cut: false,
        }
    }

    /// The entitlement whose holders are wanted next.
    pub fn wants(&self) -> Option<Key> {
        self.queue.front().map(|(visit, _)| visit.entitlement)
    }

    /// Takes in some of its holders. `entitlement_key` makes the key of a native id.
    pub fn take(&mut self, holdings: &[Holding], mut entitlement_key: impl FnMut(&str) -> Key) {
        let Some((visit, via)) = self.queue.front().cloned() else { return };
        for holding in holdings {
            let counts = visit.kinds.as_ref().is_none_or(|kinds| kinds.contains(&holding.kind));
            if counts && !self.found.contains_key(&holding.holder) {
                if self.found.len() >= HOLDERS_MAX {
                    self.is_cut = true;
                    return;
                }
                let Holding { holder, kind, display, .. } = holding.clone();
                let found = EffectiveHolder { holder, kind, display, via: via.clone() };
                self.found.insert(holder, found);
            }
            let Some(expansion) = holding.expansion.as_ref().filter(|_| !visit.is_shallow) else {
                continue;
            };
            let mut way = via.clone();
            way.push((holding.holder, holding.display.clone()));
            for id in &expansion.entitlements {
                let next = Visit {
                    entitlement: entitlement_key(id),
                    kinds: both(visit.kinds.as_ref(), &expansion.kinds),
                    is_shallow: expansion.is_shallow,
                };
                self.visit(next, &way);
            }
        }
    }

    fn visit(&mut self, next: Visit, way: &[(Key, String)]) {
        if self.seen.contains(&next) {
            return;
        }
        if way.len() > DEPTH_MAX || self.seen.len() >= ENTITLEMENTS_MAX {
            self.is_cut = true;
            return;
        }
        self.seen.insert(next.clone());
        self.queue.push_back((next, way.to_vec()));
    }

    /// Whether it takes in no more holders.
    pub fn is_full(&self) -> bool {
        self.found.len() >= HOLDERS_MAX
    }

    /// All holders of the wanted entitlement were taken in.
    pub fn done(&mut self) {
        self.queue.pop_front();
        if self.is_full() {
            self.is_cut |= !self.queue.is_empty();
            self.queue.clear();
        }
    }

    /// The holders by key, and whether these are all.
    pub fn end(self) -> (Vec<EffectiveHolder>, bool) {
        let mut found: Vec<EffectiveHolder> = self.found.into_values().collect();
        found.sort_unstable_by_key(|holder| holder.holder);
        (found, !self.is_cut)
    }
}

/// What counts by both; an empty list of kinds means all.
fn both(kinds: Option<&BTreeSet<String>>, more: &[String]) -> Option<BTreeSet<String>> {
    match (kinds, more) {
        (kinds, []) => kinds.cloned(),
        (None, more) => Some(more.iter().cloned().collect()),
        (Some(kinds), more) => {
            Some(more.iter().filter(|kind| kinds.contains(*kind)).cloned().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(of: &str) -> Key {
        let mut bytes = [0; 16];
        bytes[..of.len()].copy_from_slice(of.as_bytes());
        Key(bytes)
    }

    fn holds(who: &str, through: &[&str]) -> Holding {
        let kind = if who.starts_with('g') { "Group" } else { "User" };
        let entitlements: Vec<String> = through.iter().map(|&id| id.to_owned()).collect();
        let expansion = Expansion { entitlements, is_shallow: false, kinds: Vec::new() };
        Holding {
            holder: key(who),
            kind: kind.to_owned(),
            display: who.to_owned(),
            expansion: (!through.is_empty()).then_some(expansion),
        }
    }

    /// Who holds `start`, each with the way to it.
    fn walk(start: &str, all: &[(&str, Vec<Holding>)]) -> (Vec<String>, bool) {
        let mut walk = Walk::from(key(start));
        while let Some(wanted) = walk.wants() {
            let of = all.iter().find(|(entitlement, _)| key(entitlement) == wanted);
            walk.take(of.map_or(&[][..], |(_, holdings)| holdings), key);
            walk.done();
        }
        let (found, is_complete) = walk.end();
        let words = found.into_iter().map(|holder| {
            let via: Vec<String> = holder.via.into_iter().map(|(_, display)| display).collect();
            format!("{}<{}", holder.display, via.join("<"))
        });
        (words.collect(), is_complete)
    }

    #[test]
    fn members_of_groups_hold_what_their_group_holds() {
        let all = [
            ("admin", vec![holds("ada", &[]), holds("g1", &["m1"])]),
            ("m1", vec![holds("bob", &[]), holds("g2", &["m2"])]),
            ("m2", vec![holds("cyd", &[]), holds("ada", &[])]),
        ];
        let expected = ["ada<", "bob<g1", "cyd<g1<g2", "g1<", "g2<g1"].map(str::to_owned);
        assert_eq!(walk("admin", &all), (expected.to_vec(), true));
    }

    #[test]
    fn groups_within_each_other_end() {
        let all = [
            ("m1", vec![holds("ada", &[]), holds("g2", &["m2"])]),
            ("m2", vec![holds("bob", &[]), holds("g1", &["m1"]), holds("g2", &["m2"])]),
        ];
        let expected = ["ada<", "bob<g2", "g1<g2", "g2<"].map(str::to_owned);
        assert_eq!(walk("m1", &all), (expected.to_vec(), true));
    }

    #[test]
    fn a_shallow_expansion_and_its_kinds_count_no_further() {
        let mut shallow = holds("g1", &["m1"]);
        shallow.expansion.as_mut().unwrap().is_shallow = true;
        let all = [
            ("admin", vec![shallow]),
            ("m1", vec![holds("bob", &[]), holds("g2", &["m2"])]),
            ("m2", vec![holds("cyd", &[])]),
        ];
        assert_eq!(walk("admin", &all).0, ["bob<g1", "g1<", "g2<g1"]);
        let mut users = holds("g1", &["m1"]);
        users.expansion.as_mut().unwrap().kinds = vec!["User".to_owned()];
        let all = [("admin", vec![users]), all[1].clone(), all[2].clone()];
        assert_eq!(walk("admin", &all).0, ["bob<g1", "cyd<g1<g2", "g1<"]);
    }

    #[test]
    fn an_endless_nest_is_cut_and_says_so() {
        let names: Vec<(String, String)> =
            (0..100).map(|n| (format!("m{n}"), format!("m{}", n + 1))).collect();
        let all: Vec<(&str, Vec<Holding>)> = names
            .iter()
            .map(|(this, next)| (this.as_str(), vec![holds(&format!("g{this}"), &[next])]))
            .collect();
        let (found, is_complete) = walk("m0", &all);
        assert!(!is_complete && found.len() <= DEPTH_MAX + 1, "{}", found.len());
    }
}
