//! A whole reading of a connector, page by page, as the host does it; and how two of them compare.

use std::collections::BTreeMap;

use grantry_model::aggregation::{EMPTY_PAGES_MAX, targets};
use grantry_model::catalogue::{Assignment, Cursor, Entitlement, Object, ObjectRef, Page, Target};
use grantry_model::fault::Fault;
use grantry_model::plugin::KindSchema;
use grantry_model::text::printable;
use serde_json::Value;

use crate::report::{Verdict, broken};
use crate::sandbox::Session;

/// Most pages of one listing that are read.
const PAGES_MAX: usize = 10_000;
/// Differences that are shown.
const SHOWN_MAX: usize = 3;
const SHOWN_CHARACTERS_MAX: usize = 120;

/// How a listing ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// With a page that has no next one.
    Reached,
    /// A cursor came back.
    CursorLoop,
    /// Too many empty pages in a row.
    EmptyPages,
    /// Too many pages.
    TooManyPages,
    /// With an error.
    Failed(Fault),
}

/// One listing with its pages.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) target: Target,
    pub(crate) pages: Vec<Page>,
    pub(crate) end: End,
}

/// How pages are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Rows of the first page.
    pub(crate) first: u32,
    /// Rows of the later ones.
    pub(crate) later: u32,
    /// Each page is asked for twice; the first answer is lost.
    pub(crate) is_cut: bool,
    /// Gives up after so many pages of each listing.
    pub(crate) pages_max: usize,
}

impl How {
    /// Pages of one size, to the end.
    pub(crate) fn pages_of(items: u32) -> Self {
        Self { first: items, later: items, is_cut: false, pages_max: PAGES_MAX }
    }
}

/// Everything that a connector lists.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) kinds: Vec<KindSchema>,
    pub(crate) listings: Vec<Listing>,
}

/// Rows by what they are, as JSON.
pub(crate) type Rows = BTreeMap<String, Value>;

impl Reading {
    /// Reads every listing of these kinds.
    pub(crate) async fn of(session: &Session, kinds: &[KindSchema], how: How) -> Self {
        let mut listings = Vec::new();
        for target in targets(kinds) {
            listings.push(Listing::read(session, target, how).await);
        }
        Self { kinds: kinds.to_vec(), listings }
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.pages().flat_map(|page| &page.objects)
    }

    pub(crate) fn entitlements(&self) -> impl Iterator<Item = &Entitlement> {
        self.pages().flat_map(|page| &page.entitlements)
    }

    pub(crate) fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        self.pages().flat_map(|page| &page.assignments)
    }

    fn pages(&self) -> impl Iterator<Item = &Page> {
        self.listings.iter().flat_map(|listing| &listing.pages)
    }

    /// Whether every listing came to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.listings.iter().all(|listing| listing.end == End::Reached)
    }

    pub(crate) fn rows(&self) -> Rows {
        self.listings.iter().flat_map(Listing::rows).collect()
    }
}

impl Listing {
    /// Reads page after page until the end, or until it is clear that there is none.
    pub(crate) async fn read(session: &Session, target: Target, how: How) -> Self {
        let mut listing = Self { target, pages: Vec::new(), end: End::Reached };
        let mut cursors: Vec<Cursor> = Vec::new();
        let (mut at, mut empty, mut size) = (None, 0, how.first);
        while listing.pages.len() < how.pages_max {
            if how.is_cut {
                let _ = session.lose_page(&listing.target, at.clone(), size).await;
            }
            let page = match session.read_page(&listing.target, at.clone(), size).await {
                Ok(page) => page,
                Err(fault) => {
                    listing.end = End::Failed(fault);
                    return listing;
                }
            };
            empty = if count(&page) == 0 { empty + 1 } else { 0 };
            size = how.later;
            at.clone_from(&page.next);
            listing.pages.push(page);
            let Some(next) = &at else { return listing };
            if cursors.contains(next) {
                listing.end = End::CursorLoop;
                return listing;
            }
            cursors.push(next.clone());
            if empty >= EMPTY_PAGES_MAX {
                listing.end = End::EmptyPages;
                return listing;
            }
        }
        listing.end = End::TooManyPages;
        listing
    }

    pub(crate) fn count(&self) -> usize {
        self.pages.iter().map(count).sum()
    }

    pub(crate) fn rows(&self) -> Vec<(String, Value)> {
        self.pages.iter().flat_map(rows_of).collect()
    }
}

/// Rows of a page.
pub(crate) fn count(page: &Page) -> usize {
    page.objects.len() + page.entitlements.len() + page.assignments.len()
}

/// The rows of a page by what they are. When something was last used moves by itself.
pub(crate) fn rows_of(page: &Page) -> Vec<(String, Value)> {
    let object = |row: &Object| {
        let row = Object { last_used_ms: None, ..row.clone() };
        (format!("object {} {}", row.id.kind, row.id.id), json(&row))
    };
    let entitlement = |row: &Entitlement| (format!("entitlement {}", row.id), json(row));
    let assignment = |row: &Assignment| (assignment_key(&row.entitlement, &row.holder), json(row));
    let objects = page.objects.iter().map(object);
    let entitlements = page.entitlements.iter().map(entitlement);
    objects.chain(entitlements).chain(page.assignments.iter().map(assignment)).collect()
}

/// What an assignment is.
pub(crate) fn assignment_key(entitlement: &str, holder: &ObjectRef) -> String {
    format!("assignment {entitlement} {} {}", holder.kind, holder.id)
}

/// Plain data becomes JSON.
fn json(row: &impl serde::Serialize) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

/// Whether two readings hold the same rows; `how` says what was different about the second.
pub(crate) fn same(expected: &Rows, found: &Rows, how: &str) -> Verdict {
    let missing: Vec<&String> = expected.keys().filter(|key| !found.contains_key(*key)).collect();
    let new: Vec<&String> = found.keys().filter(|key| !expected.contains_key(*key)).collect();
    let differs =
        |key: &&String| found.get(*key).is_some_and(|row| Some(row) != expected.get(*key));
    let changed: Vec<&String> = expected.keys().filter(differs).collect();
    let named = [("missing", missing), ("not there otherwise", new), ("different", changed)];
    let words: Vec<String> = named
        .iter()
        .filter(|(_, keys)| !keys.is_empty())
        .map(|(what, keys)| format!("{} {what} ({})", keys.len(), shown(keys)))
        .collect();
    match words.is_empty() {
        true => Ok(()),
        false => broken(format!("{how}: rows are {}", words.join(", "))),
    }
}

/// The first of them.
pub(crate) fn shown(keys: &[&String]) -> String {
    let first = keys.iter().take(SHOWN_MAX);
    let first: Vec<String> =
        first.map(|key| format!("`{}`", printable(key, SHOWN_CHARACTERS_MAX))).collect();
    let more = if keys.len() > SHOWN_MAX { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}
