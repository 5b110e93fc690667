//! Pages of the directory, with the faults that the connection asks for.

use grantry_sdk::aggregate::{Budget, LoweredSize, Page, PageRequest, Target};
use grantry_sdk::types::{Backoff, Error, ObjectRef, Result};

use crate::connection::{Connection, Fault};
use crate::directory;

/// What is listed.
enum Rows {
    Users,
    Groups,
    Entitlements,
    Members,
    /// Of one group.
    MembersOf(u64),
    EntitlementOf(u64),
    Nothing,
}

/// Where a listing stands: the next row and the number of the page.
#[derive(Clone, Copy, Default)]
struct At {
    row: u64,
    page: u64,
}

/// One page.
///
/// # Errors
/// What the fault says.
pub fn read_page(connection: &Connection, request: &PageRequest) -> Result<Page> {
    let (rows, kind) = rows(connection, &request.target)?;
    let fault = connection.fault_of(kind);
    let at = decode(request)?;
    if fault.error_at_page == Some(at.page) {
        return Err(Error::Unavailable(Backoff::unknown()));
    }
    if fault.trap_at_page == Some(at.page) {
        panic!("the connection asks for a trap on page {}", at.page);
    }
    let total = total(connection, &rows);
    let end = if fault.endless { u64::MAX } else { total };
    let mut page = Page::empty();
    let row = fill(connection, request, &rows, &fault, &mut page, at.row, end);
    if fault.duplicate_ids {
        duplicate(&mut page);
    }
    page.expected_total = (!fault.endless).then_some(total);
    page.is_complete = row >= end;
    if !page.is_complete {
        let next =
            if fault.cursor_loop && at.page > 0 { at } else { At { row, page: at.page + 1 } };
        page.next = Some(encode(next));
    }
    Ok(page)
}

fn rows(connection: &Connection, target: &Target) -> Result<(Rows, &'static str)> {
    let number = |group: &ObjectRef| {
        let found = directory::get(connection, group);
        let id = found.as_ref().and_then(|object| object.id.id.get(1..)?.parse().ok());
        id.ok_or_else(|| Error::NotFound(Some(group.clone())))
    };
    Ok(match target {
        Target::Objects(kind) if kind == "User" => (Rows::Users, "User"),
        Target::Objects(kind) if kind == "Group" => (Rows::Groups, "Group"),
        Target::EntitlementsOfKind(kind) if kind == "Group" => (Rows::Entitlements, "Group"),
        Target::AssignmentsOfKind(kind) if kind == "Group" => (Rows::Members, "Member"),
        Target::EntitlementsOf(of) if of.kind == "Group" => {
            (Rows::EntitlementOf(number(of)?), "Group")
        }
        Target::AssignmentsOf(of) if of.kind == "Group" => (Rows::MembersOf(number(of)?), "Member"),
        Target::Objects(kind) => {
            return Err(Error::Unsupported(format!("there is no kind `{kind}`")));
        }
        _ => (Rows::Nothing, "User"),
    })
}

fn total(connection: &Connection, rows: &Rows) -> u64 {
    match rows {
        Rows::Users => directory::count(connection, "User").unwrap_or(0),
        Rows::Groups | Rows::Entitlements => directory::count(connection, "Group").unwrap_or(0),
        Rows::Members => directory::member_count(connection),
        Rows::MembersOf(group) => directory::members_of(connection, *group),
        Rows::EntitlementOf(_) => 1,
        Rows::Nothing => 0,
    }
}

/// Adds rows until the page is full or `end` is reached; the number of the next row.
fn fill(
    connection: &Connection,
    request: &PageRequest,
    rows: &Rows,
    fault: &Fault,
    page: &mut Page,
    row: u64,
    end: u64,
) -> u64 {
    let seed = connection.seed;
    let last = end.min(row.saturating_add(u64::from(request.max_items)));
    let budget = Budget::of(request);
    let member = |number: u64| {
        let mut row = directory::membership(connection, number);
        if fault.dangling && number % 10 == 9 {
            row.holder.id = directory::user_id(connection.users + number);
        }
        row
    };
    match rows {
        Rows::Users => push(&mut page.objects, budget, row..last, |n| directory::user(seed, n)),
        Rows::Groups => push(&mut page.objects, budget, row..last, |n| directory::group(seed, n)),
        Rows::Entitlements => {
            push(&mut page.entitlements, budget, row..last, |n| directory::entitlement(seed, n))
        }
        Rows::EntitlementOf(group) => push(&mut page.entitlements, budget, row..last, |_| {
            directory::entitlement(seed, *group)
        }),
        // Without users or groups there is nobody to compute, not even for an endless listing.
        Rows::Members | Rows::MembersOf(_) if connection.users == 0 || connection.groups == 0 => {
            end
        }
        Rows::Members => push(&mut page.assignments, budget, row..last, |place| {
            member(directory::listed_at(connection, place))
        }),
        Rows::MembersOf(group) => push(&mut page.assignments, budget, row..last, |n| {
            member(n * connection.groups + group)
        }),
        Rows::Nothing => end,
    }
}

fn push<T: LoweredSize>(
    list: &mut Vec<T>,
    mut budget: Budget,
    numbers: std::ops::Range<u64>,
    row: impl Fn(u64) -> T,
) -> u64 {
    list.reserve((numbers.end - numbers.start) as usize);
    for number in numbers.clone() {
        let row = row(number);
        if !budget.takes(&row) {
            return number;
        }
        list.push(row);
    }
    numbers.end
}

