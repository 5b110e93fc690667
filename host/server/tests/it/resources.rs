//! Owners and maintainers of resources, and which identity somebody who signs in is (PRM-6, INT-9).

use axum::body::Body;
use grantry_authz::{Door, Role, actions};
use grantry_engine::token_text;
use grantry_model::ids::{IssuerId, PrincipalId};
use grantry_model::permission::PrincipalKind;
use grantry_store::{AuditEntry, NewPerson, NewPrincipal, PersonIdentity};
use http::header;
use serde_json::{Value, json};

use crate::host::{Host, Reply, fresh_key, text};
use crate::owners::assert_every_operation;
use crate::permission_matrix::{Which, World, world};
use crate::sessions::Browser;

/// A change with the tag of what is there, as the bearer of a token.
async fn change(
    host: &Host,
    token: &str,
    method: &str,
    path: &str,
    at: &str,
    body: Value,
) -> Reply {
    let tag = host.get(at).await.header("etag").to_owned();
    let request = host.request(method, path, &body).header(header::IF_MATCH, tag);
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    host.send(request).await
}

/// A data source whose people sign in by an issuer: its path, and the issuer's id.
async fn tied(host: &Host, known_by: &str, file: &str) -> (String, String) {
    let issuer = json!({"name": "Login", "kind": "generic", "url": "https://login.example",
        "audience": "grantry", "client_id": "grantry", "allows_sign_up": true});
    let issuer = text(&host.call("POST", "/issuers", issuer).await.ok(), "id");
    let made = host.call("POST", "/data-sources", json!({"name": "People"})).await.ok();
    let path = format!("/data-sources/{}", text(&made, "id"));
    host.applied(&path, file).await;
    let tie = json!({"sign_in": {"issuer_id": issuer, "known_by": known_by}});
    change(host, &host.admin, "PATCH", &path, &path, tie).await.ok();
    (path, issuer)
}

/// Applies a list that takes much away.
async fn approved(host: &Host, path: &str, file: &str) {
    let upload = host.send_list(path, file).await.ok();
    let hash = &upload["diff"]["hash"];
    let apply = format!("{path}/uploads/{}/apply", text(&upload, "id"));
    host.call("POST", &apply, json!({"diff": hash, "approve_diff": hash})).await.ok();
}

/// The names of the identities that somebody is.
async fn own(browser: &mut Browser<'_>) -> Vec<String> {
    let told = browser.get("/me/identities").await.ok();
    told["items"].as_array().unwrap().iter().map(|item| text(item, "external_id")).collect()
}

#[tokio::test]
async fn who_signs_in_is_the_identity_that_the_subject_names() {
    let host = Host::start().await;
    let file = "external_id,email\nsubject-of-ada,\nsubject-of-bob,ada@example.com\n";
    let (path, issuer) = tied(&host, "subject", file).await;
    let mut ada = Browser::new(&host);
    ada.sign_in(&issuer, "ada").await;
    assert_eq!(own(&mut ada).await, ["subject-of-ada"]);
    // Who is not active any more is nobody, and so is who was never there.
    let gone = "external_id,active\nsubject-of-ada,no\nsubject-of-bob,\n";
    approved(&host, &path, gone).await;
    assert_eq!(own(&mut ada).await, [""; 0]);
    let mut eve = Browser::new(&host);
    eve.sign_in(&issuer, "eve").await;
    assert_eq!(own(&mut eve).await, [""; 0]);
    approved(&host, &path, &gone.replace("no", "yes")).await;
    assert_eq!(own(&mut ada).await, ["subject-of-ada"]);
    change(&host, &host.admin, "PATCH", &path, &path, json!({"sign_in": null})).await.ok();
    assert_eq!(own(&mut ada).await, [""; 0]);
}

#[tokio::test]
async fn a_mail_address_tells_who_it_is_where_the_issuer_has_verified_it_and_it_is_one_persons() {
    let host = Host::start().await;
    let (path, issuer) =
        tied(&host, "verified_mail", "external_id,email\n1,Ada@example.com\n2,eve@example.com\n")
            .await;
    let (mut ada, mut eve) = (Browser::new(&host), Browser::new(&host));
    ada.sign_in(&issuer, "ada").await;
    assert_eq!(own(&mut ada).await, ["1"]);
    // Not verified; and what people say of their own address proves nothing.
    let signed_in = eve.sign_in(&issuer, "eve%3F").await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(own(&mut eve).await, [""; 0]);
    let csrf = text(&eve.get("/me").await.ok()["session"], "csrf_token");
    eve.send("PATCH", "/me", Some(&csrf), json!({"mail": "eve@example.com"})).await.ok();
    assert_eq!(own(&mut eve).await, [""; 0]);
    approved(&host, &path, "external_id,email\n1,ada@example.com\n2,ada@example.com\n").await;
    assert_eq!(own(&mut ada).await, [""; 0]);
}

