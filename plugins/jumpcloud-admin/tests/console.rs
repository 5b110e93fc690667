//! The connector against a console in this process that behaves as JumpCloud was seen to, and worse.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use grantry_sdk::aggregate::{Page, PageRequest, Target};
use grantry_sdk::http::{HttpError, RawRequest, Response, Transport};
use grantry_sdk::provision::{
    CreateRequest, Credential, DeleteMode, DeleteRequest, GrantRequest, Operation, Outcome,
    RevokeRequest, UpdateRequest, Verification,
};
use grantry_sdk::types::{Attribute, AttributeDelta, Error, ObjectRef, Value as Native};
use jumpcloud_admin::aggregate::read_page;
use jumpcloud_admin::client::Client;
use jumpcloud_admin::connection::Connection;
use jumpcloud_admin::provision::{apply, plan, verify};
use serde_json::{Value, json};

/// How the console strays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Quirk {
    #[default]
    None,
    /// `roles` is ignored: one role an administrator.
    OneRole,
    /// A write of the roles drops the first one.
    DropsRole,
    /// The answer to a write is lost after it happened.
    LosesAnswers,
    /// Says that there is one more than it lists.
    CountsTooMany,
    /// The first administrator of 230 is deleted while a listing is past its first part.
    Shrinks,
}

struct Console {
    quirk: Quirk,
    administrators: RefCell<Vec<Value>>,
    roles: Vec<Value>,
    writes: Cell<usize>,
}

impl Console {
    fn new(administrators: usize, quirk: Quirk) -> Self {
        let roles: Vec<Value> = ["Administrator", "Help Desk", "Read Only"]
            .iter()
            .enumerate()
            .map(|(n, name)| json!({ "id": format!("r{n}"), "name": name, "scopes": [] }))
            .collect();
        let one = |n: usize| {
            let email = format!("a{n:03}@example.com");
            json!({ "_id": format!("{n:03}"), "email": email, "role": "r2", "roleName": "Read Only" })
        };
        let administrators = RefCell::new((0..administrators).map(one).collect());
        Self { quirk, administrators, roles, writes: Cell::new(0) }
    }

    fn answer(&self, request: &RawRequest) -> (u16, Value) {
        let path = request.url.strip_prefix("https://console.jumpcloud.com").expect("the console");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["api", "v2", "roles"]) => (200, self.list(&self.roles, query)),
            ("GET", ["api", "v2", "roles", id]) => found(self.roles.iter(), "id", id),
            ("GET", ["api", "users"])
                if self.quirk == Quirk::Shrinks && !query.contains("skip=0") =>
            {
                let mut all = self.administrators.borrow_mut();
                if all.len() == 230 {
                    all.remove(0);
                }
                (200, self.list(&all, query))
            }
            ("GET", ["api", "users"]) => (200, self.list(&self.administrators.borrow(), query)),
            ("GET", ["api", "users", id]) => found(self.administrators.borrow().iter(), "_id", id),
            ("POST", ["api", "users"]) => {
                let mut new = body;
                new["_id"] = "new".into();
                new["role"] = self.role_named(&new["roleName"])["id"].clone();
                self.administrators.borrow_mut().push(new.clone());
                (201, new)
            }
            ("PUT", ["api", "users", id]) => self.change(id, &body),
            ("DELETE", ["api", "users", id]) => {
                let mut all = self.administrators.borrow_mut();
                let before = all.len();
                all.retain(|one| one["_id"] != **id);
                (if all.len() < before { 200 } else { 404 }, Value::Null)
            }
            other => panic!("{other:?}"),
        }
    }

    fn change(&self, id: &str, body: &Value) -> (u16, Value) {
        let mut all = self.administrators.borrow_mut();
        let Some(one) = all.iter_mut().find(|one| one["_id"] == *id) else {
            return (404, Value::Null);
        };
        for (name, value) in body.as_object().expect("an object") {
            match name.as_str() {
                "roles" if self.quirk == Quirk::OneRole => {}
                "roles" if self.quirk == Quirk::DropsRole => {
                    one["roles"] = json!(value.as_array().unwrap()[1..]);
                }
                "roles" => {
                    one["roles"] = value.clone();
                    one["roleName"] = "Multi Role".into();
                }
                "roleName" => {
                    one["roleName"] = value.clone();
                    one["role"] = self.role_named(value)["id"].clone();
                    one.as_object_mut().unwrap().remove("roles");
                }
                name => one[name] = value.clone(),
            }
        }
        (200, one.clone())
    }

    fn role_named(&self, name: &Value) -> &Value {
        self.roles.iter().find(|role| role["name"] == *name).unwrap_or(&Value::Null)
    }

    fn list(&self, all: &[Value], query: &str) -> Value {
        let of = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let number = |name: &str| of(name).and_then(|text| text.parse().ok()).expect("a number");
        assert!(number("limit") <= 100);
        let wanted = of("filter")
            .map(|filter| filter.strip_prefix("email:$eq:").expect("a filter").replace("%40", "@"));
        let fits = all.iter().filter(|one| wanted.as_ref().is_none_or(|w| one["email"] == **w));
        let fits: Vec<&Value> = fits.collect();
        let extra = usize::from(self.quirk == Quirk::CountsTooMany);
        let page: Vec<_> = fits.iter().skip(number("skip")).take(number("limit")).collect();
        json!({ "results": page, "totalCount": fits.len() + extra })
    }
}

