//! Incremental reading: what a connector calls unchanged is as it was.

use std::collections::HashMap;

use grantry_model::aggregation::PAGE_ITEMS_MAX;
use grantry_model::catalogue::{Disposition, Page, Scope};

use crate::checks::{SCOPES, SCOPES_ASKED};
use crate::reading::{How, Listing, Reading, Rows, rows_of, same};
use crate::report::{Report, Verdict, broken, skipped};
use crate::sandbox::Session;

/// All checks that need no change of the target.
pub(super) async fn check(session: &mut Session, base: &Reading, report: &mut Report) {
    let unasked = base.listings.iter().flat_map(|listing| &listing.pages).any(is_unchanged);
    let has_scopes = base.listings.iter().any(|listing| !validators(listing).is_empty());
    if !has_scopes && !unasked {
        for check in [&SCOPES, &SCOPES_ASKED] {
            report.note(check, skipped("no listing has scopes with validators"));
        }
        return;
    }
    report.note(
        &SCOPES_ASKED,
        match unasked {
            true => broken("a page says `unchanged`, and the host gave no validator"),
            false => Ok(()),
        },
    );
    report.note(&SCOPES, incremental(session, base, &base.rows(), "read incrementally").await);
}

/// Whether a reading with the validators of `base`, put together with its rows, is `expected`.
pub(super) async fn incremental(
    session: &mut Session,
    base: &Reading,
    expected: &Rows,
    how: &str,
) -> Verdict {
    let mut found = Rows::new();
    for listing in &base.listings {
        let known = validators(listing);
        session.set_validators(known.clone());
        let read =
            Listing::read(session, listing.target.clone(), How::pages_of(PAGE_ITEMS_MAX)).await;
        session.set_validators([]);
        for page in &read.pages {
            match page.scope.as_ref().filter(|_| is_unchanged(page)) {
                Some(scope) if !known.contains_key(&scope.key) => {
                    return broken(format!("the scope `{}` was not offered", scope.key));
                }
                Some(scope) => found.extend(rows_of_scope(listing, &scope.key)),
                None => found.extend(rows_of(page)),
            }
        }
    }
    same(expected, &found, how)
}

fn is_unchanged(page: &Page) -> bool {
    matches!(&page.scope, Some(Scope { disposition: Disposition::Unchanged, .. }))
}

/// What each scope of a listing is validated by.
fn validators(listing: &Listing) -> HashMap<String, String> {
    let scopes = listing.pages.iter().filter_map(|page| page.scope.as_ref());
    scopes.filter_map(|scope| Some((scope.key.clone(), scope.validator.clone()?))).collect()
}

fn rows_of_scope(listing: &Listing, key: &str) -> Vec<(String, serde_json::Value)> {
    let is_of = |page: &&Page| page.scope.as_ref().is_some_and(|scope| scope.key == key);
    listing.pages.iter().filter(is_of).flat_map(rows_of).collect()
}