#[tokio::test]
async fn a_data_source_is_tied_to_what_an_issuer_vouches_for_only() {
    let host = Host::start().await;
    let made = host.call("POST", "/data-sources", json!({"name": "People"})).await.ok();
    let path = format!("/data-sources/{}", text(&made, "id"));
    let unknown = json!({"sign_in": {"issuer_id": "none", "known_by": "subject"}});
    let refused = change(&host, &host.admin, "PATCH", &path, &path, unknown).await;
    assert_eq!(refused.json()["errors"][0]["code"], "unknown_issuer");
    let tenant = "11111111-2222-3333-4444-555555555555";
    let entra = json!({"name": "Entra", "kind": "entra", "tenant_id": tenant,
        "audience": "api://grantry", "client_id": tenant});
    let issuer = text(&host.call("POST", "/issuers", entra).await.ok(), "id");
    let by_mail = json!({"sign_in": {"issuer_id": issuer, "known_by": "verified_mail"}});
    let refused = change(&host, &host.admin, "PATCH", &path, &path, by_mail).await;
    assert_eq!(refused.json()["errors"][0]["code"], "not_proven");
}

/// A token of the person whom the issuer of that world calls so.
async fn known_person(host: &Host, issuer: &str, subject: &str) -> String {
    let admin = host.engine.authenticate(&host.admin, Door::Http, "test").await.unwrap().unwrap();
    let permit = admin.actor.permit_admin::<actions::PersonWrite>().unwrap();
    let tokens = admin.actor.permit_admin::<actions::ClientWrite>().unwrap();
    let db = host.engine.db();
    let new = NewPerson {
        principal: NewPrincipal {
            id: PrincipalId::parse(&format!("{subject}-{}", fresh_key())).unwrap(),
            kind: PrincipalKind::Person,
            name: subject.to_owned(),
            description: String::new(),
            role: Some(Role::User),
        },
        issuer_id: IssuerId::parse(issuer).unwrap(),
        identity: PersonIdentity::Subject(subject.to_owned()),
        user_name: String::new(),
        mail: None,
    };
    let (record, token) = token_text(db, &new.principal.id, None);
    let mut tx = db.begin(permit.provenance()).await.unwrap();
    tx.create_person(&permit, &new).await.unwrap();
    tx.create_token(&tokens, &record).await.unwrap();
    tx.commit(AuditEntry::about("test", "person", subject, json!({}))).await.unwrap();
    token.expose().to_owned()
}

/// The world of the matrix with an owner and a maintainer of its own resource: their tokens.
async fn peopled() -> (World, String, String) {
    let world = world().await;
    let host = &world.host;
    let source = format!("/data-sources/{}", world.own["data_source_id"]);
    host.applied(&source, "external_id\n1\nada\nbob\n").await;
    let issuer = &world.own["issuer_id"];
    let tie = json!({"sign_in": {"issuer_id": issuer, "known_by": "subject"}});
    change(host, &host.admin, "PATCH", &source, &source, tie).await.ok();
    let list = host.get(&format!("{source}/identities")).await.ok();
    let identity = |name: &str| {
        let items = list["items"].as_array().unwrap();
        text(items.iter().find(|item| item["external_id"] == name).unwrap(), "id")
    };
    let resource = format!("/resources/{}", world.own["resource_id"]);
    let people = json!({"owners": [identity("ada")], "maintainers": [identity("bob")]});
    let path = format!("{resource}/people");
    let set = change(host, &host.admin, "PUT", &path, &resource, people).await.ok();
    assert_eq!(set["owners"][0]["identity_id"], json!(identity("ada")));
    let owner = known_person(host, issuer, "ada").await;
    let maintainer = known_person(host, issuer, "bob").await;
    (world, owner, maintainer)
}

fn oracle(id: &str, action: &str, path: &str, which: Which, held: &[&str]) -> u16 {
    let is_entity = path.contains("{app_id}") || path.contains("{data_source_id}");
    // What is below an app is of one that lists feed, whose resource is another one.
    let is_about = !path.contains("{app_id}")
        && (path.contains("{resource_id}") || path.contains("{entitlement_id}"));
    match action {
        "public" | "none" => 200,
        _ if held.contains(&action) && is_about && which == Which::Own => 200,
        _ if action.contains('.') => 403,
        // The task is one of an app that lists feed.
        "request" if path.contains("{task_id}") => 404,
        // A request for a role on the own resource is decided by its owner, and not taken back.
        "request" if !held.contains(&"resource.write") || which != Which::Own => 404,
        "request" if id == "withdraw_request" => 403,
        _ if is_entity => 404,
        _ => 200,
    }
}

