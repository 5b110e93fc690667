//! One test for each trap that real servers set, against a directory in memory that sets it.
//!
//! [`directory`] is an honest SCIM server with switches to misbehave; [`reading`], [`writing`],
//! [`accounts`] and [`connecting`] hold the tests.

mod accounts;
mod connecting;
mod directory;
mod reading;
mod writing;

use std::collections::BTreeSet;

use grantry_sdk::aggregate::{Page, PageRequest, Target};
use grantry_sdk::run::parse_connection;
use grantry_sdk::types::Result;
use scim::client::Client;
use scim::connection::Connection;

use directory::Directory;

/// Runs `call` with a client of the directory.
fn with<T>(directory: &Directory, call: impl FnOnce(&Client<'_>) -> T) -> T {
    let text = r#"{"url":"https://idp.test/scim/v2/","auth":{"type":"bearer"}}"#;
    let connection: Connection = parse_connection(text).unwrap();
    call(&Client::new(directory, &connection))
}

/// All rows of a listing, and whether it was whole.
#[derive(Debug, Default, PartialEq)]
struct Listing {
    rows: Vec<String>,
    is_complete: bool,
    expected_total: Option<u64>,
    /// What was skipped, in words.
    skipped: Vec<String>,
    pages: usize,
}

impl Listing {
    fn unique(&self) -> usize {
        self.rows.iter().collect::<BTreeSet<_>>().len()
    }
}

const PAGES_MAX: usize = 2_000;

fn try_list(directory: &Directory, target: &Target, max_items: u32) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut at = None;
    loop {
        let request = PageRequest {
            run_id: "run".into(),
            target: target.clone(),
            at,
            max_items,
            max_bytes: 1 << 20,
        };
        let page = with(directory, |client| scim::aggregate::read_page(client, &request))?;
        listing.pages += 1;
        assert!(listing.pages < PAGES_MAX, "an endless listing");
        assert!(rows(&page).len() <= max_items as usize, "a page of {}", rows(&page).len());
        listing.rows.extend(rows(&page));
        let skipped = page.skipped.iter().map(|skip| format!("{:?}", skip.error));
        listing.skipped.extend(skipped);
        listing.expected_total = page.expected_total.or(listing.expected_total);
        listing.is_complete = page.is_complete;
        match page.next {
            Some(next) => at = Some(next),
            None => return Ok(listing),
        }
        assert!(!page.is_complete, "complete, and yet there is more");
    }
}

fn list(directory: &Directory, target: &Target, max_items: u32) -> Listing {
    try_list(directory, target, max_items).unwrap()
}

fn rows(page: &Page) -> Vec<String> {
    let objects = page.objects.iter().map(|object| object.id.id.clone());
    let entitlements = page.entitlements.iter().map(|entitlement| entitlement.id.clone());
    let assignments = page.assignments.iter().map(|assignment| {
        format!("{} {} {}", assignment.entitlement, assignment.holder.kind, assignment.holder.id)
    });
    objects.chain(entitlements).chain(assignments).collect()
}

fn users() -> Target {
    Target::Objects("User".into())
}

fn groups() -> Target {
    Target::Objects("Group".into())
}

fn members() -> Target {
    Target::AssignmentsOfKind("Group".into())
}
