//! A connector to a SCIM 2.0 directory: people, groups, and who is in which group.
//!
//! Each group offers one entitlement, `GROUP:member`. The host calls `read_page` page after page and
//! keeps the cursor; every call runs in a fresh instance, so nothing lives in statics.

mod directory;
mod membership;

use grantry_sdk::aggregate::{Page, PageRequest, Target};
use grantry_sdk::http::Host;
use grantry_sdk::lifecycle::{
    AttributeSchema, AttributeTraits, AttributeType, AuthKind, AuthScheme, ConnectionReport,
    HostRule, KindClass, KindSchema, Manifest, NeededHost, TestDepth, Verb,
};
use grantry_sdk::provision::{Operation, OperationContext, Outcome, PlanResult, Verification};
use grantry_sdk::types::{
    Assignment, Attribute, Entitlement, Error, FieldIssue, Object, ObjectRef, ObjectStatus, Purpose,
    Result,
};
use grantry_sdk::{Aggregate, Lifecycle, Provision, cursor, run};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use directory::{Directory, members, text};

/// What the plugin sees of a connection. Secrets are not in it.
#[derive(Deserialize)]
struct Connection {
    url: String,
}

/// Runs with the directory of this call's connection.
fn with<T>(work: impl FnOnce(&Directory<'_>) -> Result<T>) -> Result<T> {
    let Connection { url } = run::connection()?;
    work(&Directory { transport: &Host, url: &url })
}

/// The plugin.
struct Plugin;

impl Lifecycle for Plugin {
    /// What an admin reads and approves.
    fn describe() -> Manifest {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "required": ["url", "token"],
            "properties": {
                "url": { "type": "string", "format": "uri", "title": "Base URL" },
                // `writeOnly` makes it a secret: it is sealed, and the plugin never sees it.
                "token": { "type": "string", "writeOnly": true, "title": "Bearer token" },
            },
        });
        let example = json!({ "url": "https://idp.example.com/scim/v2", "token": "its token" });
        Manifest {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            publisher: "You".into(),
            application_type: "SCIM 2.0 (my own)".into(),
            description: "People, groups and memberships of a SCIM 2.0 directory".into(),
            example_connection: example.to_string(),
            connection_schema: schema.to_string(),
            auth: vec![AuthScheme { name: "bearer".into(), kind: AuthKind::Bearer("/token".into()) }],
            hosts: vec![NeededHost {
                host: HostRule::FromConnection("/url".into()),
                methods: vec!["GET".into(), "PATCH".into()],
                path_prefix: "/".into(),
                why: "the SCIM service".into(),
            }],
            kinds: kinds(),
            can_read_back: true,
            ..Manifest::default()
        }
    }

    /// Faults that the schema cannot express.
    fn validate_config(connection: String) -> Vec<FieldIssue> {
        match run::parse_connection::<Connection>(&connection) {
            Ok(Connection { url }) if url.starts_with("https://") || url.starts_with("http://") => {
                Vec::new()
            }
            Ok(_) => vec![FieldIssue::new("/url", "invalid_scheme", "begin it with `https://`")],
            Err(Error::InvalidConfig(issues)) => issues,
            Err(_) => Vec::new(),
        }
    }

    /// One request that needs the credential: whoever gets an answer can read.
    fn test_connection(_: TestDepth) -> Result<ConnectionReport> {
        with(|directory| {
            directory.list("/Users", 0, 1)?;
            Ok(ConnectionReport::of(kinds()))
        })
    }
}

fn kinds() -> Vec<KindSchema> {
    let listed = AttributeTraits::READABLE | AttributeTraits::RETURNED_BY_DEFAULT;
    let user = KindSchema {
        attributes: vec![AttributeSchema::new("userName", AttributeType::Text, listed)],
        is_countable: true,
        ..KindSchema::new("User", KindClass::Account, "User")
    };
    let group = KindSchema {
        verbs: vec![Verb::Grant, Verb::Revoke],
        is_countable: true,
        ..KindSchema::new("Group", KindClass::Group, "Group")
    };
    vec![user, group]
}

impl Aggregate for Plugin {
    fn read_page(request: PageRequest) -> Result<Page> {
        with(|directory| read_page(directory, &request))
    }

    fn get(id: ObjectRef) -> Result<Option<Object>> {
        with(|directory| {
            let found = directory.find(collection(&id.kind)?, &id.id)?;
            Ok(found.map(|resource| object(&id.kind, &resource)))
        })
    }

    fn count(kind: String) -> Result<Option<u64>> {
        with(|directory| Ok(Some(directory.list(collection(&kind)?, 0, 1)?.1)))
    }
}

impl Provision for Plugin {
    fn plan(operation: Operation, _: OperationContext) -> Result<PlanResult> {
        with(|directory| membership::plan(directory, &operation))
    }

    fn apply(operation: Operation, _: OperationContext) -> Result<Outcome> {
        with(|directory| membership::apply(directory, &operation))
    }

    fn verify(operation: Operation, _: OperationContext) -> Result<Verification> {
        with(|directory| membership::verify(directory, &operation))
    }
}

/// Where the directory keeps a kind.
fn collection(kind: &str) -> Result<&'static str> {
    match kind {
        "User" => Ok("/Users"),
        "Group" => Ok("/Groups"),
        _ => Err(Error::Unsupported(format!("there is no kind `{kind}`"))),
    }
}

/// The place in a listing: all of it, so that a page can be read again after a crash.
#[derive(Default, Serialize, Deserialize)]
struct Place {
    /// The resource that comes next.
    row: u64,
    /// How many of its members were delivered.
    members: usize,
}

