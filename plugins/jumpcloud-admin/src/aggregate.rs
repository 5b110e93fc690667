//! Reading: administrators are accounts, roles are resources with one entitlement each, and each
//! role that an administrator has is an assignment.
//!
//! Lists are cut by `skip`. Somebody who is deleted while we read moves the others up, so one may be
//! missed: a listing whose count shrinks while it is read does not call itself complete.

use grantry_sdk::aggregate::{Budget, LoweredSize, Page, PageRequest, Target};
use grantry_sdk::cursor;
use grantry_sdk::types::{Assignment, Error, Object, ObjectRef, Result};
use serde::{Deserialize, Serialize};

use crate::administrator::{Administrator, Role, entitlement_id};
use crate::client::{Client, LIST_ITEMS_MAX, Listed};
use crate::manifest::{ADMINISTRATOR, ROLE};

/// A call makes at most so many requests, to stay within its deadline.
const REQUESTS_MAX: usize = 10;

/// Where a listing stands.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// Entries that are done.
    skip: u64,
    /// Roles of the next administrator that are done.
    roles: usize,
    /// The largest count that JumpCloud gave while the listing was read.
    #[serde(default)]
    total: Option<u64>,
    /// It gave a smaller one later: somebody may have been passed over.
    #[serde(default)]
    has_shrunk: bool,
}

impl Place {
    fn note_total(&mut self, total: Option<u64>) {
        self.has_shrunk |= self.total.is_some_and(|old| total.is_none_or(|new| new < old));
        self.total = self.total.max(total);
    }
}

/// One object as it is now.
///
/// # Errors
/// As JumpCloud says.
pub fn get(client: &Client<'_>, of: &ObjectRef) -> Result<Option<Object>> {
    match of.kind.as_str() {
        ADMINISTRATOR => Ok(client.administrator(&of.id)?.map(|found| found.to_object())),
        ROLE => Ok(client.role(&of.id)?.map(|found| found.to_object())),
        kind => Err(unknown(kind)),
    }
}

/// JumpCloud's own count.
///
/// # Errors
/// As JumpCloud says.
pub fn count(client: &Client<'_>, kind: &str) -> Result<Option<u64>> {
    match kind {
        ADMINISTRATOR => Ok(client.administrators(0, 1)?.total_count),
        ROLE => Ok(client.roles(0, 1)?.total_count),
        kind => Err(unknown(kind)),
    }
}

/// One page for the host.
///
/// # Errors
/// As JumpCloud says.
pub fn read_page(client: &Client<'_>, request: &PageRequest) -> Result<Page> {
    let administrators = |skip, limit| client.administrators(skip, limit);
    let roles = |skip, limit| client.roles(skip, limit);
    match &request.target {
        Target::Objects(kind) if kind == ADMINISTRATOR => fill(
            request,
            administrators,
            true,
            |one: &Administrator| vec![one.to_object()],
            objects,
        ),
        Target::Objects(kind) if kind == ROLE => {
            fill(request, roles, true, |role: &Role| vec![role.to_object()], objects)
        }
        Target::EntitlementsOfKind(kind) if kind == ROLE => {
            let rows = |role: &Role| vec![role.to_entitlement()];
            fill(request, roles, true, rows, |page| &mut page.entitlements)
        }
        Target::AssignmentsOfKind(kind) if kind == ROLE => {
            fill(request, administrators, false, |one| held(one, None), assignments)
        }
        Target::AssignmentsOf(of) if of.kind == ROLE => {
            fill(request, administrators, false, |one| held(one, Some(&of.id)), assignments)
        }
        Target::EntitlementsOf(of) if of.kind == ROLE => {
            let role = client.role(&of.id)?.ok_or_else(|| Error::NotFound(Some(of.clone())))?;
            let entitlements = vec![role.to_entitlement()];
            Ok(Page { entitlements, is_complete: true, ..Page::empty() })
        }
        Target::EntitlementsOfKind(kind) | Target::AssignmentsOfKind(kind) => nothing(kind),
        Target::EntitlementsOf(of) | Target::AssignmentsOf(of) => nothing(&of.kind),
        Target::Objects(kind) => Err(unknown(kind)),
    }
}

fn objects(page: &mut Page) -> &mut Vec<Object> {
    &mut page.objects
}

fn assignments(page: &mut Page) -> &mut Vec<Assignment> {
    &mut page.assignments
}

/// The roles of an administrator, or the one that is asked for.
fn held(administrator: &Administrator, only: Option<&String>) -> Vec<Assignment> {
    let holder = ObjectRef::new(ADMINISTRATOR, &administrator.id);
    let roles = administrator.role_ids().into_iter();
    let roles = roles.filter(|role| only.is_none_or(|only| only == role));
    roles.map(|role| Assignment::new(entitlement_id(role), holder.clone())).collect()
}

/// Lists until the page is full. `is_counted` where an entry is a row.
fn fill<T, R: LoweredSize>(
    request: &PageRequest,
    list: impl Fn(u64, u64) -> Result<Listed<T>>,
    is_counted: bool,
    rows: impl Fn(&T) -> Vec<R>,
    into: fn(&mut Page) -> &mut Vec<R>,
) -> Result<Page> {
    let mut place: Place = cursor::decode(request.at.as_ref())?;
    let mut budget = Budget::of(request);
    let mut page = Page::empty();
    for _ in 0..REQUESTS_MAX {
        let wanted = u64::try_from(budget.items_left()).unwrap_or(LIST_ITEMS_MAX);
        let listed = list(place.skip, wanted)?;
        place.note_total(listed.total_count);
        page.expected_total = listed.total_count.filter(|_| is_counted);
        let is_end = match listed.total_count {
            Some(total) => place.skip + listed.results.len() as u64 >= total,
            None => listed.results.is_empty(),
        };
        if listed.results.is_empty() && !is_end {
            // Fewer than it counts: whatever is missing is not gone.
            return Ok(page);
        }
        for entry in &listed.results {
            for row in rows(entry).into_iter().skip(place.roles) {
                if !budget.takes(&row) {
                    page.next = Some(cursor::encode(&place)?);
                    return Ok(page);
                }
                place.roles += 1;
                into(&mut page).push(row);
            }
            (place.skip, place.roles) = (place.skip + 1, 0);
        }
        if is_end {
            page.is_complete = !place.has_shrunk;
            return Ok(page);
        }
    }
    page.next = Some(cursor::encode(&place)?);
    Ok(page)
}

fn nothing(kind: &str) -> Result<Page> {
    match kind {
        ADMINISTRATOR | ROLE => Ok(Page { is_complete: true, ..Page::empty() }),
        kind => Err(unknown(kind)),
    }
}

fn unknown(kind: &str) -> Error {
    Error::Unsupported(format!("the connector knows no kind `{kind}`"))
}