/// Makes the second row the first one again.
fn duplicate(page: &mut Page) {
    if let [first, second, ..] = page.objects.as_mut_slice() {
        second.clone_from(first);
    }
    if let [first, second, ..] = page.entitlements.as_mut_slice() {
        second.clone_from(first);
    }
    if let [first, second, ..] = page.assignments.as_mut_slice() {
        second.clone_from(first);
    }
}

fn encode(at: At) -> Vec<u8> {
    [at.row.to_le_bytes(), at.page.to_le_bytes()].concat()
}

fn decode(request: &PageRequest) -> Result<At> {
    let Some(bytes) = &request.at else { return Ok(At::default()) };
    let [row, page] = bytes.as_chunks::<8>().0 else { return Err(Error::CursorExpired) };
    Ok(At { row: u64::from_le_bytes(*row), page: u64::from_le_bytes(*page) })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn connection(fault: &str) -> Connection {
        let text = format!(
            r#"{{"users":100,"groups":7,"assignments":333,"seed":5,"fault":{}}}"#,
            if fault.is_empty() { "null" } else { fault }
        );
        serde_json::from_str(&text).unwrap()
    }

    fn page(
        connection: &Connection,
        target: Target,
        at: Option<Vec<u8>>,
        max_items: u32,
    ) -> Result<Page> {
        let run_id = "run".into();
        read_page(connection, &PageRequest { run_id, target, at, max_items, max_bytes: 1 << 20 })
    }

    fn members(connection: &Connection, max_items: u32) -> Vec<(String, String)> {
        let (mut rows, mut at) = (Vec::new(), None);
        loop {
            let target = Target::AssignmentsOfKind("Group".into());
            let page = page(connection, target, at, max_items).unwrap();
            assert!(page.assignments.len() <= max_items as usize);
            rows.extend(page.assignments.into_iter().map(|row| (row.entitlement, row.holder.id)));
            match page.next {
                Some(next) => at = Some(next),
                None => return rows,
            }
        }
    }

    #[test]
    fn memberships_are_as_many_as_asked_for_each_once_whatever_the_page_size() {
        let whole = members(&connection(""), 1000);
        assert_eq!(whole.iter().collect::<HashSet<_>>().len(), 333);
        for max_items in [1, 7, 100] {
            assert_eq!(members(&connection(""), max_items), whole);
        }
    }

    #[test]
    fn groups_are_evenly_large_and_read_alone_they_are_the_same() {
        let connection = connection("");
        let whole = members(&connection, 1000);
        for group in 0..7 {
            let id = format!("g{group}:member");
            let expected: Vec<_> = whole.iter().filter(|(e, _)| *e == id).collect();
            assert!((47..=48).contains(&expected.len()));
            let target = Target::AssignmentsOf(ObjectRef::new("Group", format!("g{group}")));
            let page = page(&connection, target, None, 1000).unwrap();
            assert_eq!(page.assignments.len(), expected.len());
            assert!(
                page.assignments
                    .iter()
                    .zip(expected)
                    .all(|(a, (_, holder))| a.holder.id == *holder)
            );
        }
    }

    #[test]
    fn each_fault_is_what_it_says() {
        let users = || Target::Objects("User".into());
        let first = |fault: &str| page(&connection(fault), users(), None, 10);
        assert!(matches!(first(r#"{"error_at_page":0}"#), Err(Error::Unavailable(_))));
        let empty = first(r#"{"empty":true}"#).unwrap();
        assert_eq!(
            (empty.objects.len(), empty.is_complete, empty.expected_total),
            (0, true, Some(0))
        );
        let twice = first(r#"{"duplicate_ids":true}"#).unwrap().objects;
        assert_eq!(twice[0], twice[1]);
        assert_eq!(first(r#"{"shrink":30}"#).unwrap().expected_total, Some(70));
        assert_eq!(first(r#"{"shrink":30,"only":["Group"]}"#).unwrap().expected_total, Some(100));
    }

    #[test]
    fn a_cursor_loop_repeats_and_an_endless_listing_does_not_end() {
        let users = || Target::Objects("User".into());
        let loops = connection(r#"{"cursor_loop":true}"#);
        let second = page(&loops, users(), None, 10).unwrap().next;
        let third = page(&loops, users(), second.clone(), 10).unwrap().next;
        assert_eq!(second, third);
        let endless = connection(r#"{"endless":true}"#);
        let far = page(&endless, users(), Some(encode(At { row: 5_000, page: 3 })), 10).unwrap();
        assert_eq!((far.objects.len(), far.next.is_some()), (10, true));
    }

    #[test]
    #[should_panic(expected = "asks for a trap")]
    fn a_trap_is_a_panic() {
        let _ =
            page(&connection(r#"{"trap_at_page":0}"#), Target::Objects("User".into()), None, 10);
    }

    #[test]
    fn every_tenth_membership_dangles() {
        let rows = members(&connection(r#"{"dangling":true}"#), 1000);
        let dangling = rows.iter().filter(|(_, user)| user[1..].parse::<u64>().unwrap() >= 100);
        assert_eq!(dangling.count(), 33);
    }
}