fn found<'a>(mut all: impl Iterator<Item = &'a Value>, name: &str, id: &str) -> (u16, Value) {
    all.find(|one| one[name] == *id).map_or((404, Value::Null), |one| (200, one.clone()))
}

impl Transport for Console {
    fn send(&self, request: &RawRequest) -> Result<Response, HttpError> {
        assert_eq!(request.auth.as_deref(), Some("api-key"));
        let (status, body) = self.answer(request);
        if request.method != "GET" {
            self.writes.set(self.writes.get() + 1);
            if self.quirk == Quirk::LosesAnswers {
                return Err(HttpError::TimedOut);
            }
        }
        Ok(Response { status, headers: Vec::new(), body: body.to_string().into_bytes() })
    }
}

fn connection(more: Value) -> Connection {
    let mut connection = json!({ "url": "https://console.jumpcloud.com/" });
    for (name, value) in more.as_object().unwrap() {
        connection[name] = value.clone();
    }
    serde_json::from_value(connection).unwrap()
}

fn run(console: &Console, operation: &Operation) -> Result<Outcome, Error> {
    apply(&Client::new(console, &connection(json!({}))), operation, 1)
}

fn is_so(console: &Console, operation: &Operation) -> bool {
    let verified = verify(&Client::new(console, &connection(json!({}))), operation);
    verified.unwrap() == Verification::Holds
}

fn grant(role: &str, holder: &str) -> Operation {
    Operation::Grant(GrantRequest {
        entitlement: format!("{role}:holder"),
        on: ObjectRef::new("Role", role),
        holder: ObjectRef::new("Administrator", holder),
        ends_ms: None,
        parameters: Vec::new(),
    })
}

fn revoke(role: &str, holder: &str) -> Operation {
    Operation::Revoke(RevokeRequest {
        entitlement: format!("{role}:holder"),
        on: ObjectRef::new("Role", role),
        holder: ObjectRef::new("Administrator", holder),
        assignment_id: None,
    })
}

fn all(console: &Console, target: &Target, max_items: u32) -> (Vec<Page>, Vec<String>) {
    let connection = connection(json!({}));
    let client = Client::new(console, &connection);
    let (mut pages, mut rows, mut at) = (Vec::new(), Vec::new(), None);
    loop {
        let (run_id, max_bytes) = ("run".into(), 1 << 20);
        let request = PageRequest { run_id, target: target.clone(), at, max_items, max_bytes };
        let page = read_page(&client, &request).unwrap();
        rows.extend(page.objects.iter().map(|object| object.id.id.clone()));
        let held =
            |row: &grantry_sdk::types::Assignment| format!("{} {}", row.holder.id, row.entitlement);
        rows.extend(page.assignments.iter().map(held));
        at = page.next.clone();
        pages.push(page);
        if at.is_none() {
            return (pages, rows);
        }
    }
}