#[tokio::test]
async fn an_owner_of_a_resource_may_do_what_the_table_says_and_nothing_beyond_it() {
    let (world, owner, _) = peopled().await;
    let held = ["resource.read", "resource.write", "resource.settle"];
    let expected =
        |id: &str, action: &str, path: &str, which| oracle(id, action, path, which, &held);
    assert_every_operation(&world, &owner, &[Which::Own, Which::Other], expected).await;
}

#[tokio::test]
async fn a_maintainer_of_a_resource_reads_and_settles_and_nothing_beyond_it() {
    let (world, _, maintainer) = peopled().await;
    let held = ["resource.read", "resource.settle"];
    let expected =
        |id: &str, action: &str, path: &str, which| oracle(id, action, path, which, &held);
    assert_every_operation(&world, &maintainer, &[Which::Own, Which::Other], expected).await;
}

#[tokio::test]
async fn people_of_a_resource_see_it_and_are_told_of_it_until_they_are_not_any_more() {
    let (world, owner, maintainer) = peopled().await;
    let host = &world.host;
    let id = &world.own["resource_id"];
    let path = format!("/resources/{id}");
    let told = host.get_as(&maintainer, "/me/resources").await.ok();
    assert_eq!(told["items"], json!([{"resource_id": id, "relation": "maintainer"}]));
    let roles = host.get_as(&maintainer, &format!("{path}/roles")).await.ok();
    assert_eq!(roles["items"][0]["resource_id"], json!(id));
    let members = host.get_as(&maintainer, &format!("{path}/memberships")).await.ok();
    assert_eq!(members["items"][0]["id"], json!(world.own["membership_id"]));
    // An owner takes the maintainer's place away.
    let none = json!({"maintainers": []});
    let set = change(host, &owner, "PUT", &format!("{path}/people"), &path, none).await.ok();
    assert_eq!((set["owners"].as_array().unwrap().len(), &set["maintainers"]), (1, &json!([])));
    assert_eq!(host.get_as(&maintainer, &path).await.status, 403);
    let why = host.get("/audit?event=resource.people_set&limit=1").await.ok();
    let entry = &why["items"][0];
    assert_eq!((&entry["entity_id"], &entry["is_allowed"]), (&json!(id), &json!(true)));
    assert_eq!(entry["detail"]["after"], json!({"maintainer": []}));
    // A stale change, and somebody who is not there, are refused.
    let stale = host.request("PUT", &format!("{path}/people"), &json!({}));
    let stale = stale.header(header::IF_MATCH, "\"1\"").body(Body::from("{}")).unwrap();
    assert_eq!(host.send(stale).await.status, 412);
    let unknown = json!({"owners": ["none"]});
    let refused = change(host, &owner, "PUT", &format!("{path}/people"), &path, unknown).await;
    assert_eq!(refused.json()["errors"][0]["code"], "unknown_identity");
}

#[tokio::test]
async fn an_owner_of_a_listed_apps_resource_settles_what_waits() {
    let (world, owner, maintainer) = peopled().await;
    let host = &world.host;
    let app = format!("/apps/{}", world.own["csv app_id"]);
    approved(host, &app, "user_name,roles\nada,Audit\nbob,Admin\n").await;
    let of = |list: &Value, name: &str| {
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["display"] == name).unwrap().clone()
    };
    let role = of(&host.get(&format!("{app}/roles")).await.ok(), "Admin");
    let ada = text(&of(&host.get(&format!("{app}/accounts")).await.ok(), "ada"), "id");
    let granted = json!({"role_id": text(&role, "id"), "account_id": ada});
    let granted = host.call("POST", &format!("{app}/memberships"), granted).await.ok();
    let resource = format!("/resources/{}", text(&role, "resource_id"));
    let settle = format!("{resource}/memberships/{}/settle", text(&granted, "id"));
    assert_eq!(host.call_as(&owner, "POST", &settle, Value::Null).await.status, 403);
    let own = host.get(&format!("/resources/{}", world.own["resource_id"])).await.ok();
    let people = json!({"owners": [own["owners"][0]["identity_id"]]});
    let path = format!("{resource}/people");
    change(host, &host.admin, "PUT", &path, &resource, people).await.ok();
    let waiting = host.get_as(&owner, &format!("{resource}/memberships?waiting=true")).await.ok();
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1);
    assert_eq!(host.call_as(&maintainer, "POST", &settle, Value::Null).await.status, 403);
    // A membership of another resource is not there.
    let other = format!(
        "/resources/{}/memberships/{}/settle",
        world.own["resource_id"],
        text(&granted, "id")
    );
    assert_eq!(host.call_as(&owner, "POST", &other, Value::Null).await.status, 404);
    let settled = host.call_as(&owner, "POST", &settle, Value::Null).await.ok();
    assert_eq!(settled["status"], "active");
}
