//! Reading, with the mistakes that listings can have.

use grantry_sdk::aggregate::{Disposition, Page, PageRequest, Scope, Target};
use grantry_sdk::types::{
    Assignment, Attribute, Entitlement, Error, Object, ObjectRef, ObjectStatus, Purpose, Result,
    Value as Cell,
};
use grantry_sdk::{cursor, kv, log, run};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::directory::{Directory, collection, members};

/// The directory's own limit of a page.
const PAGE_MAX: u64 = 100;
/// What a mutant takes of the memory: most of what a call may have.
const HOG_BYTES: usize = 56 * 1024 * 1024;

/// The place in a listing.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// The resource.
    row: u64,
    /// What of its members was delivered.
    members: u64,
    page: u64,
    /// What the scope was validated by when its first page was read.
    validator: Option<String>,
}

/// One page.
///
/// # Errors
/// As the directory says.
pub fn read_page(directory: &Directory, request: &PageRequest) -> Result<Page> {
    let mut place: Place = cursor::decode(request.at.as_ref())?;
    let is = |mutant| directory.is(mutant);
    if is("traps-on-later-page") && place.page > 0 {
        panic!("a later page");
    }
    let is_of_users = matches!(&request.target, Target::Objects(kind) if kind == "User");
    while is("spins") && is_of_users && std::hint::black_box(true) {}
    if is("hogs-memory") && is_of_users {
        std::hint::black_box(vec![1_u8; HOG_BYTES]);
    }
    if is("logs-connection") {
        log::info(&format!("connected: {}", directory.connection.note));
    }
    let is_first = place.page == 0;
    place.page += 1;
    if is("empty-pages") && place.page <= 15 {
        let next = Some(cursor::encode(&place)?);
        return Ok(Page { next, ..Page::empty() });
    }
    let mut page = match &request.target {
        Target::Objects(kind) => objects(directory, kind, request, &mut place)?,
        Target::EntitlementsOfKind(kind) if kind == "Group" => {
            entitlements(directory, request, &mut place)?
        }
        Target::AssignmentsOfKind(kind) if kind == "Group" => {
            if is_first && let Some(page) = unchanged(directory, &mut place)? {
                return Ok(page);
            }
            match assignments(directory, request, &mut place) {
                Err(_) if is("members-errors-are-empty") => whole(Page::empty()),
                page => signed(page?, &place),
            }
        }
        _ => whole(Page::empty()),
    };
    if let Some(next) = &mut page.next {
        if is("cursor-loop") {
            *next = cursor::encode(&Place { page: 1, ..Place::default() })?;
        } else if is("cursor-is-page-number") {
            let row = place.page * u64::from(request.max_items);
            *next = cursor::encode(&Place { row, ..place })?;
        }
    }
    if is("never-complete") {
        page.is_complete = false;
    }
    if is("total-is-wrong") {
        page.expected_total = page.expected_total.map(|total| total + 1);
    }
    if is("remembers-rows") {
        forget_known(&mut page)?;
    }
    Ok(page)
}

fn whole(page: Page) -> Page {
    Page { is_complete: true, ..page }
}

/// How many resources to ask for.
fn wanted(directory: &Directory, request: &PageRequest) -> u64 {
    match directory.is("ignores-max-items") {
        true => PAGE_MAX,
        false => u64::from(request.max_items).min(PAGE_MAX),
    }
}

fn objects(
    directory: &Directory,
    kind: &str,
    request: &PageRequest,
    place: &mut Place,
) -> Result<Page> {
    let from = match (directory.is("skips-at-page-start"), place.row) {
        (true, row) if row > 0 => row + 1,
        (_, row) => row,
    };
    let (resources, total) = directory.list(collection(kind)?, from, wanted(directory, request))?;
    let read = from + resources.len() as u64;
    let mut page = Page::empty();
    page.objects = resources.iter().map(|resource| object(directory, kind, resource)).collect();
    if directory.is("wrong-kind") && kind == "User" {
        page.objects.iter_mut().take(1).for_each(|row| row.id.kind = "Group".into());
    }
    if directory.is("empty-id") {
        page.objects.iter_mut().take(1).for_each(|row| row.id.id.clear());
    }
    if directory.is("repeats-last-row") && page.objects.len() > 1 {
        let last = page.objects[page.objects.len() - 2].clone();
        page.objects.push(last);
    }
    finish(page, place, read, total, resources.is_empty())
}

fn entitlements(directory: &Directory, request: &PageRequest, place: &mut Place) -> Result<Page> {
    let (groups, total) = directory.list("/Groups", place.row, wanted(directory, request))?;
    let read = place.row + groups.len() as u64;
    let mut page = Page::empty();
    page.entitlements = groups.iter().map(entitlement).collect();
    finish(page, place, read, total, groups.is_empty())
}

/// Ends the page behind the row `read` of so many.
fn finish(
    mut page: Page,
    place: &mut Place,
    read: u64,
    total: u64,
    is_empty: bool,
) -> Result<Page> {
    page.expected_total = Some(total);
    place.row = read;
    if read < total && !is_empty {
        page.next = Some(cursor::encode(place)?);
    } else {
        page.is_complete = true;
    }
    Ok(page)
}