#[test]
fn a_listing_that_shrinks_while_it_is_read_is_not_complete() {
    let administrators = Target::Objects("Administrator".into());
    let assignments = Target::AssignmentsOfKind("Role".into());
    for target in [administrators, assignments] {
        for page in [1_000, 40] {
            let (pages, rows) = all(&Console::new(230, Quirk::Shrinks), &target, page);
            assert_eq!(rows.len(), 229, "one that lives was passed over");
            assert!(pages.iter().all(|page| !page.is_complete));
            let (pages, _) = all(&Console::new(230, Quirk::None), &target, page);
            assert!(pages.last().unwrap().is_complete);
        }
    }
}

#[test]
fn everything_is_listed_once_whatever_the_page_size() {
    let console = Console::new(230, Quirk::None);
    for number in (0..230).step_by(3) {
        let roles = json!({ "roles": ["r0", "r1", "r2"] });
        console.change(&format!("{number:03}"), &roles);
    }
    let administrators = Target::Objects("Administrator".into());
    let assignments = Target::AssignmentsOfKind("Role".into());
    for target in [administrators, assignments] {
        let (pages, whole) = all(&console, &target, 1_000);
        assert!(pages.last().unwrap().is_complete);
        assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), whole.len());
        for max_items in [1, 7, 100] {
            assert_eq!(all(&console, &target, max_items).1, whole, "{max_items}");
        }
    }
    let held = all(&console, &Target::AssignmentsOfKind("Role".into()), 1_000).1;
    assert_eq!(held.len(), 230 + 2 * 77);
    let of_one = all(&console, &Target::AssignmentsOf(ObjectRef::new("Role", "r1")), 1_000).1;
    assert_eq!(of_one.len(), 77);
}

#[test]
fn a_list_that_ends_short_of_its_count_is_not_complete() {
    let console = Console::new(30, Quirk::CountsTooMany);
    let (pages, rows) = all(&console, &Target::Objects("Administrator".into()), 1_000);
    assert_eq!(rows.len(), 30);
    assert!(!pages.last().unwrap().is_complete);
}

#[test]
fn a_role_is_added_to_the_others_and_taken_away_alone() {
    let console = Console::new(2, Quirk::None);
    let (granted, revoked) = (grant("r1", "000"), revoke("r1", "000"));
    assert!(!is_so(&console, &granted) && is_so(&console, &revoked));
    assert!(matches!(run(&console, &granted), Ok(Outcome::Done(e)) if e.also_revoked.is_empty()));
    assert_eq!(console.administrators.borrow()[0]["roles"], json!(["r2", "r1"]));
    assert!(matches!(run(&console, &granted), Ok(Outcome::Already(_))));
    assert!(is_so(&console, &granted));
    assert!(matches!(run(&console, &revoked), Ok(Outcome::Done(_))));
    assert!(matches!(run(&console, &revoked), Ok(Outcome::Already(_))));
    assert!(is_so(&console, &revoked) && is_so(&console, &grant("r2", "000")));
    assert_eq!(console.writes.get(), 2);
}

#[test]
fn an_administrator_keeps_the_last_role() {
    let console = Console::new(1, Quirk::None);
    let refused = run(&console, &revoke("r2", "000")).unwrap_err();
    assert!(matches!(refused, Error::PreconditionFailed(why) if why.contains("only role")));
    assert_eq!(console.writes.get(), 0);
}

#[test]
fn what_a_write_dropped_is_reported() {
    let console = Console::new(1, Quirk::DropsRole);
    let Ok(Outcome::Done(effects)) = run(&console, &grant("r1", "000")) else { panic!() };
    assert_eq!(effects.also_revoked[0].entitlement, "r2:holder");
}

#[test]
fn where_there_is_one_role_only_it_is_replaced_if_that_was_allowed() {
    let console = Console::new(1, Quirk::OneRole);
    let refused = run(&console, &grant("r1", "000")).unwrap_err();
    assert!(
        matches!(refused, Error::PreconditionFailed(why) if why.contains("one role at a time"))
    );
    assert_eq!(console.administrators.borrow()[0]["role"], "r2");

    let allowed = connection(json!({ "may_replace_role": true }));
    let outcome = apply(&Client::new(&console, &allowed), &grant("r1", "000"), 1).unwrap();
    let Outcome::Done(effects) = outcome else { panic!("{outcome:?}") };
    assert_eq!(effects.replaced[0].entitlement, "r2:holder");
    assert_eq!(console.administrators.borrow()[0]["roleName"], "Help Desk");
}