/// One page: at most `max_items` rows from the cursor on.
fn read_page(directory: &Directory<'_>, request: &PageRequest) -> Result<Page> {
    let place: Place = cursor::decode(request.at.as_ref())?;
    match &request.target {
        Target::Objects(kind) => objects(directory, kind, request, place),
        Target::EntitlementsOfKind(kind) if kind == "Group" => {
            entitlements(directory, request, place)
        }
        Target::AssignmentsOfKind(kind) if kind == "Group" => {
            assignments(directory, request, place)
        }
        // Nothing of this kind can be held; the list is empty, and whole.
        Target::EntitlementsOfKind(_) | Target::AssignmentsOfKind(_) => {
            Ok(Page { is_complete: true, ..Page::empty() })
        }
        Target::EntitlementsOf(_) | Target::AssignmentsOf(_) => {
            Err(Error::Unsupported("single objects are not listed".into()))
        }
    }
}

fn objects(
    directory: &Directory<'_>,
    kind: &str,
    request: &PageRequest,
    place: Place,
) -> Result<Page> {
    let max_items = u64::from(request.max_items);
    let (resources, total) = directory.list(collection(kind)?, place.row, max_items)?;
    let objects = resources.iter().map(|resource| object(kind, resource)).collect();
    let page = Page { objects, ..Page::empty() };
    behind(page, place.row + resources.len() as u64, total)
}

fn entitlements(directory: &Directory<'_>, request: &PageRequest, place: Place) -> Result<Page> {
    let max_items = u64::from(request.max_items);
    let (groups, total) = directory.list("/Groups", place.row, max_items)?;
    let entitlements = groups.iter().map(entitlement).collect();
    let page = Page { entitlements, ..Page::empty() };
    behind(page, place.row + groups.len() as u64, total)
}

/// The page that ends before the row `next` of so many: the last one says that the list is whole.
fn behind(page: Page, next: u64, total: u64) -> Result<Page> {
    let is_complete = next >= total;
    let cursor = cursor::encode(&Place { row: next, members: 0 })?;
    let next = (!is_complete).then_some(cursor);
    Ok(Page { next, is_complete, expected_total: Some(total), ..page })
}

fn assignments(
    directory: &Directory<'_>,
    request: &PageRequest,
    mut place: Place,
) -> Result<Page> {
    let mut page = Page::empty();
    loop {
        // One group at a time: its members may be many.
        let (groups, total) = directory.list("/Groups", place.row, 1)?;
        if place.row >= total {
            return Ok(Page { is_complete: true, ..page });
        }
        let Some(group) = groups.first() else {
            return Err(Error::BadData("a list that ends before its total".into()));
        };
        let entitlement = entitlement_id(&text(group, "id"));
        for member in members(group).into_iter().skip(place.members) {
            if page.assignments.len() >= request.max_items as usize {
                return Ok(Page { next: Some(cursor::encode(&place)?), ..page });
            }
            let holder = ObjectRef::new("User", member);
            page.assignments.push(Assignment::new(&entitlement, holder));
            place.members += 1;
        }
        place = Place { row: place.row + 1, members: 0 };
    }
}

fn object(kind: &str, resource: &Value) -> Object {
    let mut object = Object::new(kind, text(resource, "id"));
    object.display = resource["displayName"].as_str().map(str::to_owned);
    if let Some(name) = resource["userName"].as_str() {
        object.id.name = Some(name.to_owned());
        object.attributes.push(Attribute::text("userName", name));
    }
    if resource["active"] == false {
        object.status = ObjectStatus::Disabled;
    }
    object
}

/// The id of a group's one entitlement.
fn entitlement_id(group: &str) -> String {
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

grantry_sdk::export!(Plugin: Lifecycle, Aggregate, Provision);

/// `cargo test`: the logic without a host, against a script.
#[cfg(test)]
mod tests {
    use grantry_sdk::http::{HttpError, RawRequest, Response, Transport};

    use super::*;

    /// Answers every request with this status and body.
    struct Script(u16, Value);

    impl Transport for Script {
        fn send(&self, _: &RawRequest) -> Result<Response, HttpError> {
            let body = self.1.to_string().into_bytes();
            Ok(Response { status: self.0, headers: Vec::new(), body })
        }
    }

    fn first_page(script: &Script) -> Result<Page> {
        let target = Target::Objects("User".into());
        let request =
            PageRequest { run_id: "r".into(), target, at: None, max_items: 2, max_bytes: 1 << 20 };
        read_page(&Directory { transport: script, url: "https://idp" }, &request)
    }

    #[test]
    fn a_full_page_has_a_next_one_and_the_last_one_is_complete() {
        let users = json!([{ "id": "1", "userName": "ada" }, { "id": "2", "userName": "bob" }]);
        let first = first_page(&Script(200, json!({ "totalResults": 3, "Resources": users })));
        let first = first.unwrap();
        assert_eq!((first.objects.len(), first.is_complete), (2, false));
        assert!(first.next.is_some());
        let last = first_page(&Script(200, json!({ "totalResults": 2, "Resources": users })));
        assert!(last.unwrap().is_complete);
    }

    #[test]
    fn a_failing_directory_is_never_an_empty_one() {
        assert!(first_page(&Script(500, json!({}))).is_err());
        assert!(first_page(&Script(401, json!({}))).is_err());
        assert!(first_page(&Script(200, json!({ "hello": "world" }))).is_err());
    }

    #[test]
    fn the_example_connection_is_valid() {
        assert!(Plugin::validate_config(Plugin::describe().example_connection).is_empty());
        assert!(!Plugin::validate_config(r#"{"url": "idp.example.com"}"#.into()).is_empty());
    }
}
