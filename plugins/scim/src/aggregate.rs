//! Reading: users and groups become objects, each group has one entitlement `member`, and each
//! member is an assignment of it.
//!
//! A call fills one page of the host from as many pages of the server as fit. What does not fit is
//! read again: by index, or by id where the server pages by cursor.

mod filling;

use grantry_sdk::aggregate::{Page, PageRequest, Target};
use grantry_sdk::cursor;
use grantry_sdk::types::{Entitlement, Error, Object, ObjectRef, Purpose, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{Client, path_of};
use crate::listing::{ListPage, Position, Source};
use crate::resource::{display_name, id, to_object};
use filling::{Added, Filling};

/// A call makes at most about this many requests, to stay within its deadline.
const REQUESTS_MAX: usize = 20;
/// Groups in the first request for members, before it is known how large they are.
const GROUPS_AT_FIRST: u64 = 20;
/// The most groups in one request for members.
const GROUPS_MAX: u64 = 200;

/// Where SCIM keeps a kind.
///
/// # Errors
/// [`Error::Unsupported`] for anything but users and groups.
pub fn collection(kind: &str) -> Result<&'static str> {
    match kind {
        "User" => Ok("/Users"),
        "Group" => Ok("/Groups"),
        _ => Err(Error::Unsupported(format!("the connector knows no kind `{kind}`"))),
    }
}

/// The id of a group's one entitlement.
pub fn entitlement_id(group: &str) -> String {
    format!("{group}:member")
}

/// One object as it is now.
///
/// # Errors
/// As the server says.
pub fn get(client: &Client<'_>, of: &ObjectRef) -> Result<Option<Object>> {
    let extra = if of.kind == "Group" { "?excludedAttributes=members" } else { "" };
    let path = path_of(collection(&of.kind)?, &of.id) + extra;
    let Some(reply) = client.resource(&path)? else { return Ok(None) };
    match to_object(&of.kind, &reply.body, reply.etag) {
        Some(object) => Ok(Some(object)),
        None => Err(Error::BadData("the server answered a resource without an id".into())),
    }
}

/// The server's own count.
///
/// # Errors
/// As the server says.
pub fn count(client: &Client<'_>, kind: &str) -> Result<Option<u64>> {
    let extra = if kind == "Group" { "&excludedAttributes=members" } else { "" };
    let reply =
        client.get(&format!("{}?startIndex=1&count=1{extra}", collection(kind)?))?.success()?;
    Ok(ListPage::parse(reply.body, false)?.total)
}

/// What becomes of the resources of a listing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rows {
    Objects(&'static str),
    Entitlements,
    Assignments,
}

/// The cursor: where the listing stands, and what of it is still to be read by id.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    position: Position,
    /// Groups, or objects, that were listed but did not fit.
    pending: Vec<String>,
    /// How many members of the first pending group were delivered, and the digest of all.
    members_done: usize,
    members_digest: u64,
    /// Sums, for the size of the next request.
    groups: u64,
    members: u64,
    hidden: filling::HiddenMembers,
}

/// One page for the host.
///
/// # Errors
/// As the server says.
pub fn read_page(client: &Client<'_>, request: &PageRequest) -> Result<Page> {
    match &request.target {
        Target::Objects(kind) => {
            let kind = if collection(kind)? == "/Users" { "User" } else { "Group" };
            list(client, request, Rows::Objects(kind))
        }
        Target::EntitlementsOfKind(kind) if kind == "Group" => {
            list(client, request, Rows::Entitlements)
        }
        Target::AssignmentsOfKind(kind) if kind == "Group" => {
            list(client, request, Rows::Assignments)
        }
        Target::EntitlementsOf(of) if of.kind == "Group" => {
            one(client, request, of, Rows::Entitlements)
        }
        Target::AssignmentsOf(of) if of.kind == "Group" => {
            one(client, request, of, Rows::Assignments)
        }
        Target::EntitlementsOfKind(kind) | Target::AssignmentsOfKind(kind) => {
            collection(kind).map(|_| Page { is_complete: true, ..Page::empty() })
        }
        Target::EntitlementsOf(of) | Target::AssignmentsOf(of) => {
            collection(&of.kind).map(|_| Page { is_complete: true, ..Page::empty() })
        }
    }
}

fn list(client: &Client<'_>, request: &PageRequest, rows: Rows) -> Result<Page> {
    let progress: Progress = cursor::decode(request.at.as_ref())?;
    let mut filling = Filling::new(client, request, rows, progress);
    let source = Source {
        client,
        collection: if rows == Rows::Objects("User") { "/Users" } else { "/Groups" },
        is_without_members: matches!(rows, Rows::Objects("Group") | Rows::Entitlements),
    };
    if !filling.add_pending()? {
        return filling.finish();
    }
    while filling.may_request() {
        let wanted = filling.wanted();
        let batch = filling.progress.position.read(&source, wanted)?;
        for (index, resource) in batch.resources.iter().enumerate() {
            let (unread, is_partial) = match filling.add(resource, batch.is_cut)? {
                Added::Whole => continue,
                Added::Nothing => (&batch.resources[index..], false),
                Added::Part => (&batch.resources[index + 1..], true),
            };
            let later = filling.progress.position.give_back(unread);
            let begun = id(resource).filter(|_| is_partial);
            filling.progress.pending = begun.into_iter().chain(later).collect();
            return filling.finish();
        }
    }
    filling.finish()
}

/// The rows of one group: a listing of one resource, which is pending from the start.
fn one(client: &Client<'_>, request: &PageRequest, of: &ObjectRef, rows: Rows) -> Result<Page> {
    let mut progress: Progress = cursor::decode(request.at.as_ref())?;
    if request.at.is_none() {
        if client.resource(&path_of("/Groups", &of.id))?.is_none() {
            return Err(Error::NotFound(Some(of.clone())));
        }
        progress.pending = vec![of.id.clone()];
        progress.position = Position::of_one();
    }
    let mut filling = Filling::new(client, request, rows, progress);
    filling.add_pending()?;
    filling.finish()
}

/// A group's one entitlement.
fn entitlement(group: &Value) -> Option<Entitlement> {
    let id = id(group)?;
    let name = display_name(group).unwrap_or_else(|| id.clone());
    Some(Entitlement {
        id: entitlement_id(&id),
        kind: "Group".into(),
        on: ObjectRef::new("Group", id),
        slug: "member".into(),
        display: format!("Member of {name}"),
        description: None,
        purpose: Purpose::Access,
        grantable_to: vec!["User".into(), "Group".into()],
        exclusive: None,
        is_immutable: false,
        is_privileged: false,
        attributes: Vec::new(),
    })
}