fn assignments(directory: &Directory, request: &PageRequest, place: &mut Place) -> Result<Page> {
    let mut page = Page::empty();
    let max = wanted(directory, request);
    let (groups, total) = directory.list("/Groups", place.row, PAGE_MAX)?;
    for group in &groups {
        let entitlement = entitlement(group).id;
        for member in members(group).into_iter().skip(place.members as usize) {
            if page.assignments.len() as u64 >= max {
                page.next = Some(cursor::encode(place)?);
                return Ok(page);
            }
            page.assignments.push(assignment(directory, &entitlement, member));
            place.members += 1;
        }
        place.row += 1;
        place.members = 0;
    }
    page.is_complete = place.row >= total || groups.is_empty();
    if !page.is_complete {
        page.next = Some(cursor::encode(place)?);
    }
    Ok(page)
}

fn assignment(directory: &Directory, entitlement: &str, member: String) -> Assignment {
    let holder = match directory.is("holder-not-listed") {
        true => format!("{member}-x"),
        false => member,
    };
    let entitlement = match directory.is("entitlement-not-listed") {
        true => format!("{entitlement}-x"),
        false => entitlement.to_owned(),
    };
    Assignment::new(entitlement, ObjectRef::new("User", holder))
}

/// The id of a group's one entitlement.
pub fn entitlement_id(group: &str) -> String {
    format!("{group}:member")
}

fn entitlement(group: &Value) -> Entitlement {
    let id = text(group, "id");
    Entitlement {
        id: entitlement_id(&id),
        kind: "Group".into(),
        on: ObjectRef::new("Group", id),
        slug: "member".into(),
        display: format!("Member of {}", text(group, "displayName")),
        description: None,
        purpose: Purpose::Access,
        grantable_to: vec!["User".into()],
        exclusive: None,
        is_immutable: false,
        is_privileged: false,
        attributes: Vec::new(),
    }
}

/// A resource as an object.
pub fn object(directory: &Directory, kind: &str, resource: &Value) -> Object {
    let mut object = Object::new(kind, text(resource, "id"));
    let names: &[&str] = if kind == "User" { &["userName", "title"] } else { &["displayName"] };
    for name in names {
        if let Some(value) = resource[*name].as_str() {
            object.attributes.push(Attribute::text(*name, value));
        }
    }
    object.display = resource["displayName"].as_str().map(str::to_owned);
    if resource["active"] == false {
        object.status = ObjectStatus::Disabled;
    }
    if directory.is("attribute-not-declared") {
        object.attributes.push(Attribute::text("nickName", "x"));
    }
    if directory.is("attribute-of-other-type") {
        object.attributes.iter_mut().for_each(|held| held.values = vec![Cell::Integer(1)]);
    }
    if directory.is("lists-passwords") && kind == "User" {
        object.attributes.push(Attribute::text("password", "x"));
    }
    if directory.is("random-names") {
        object.display = Some(format!("{:?}", run::random_bytes(4)));
    }
    object
}

fn text(resource: &Value, name: &str) -> String {
    resource[name].as_str().unwrap_or_default().to_owned()
}

/// One object.
///
/// # Errors
/// As the directory says.
pub fn get(directory: &Directory, id: &ObjectRef) -> Result<Option<Object>> {
    if directory.is("gets-users-only") && id.kind != "User" {
        return Err(Error::Unsupported("only users are read one by one".into()));
    }
    let found = match directory.is("gets-the-first") {
        true => directory.list(collection(&id.kind)?, 0, 1)?.0.into_iter().next(),
        false => directory.find(collection(&id.kind)?, &id.id)?,
    };
    match found {
        None if directory.is("get-fails-for-nobody") => Err(Error::NotFound(Some(id.clone()))),
        found => Ok(found.map(|resource| object(directory, &id.kind, &resource))),
    }
}

const SCOPE: &str = "assignments Group";

/// The whole listing in one page without rows, where nothing has moved; notes what it is validated by.
fn unchanged(directory: &Directory, place: &mut Place) -> Result<Option<Page>> {
    if directory.is("unchanged-unasked") {
        return Ok(Some(whole(Page::unchanged(SCOPE))));
    }
    let (groups, _) = match directory.list("/Groups", 0, PAGE_MAX) {
        Err(_) if directory.is("members-errors-are-empty") => return Ok(None),
        groups => groups?,
    };
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for group in &groups {
        for part in std::iter::once(text(group, "id")).chain(members(group)) {
            for byte in part.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let validator = match directory.is("validator-stands-still") {
        true => groups.len().to_string(),
        false => format!("{hash:x}"),
    };
    if run::scope_validator(SCOPE).as_deref() == Some(&validator) {
        let page = match directory.is("unchanged-loses-rows") {
            true => Page::empty(),
            false => Page::unchanged(SCOPE),
        };
        return Ok(Some(whole(page)));
    }
    place.validator = Some(validator);
    Ok(None)
}

/// The page as part of its scope, with the validator on the last one.
fn signed(mut page: Page, place: &Place) -> Page {
    let validator = place.validator.clone().filter(|_| page.is_complete);
    let (key, disposition) = (SCOPE.to_owned(), Disposition::Fresh);
    page.scope = Some(Scope { key, disposition, validator });
    page
}

/// Leaves out what was delivered before: the mistake of `remembers-rows`.
fn forget_known(page: &mut Page) -> Result<()> {
    let mut fresh = Vec::new();
    for row in page.objects.drain(..) {
        let key = format!("{} {}", row.id.kind, row.id.id);
        if kv::get(&key)?.is_none() {
            kv::set(&key, &[1])?;
            fresh.push(row);
        }
    }
    page.objects = fresh;
    Ok(())
}
