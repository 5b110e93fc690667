//! What is in the directory: everything is computed from its number.

use grantry_sdk::types::{Assignment, Entitlement, Object, ObjectRef, ObjectStatus, Purpose};

use crate::connection::Connection;

/// How many objects of a kind there are; `None` for a kind that there is not.
pub fn count(connection: &Connection, kind: &str) -> Option<u64> {
    let fault = connection.fault_of(kind);
    let whole = match kind {
        "User" => connection.users,
        "Group" => connection.groups,
        _ => return None,
    };
    Some(if fault.empty { 0 } else { left(whole, fault.shrink) })
}

/// How many memberships there are.
pub fn member_count(connection: &Connection) -> u64 {
    let fault = connection.fault_of("Member");
    let most = connection.users.saturating_mul(connection.groups);
    let whole = connection.assignments.min(most);
    if fault.empty || most == 0 { 0 } else { left(whole, fault.shrink) }
}

/// What `percent` gone leaves.
fn left(whole: u64, percent: u64) -> u64 {
    whole - whole * percent.min(100) / 100
}

/// One object by its id.
pub fn get(connection: &Connection, id: &ObjectRef) -> Option<Object> {
    let number: u64 = id.id.get(1..)?.parse().ok()?;
    if number >= count(connection, &id.kind)? {
        return None;
    }
    let object = if id.kind == "User" {
        user(connection.seed, number)
    } else {
        group(connection.seed, number)
    };
    Some(object).filter(|object| object.id.id == id.id)
}

/// The n-th user.
pub fn user(seed: u64, number: u64) -> Object {
    let mut object = Object::new("User", user_id(number));
    object.id.name = Some(format!("user{number}.{seed}@example.com"));
    object.display = Some(format!("User {number}"));
    // Every seventeenth is disabled.
    if number % 17 == 16 {
        object.status = ObjectStatus::Disabled;
    }
    object
}

/// The n-th group.
pub fn group(seed: u64, number: u64) -> Object {
    let mut object = Object::new("Group", group_id(number));
    object.display = Some(format!("Group {number}.{seed}"));
    object
}

/// The n-th group's one entitlement.
pub fn entitlement(seed: u64, number: u64) -> Entitlement {
    Entitlement {
        id: entitlement_id(number),
        kind: "Group".into(),
        on: ObjectRef::new("Group", group_id(number)),
        slug: "member".into(),
        display: format!("Member of Group {number}.{seed}"),
        description: None,
        purpose: Purpose::Access,
        grantable_to: vec!["User".into()],
        exclusive: None,
        is_immutable: false,
        is_privileged: false,
        attributes: Vec::new(),
    }
}

/// The n-th membership: within a group each member comes once.
pub fn membership(connection: &Connection, number: u64) -> Assignment {
    let (group, turn) = (number % connection.groups, number / connection.groups);
    // Groups begin at different users.
    let start = group.wrapping_mul(7919).wrapping_add(connection.seed) % connection.users;
    let user = (start + turn) % connection.users;
    Assignment::new(entitlement_id(group), ObjectRef::new("User", user_id(user)))
}

/// Which membership stands at a place of the listing: one group after another, as directories list
/// them.
pub fn listed_at(connection: &Connection, place: u64) -> u64 {
    let total = member_count(connection);
    let (each, larger) = (total / connection.groups, total % connection.groups);
    let in_larger = larger * (each + 1);
    let (group, turn) = if place < in_larger {
        (place / (each + 1), place % (each + 1))
    } else if place < total {
        (larger + (place - in_larger) / each, (place - in_larger) % each)
    } else {
        // An endless listing goes on with what nobody counted.
        return place;
    };
    turn * connection.groups + group
}

/// How many of the memberships are the group's own.
pub fn members_of(connection: &Connection, group: u64) -> u64 {
    let total = member_count(connection);
    total / connection.groups.max(1) + u64::from(group < total % connection.groups.max(1))
}

/// `u7`.
pub fn user_id(number: u64) -> String {
    format!("u{number}")
}

fn group_id(number: u64) -> String {
    format!("g{number}")
}

fn entitlement_id(number: u64) -> String {
    format!("g{number}:member")
}