#[test]
fn a_lost_answer_is_an_unknown_outcome_that_reading_back_resolves() {
    let console = Console::new(1, Quirk::LosesAnswers);
    let granted = grant("r1", "000");
    assert!(matches!(run(&console, &granted), Err(Error::OutcomeUnknown(_))));
    assert!(is_so(&console, &granted));
    assert!(matches!(run(&console, &granted), Ok(Outcome::Already(_))));
    assert_eq!(console.writes.get(), 1);
}

fn new_administrator(role: &str) -> Operation {
    let attributes =
        vec![Attribute::text("email", "eve@example.com"), Attribute::text("role", role)];
    Operation::Create(CreateRequest {
        kind: "Administrator".into(),
        attributes,
        parent: None,
        credential: Credential::None,
        must_change: false,
        ends_ms: None,
    })
}

#[test]
fn an_administrator_for_a_time_is_invited_once_and_deleted() {
    let console = Console::new(1, Quirk::None);
    let create = new_administrator("help desk");
    let outcome = run(&console, &create).unwrap();
    let Outcome::Invited(invitation) = outcome else { panic!("{outcome:?}") };
    let made = invitation.object.unwrap();
    assert_eq!(made.id.name.as_deref(), Some("eve@example.com"));
    assert!(is_so(&console, &create));
    assert!(matches!(run(&console, &create), Err(Error::AlreadyExists(Some(_)))));
    let client = connection(json!({}));
    let again = apply(&Client::new(&console, &client), &create, 2);
    assert!(matches!(again, Ok(Outcome::Invited(_))), "{again:?}");
    assert_eq!(console.writes.get(), 1);

    let about = made.id.to_ref();
    let delete = Operation::Delete(DeleteRequest { about, mode: DeleteMode::Hard });
    assert!(matches!(run(&console, &delete), Ok(Outcome::Done(_))));
    assert!(matches!(run(&console, &delete), Ok(Outcome::Already(_))));
    assert!(is_so(&console, &delete));
}

#[test]
fn a_new_administrator_without_a_known_role_is_refused() {
    let console = Console::new(1, Quirk::None);
    let refused = run(&console, &new_administrator("Owner")).unwrap_err();
    assert!(matches!(refused, Error::InvalidInput(issues) if issues[0].code == "unknown_role"));
    assert_eq!(console.writes.get(), 0);
}

#[test]
fn names_are_changed_and_read_back() {
    let console = Console::new(1, Quirk::None);
    let replace = Some(vec![Native::Text("Ada".into())]);
    let delta = |name: &str| AttributeDelta {
        name: name.into(),
        add: vec![],
        remove: vec![],
        replace: replace.clone(),
    };
    let update = |name: &str| {
        let about = ObjectRef::new("Administrator", "000");
        Operation::Update(UpdateRequest { about, deltas: vec![delta(name)], if_match: None })
    };
    assert!(matches!(run(&console, &update("firstname")), Ok(Outcome::Done(_))));
    assert!(matches!(run(&console, &update("firstname")), Ok(Outcome::Already(_))));
    assert!(matches!(run(&console, &update("email")), Err(Error::InvalidInput(_))));
}

#[test]
fn a_plan_writes_nothing_and_names_the_call() {
    let console = Console::new(1, Quirk::None);
    let connection = connection(json!({}));
    let client = Client::new(&console, &connection);
    let planned = plan(&client, &grant("r1", "000")).unwrap();
    assert_eq!(planned.calls[0].url, "https://console.jumpcloud.com/api/users/000");
    assert!(plan(&client, &grant("r2", "000")).unwrap().calls.is_empty());
    assert_eq!(console.writes.get(), 0);
}

#[test]
fn a_role_that_is_not_there_and_a_holder_that_is_none_are_refused() {
    let console = Console::new(1, Quirk::None);
    assert!(matches!(run(&console, &grant("r9", "000")), Err(Error::NotFound(Some(_)))));
    assert!(matches!(run(&console, &grant("r1", "999")), Err(Error::NotFound(Some(_)))));
    assert!(matches!(run(&console, &revoke("r1", "999")), Ok(Outcome::Already(_))));
    let mut foreign = grant("r1", "000");
    if let Operation::Grant(request) = &mut foreign {
        request.entitlement = "r2:holder".into();
    }
    assert!(matches!(run(&console, &foreign), Err(Error::InvalidInput(_))));
}
