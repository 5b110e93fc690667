//! The directory without quirks keeps to the RFCs.

use std::collections::BTreeSet;

use grantry_tests::directory::Directory;
use grantry_tests::peers::scim::ScimClient;
use reqwest::Method;
use serde_json::{Value, json};

use super::http;

const ADA: &str = "ada.abebe@northwind.example";

struct Caller {
    directory: Directory,
}

impl Caller {
    fn new() -> Self {
        Self { directory: Directory::builder().start().unwrap() }
    }

    fn client(&self) -> ScimClient {
        ScimClient::new(&self.directory.base_url(), self.directory.token()).unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.directory.base_url());
        let request = http::request(method, &url, self.directory.token(), body);
        http::answer(request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.1
    }

    async fn patch(&self, path: &str, operations: Value) -> (u16, Value) {
        self.send(Method::PATCH, path, Some(&http::patch(&operations))).await
    }
}

#[tokio::test]
async fn two_hundred_people_and_thirty_groups_are_the_same_on_every_start() {
    let first = Directory::builder().start().unwrap();
    let second = Directory::builder().start().unwrap();
    let names = |directory: &Directory| -> BTreeSet<String> {
        let names = directory.people().into_iter().map(|each| each["displayName"].to_string());
        names.collect()
    };
    assert_eq!((first.people().len(), first.groups().len()), (200, 30));
    assert_eq!(names(&first).len(), 200);
    assert_eq!(first.memberships(), second.memberships());
    assert_eq!(names(&first), names(&second));
    assert!(first.groups().iter().all(|group| group["members"].is_array()));
}

#[tokio::test]
async fn thousands_of_people_have_different_user_names() {
    let directory = Directory::builder().people(3_000).groups(35).start().unwrap();
    assert_eq!(directory.people().len(), 3_000);
    assert!(directory.person_id("ada.abebe2@northwind.example").is_some());
    assert!(directory.group_id("All employees 2").is_some());
}

#[tokio::test]
async fn pages_add_up_to_everything() {
    let caller = Caller::new();
    let found = caller.client().snapshot().await.unwrap();
    let page = caller.get("/Users?startIndex=199&count=50").await;
    assert_eq!(found.users.len(), 200);
    assert_eq!(found.memberships(), caller.directory.memberships());
    assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(200), &json!(2)));
    assert_eq!(page["startIndex"], 199);
}

#[tokio::test]
async fn filters_find_by_user_name_and_id_and_take_quotes_only_escaped() {
    let caller = Caller::new();
    let id = caller.directory.person_id(ADA).unwrap();
    let total = async |filter: &str| -> (u16, Value) {
        let encoded: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let (status, body) =
            caller.send(Method::GET, &format!("/Users?filter={encoded}"), None).await;
        (status, body["totalResults"].clone())
    };
    assert_eq!(total("userName eq \"ADA.abebe@northwind.example\"").await, (200, json!(1)));
    assert_eq!(total(&format!("id eq \"{id}\" and active eq true")).await, (200, json!(1)));
    assert_eq!(total(&format!("emails.value eq \"{ADA}\"")).await, (200, json!(1)));
    assert_eq!(total("userName eq \"a\\\"b\"").await, (200, json!(0)));
    assert_eq!(total("userName eq \"a\" or \"b\"").await.0, 400);
    assert_eq!(total("userName eq \"a\"b\"").await.0, 400);
    assert_eq!(total("userName regex \"a\"").await.0, 400);
}

#[tokio::test]
async fn lists_leave_out_excluded_attributes() {
    let caller = Caller::new();
    let page = caller.get("/Groups?excludedAttributes=members&count=1").await;
    let group = &page["Resources"][0];
    assert!(group["id"].is_string() && group["displayName"].is_string());
    assert_eq!(group.get("members"), None);
}

#[tokio::test]
async fn a_user_is_created_read_replaced_and_deleted() {
    let caller = Caller::new();
    let new = json!({ "userName": "new@northwind.example", "active": true });
    let (status, created) = caller.send(Method::POST, "/Users", Some(&new)).await;
    assert_eq!(status, 201);
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    assert_eq!(caller.send(Method::POST, "/Users", Some(&new)).await.1["scimType"], "uniqueness");

    let other = json!({ "userName": "new@northwind.example", "active": false, "title": "Intern" });
    assert_eq!(caller.send(Method::PUT, &path, Some(&other)).await.0, 200);
    assert_eq!(caller.get(&path).await["title"], "Intern");
    assert_eq!(caller.send(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(caller.send(Method::GET, &path, None).await.0, 404);
    assert_eq!(caller.send(Method::DELETE, &path, None).await.0, 404);
}

#[tokio::test]
async fn members_are_added_and_removed_one_by_one() {
    let caller = Caller::new();
    let group = caller.directory.group_id("Break-glass administrators").unwrap();
    let ada = caller.directory.person_id(ADA).unwrap();
    let path = format!("/Groups/{group}");
    let before = caller.directory.members_of(&group);
    let added = json!([{ "op": "Add", "path": "members", "value": [{ "value": ada }] }]);
    let removed = json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]);

    let (status, body) = caller.patch(&path, added.clone()).await;
    assert_eq!((status, body["members"].as_array().unwrap().len()), (200, before.len() + 1));
    caller.patch(&path, added).await;
    caller.patch(&path, removed.clone()).await;
    caller.patch(&path, removed).await;

    assert_eq!(caller.directory.members_of(&group), before);
    let applied: Vec<bool> =
        caller.directory.requests().iter().map(|request| request.is_applied).collect();
    assert_eq!(applied, [true, false, true, false]);
}

#[tokio::test]
async fn a_removal_with_a_value_and_an_unknown_member_are_refused() {
    let caller = Caller::new();
    let group = caller.directory.group_id("VPN users").unwrap();
    let before = caller.directory.members_of(&group);
    let member = before.first().unwrap();
    let path = format!("/Groups/{group}");
    let value = json!([{ "value": member }]);
    let removed = json!([{ "op": "remove", "path": "members", "value": value }]);
    let unknown = json!([{ "op": "add", "path": "members", "value": [{ "value": "nobody" }] }]);

    assert_eq!(caller.patch(&path, removed).await.0, 400);
    assert_eq!(caller.patch(&path, unknown).await.1["scimType"], "invalidValue");

    assert_eq!(caller.directory.members_of(&group), before);
}

#[tokio::test]
async fn patch_reaches_sub_attributes_filtered_values_and_extensions() {
    let caller = Caller::new();
    let path = format!("/Users/{}", caller.directory.person_id(ADA).unwrap());
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let operations = json!([
        { "op": "replace", "path": "name.givenName", "value": "Augusta" },
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@example.com" },
        { "op": "add", "path": format!("{urn}:department"), "value": "Research" },
        { "op": "replace", "value": { "active": false, "DISPLAYNAME": "Augusta A." } },
    ]);

    let (status, body) = caller.patch(&path, operations).await;

    assert_eq!(status, 200, "{body}");
    assert_eq!(body["name"]["givenName"], "Augusta");
    assert_eq!(body["emails"][0]["value"], "a@example.com");
    assert_eq!(body[urn]["department"], "Research");
    assert_eq!(body[urn]["employeeNumber"], "1001");
    assert_eq!((&body["active"], &body["displayName"]), (&json!(false), &json!("Augusta A.")));
}

#[tokio::test]
async fn a_patch_with_one_bad_operation_changes_nothing() {
    let caller = Caller::new();
    let path = format!("/Users/{}", caller.directory.person_id(ADA).unwrap());
    let before = caller.get(&path).await;
    for bad in [
        json!({ "op": "replace", "path": "active", "value": "False" }),
        json!({ "op": "replace", "path": "emails[type eq \"home\"].value", "value": "x" }),
        json!({ "op": "increment", "path": "title", "value": 1 }),
        json!({ "op": "replace", "path": "id", "value": "x" }),
        json!({ "op": "remove" }),
    ] {
        let first = json!({ "op": "replace", "path": "title", "value": "Changed" });
        assert_eq!(caller.patch(&path, json!([first, bad])).await.0, 400, "{bad}");
    }
    assert_eq!(caller.get(&path).await, before);
}

#[tokio::test]
async fn a_stale_etag_is_refused_and_a_current_one_accepted() {
    let caller = Caller::new();
    let path = format!("/Users/{}", caller.directory.person_id(ADA).unwrap());
    let url = format!("{}{path}", caller.directory.base_url());
    let read = http::request(Method::GET, &url, caller.directory.token(), None).send().await;
    let etag = read.unwrap().headers()["etag"].to_str().unwrap().to_owned();
    let change = async |etag: &str, title: &str| {
        let operation = json!([{ "op": "replace", "path": "title", "value": title }]);
        let body = http::patch(&operation);
        let token = caller.directory.token();
        let request = http::request(Method::PATCH, &url, token, Some(&body));
        request.header("if-match", etag).send().await.unwrap().status().as_u16()
    };

    assert_eq!(change(&etag, "One").await, 200);
    assert_eq!(change(&etag, "Two").await, 412);
    assert_eq!(change("*", "Three").await, 200);
    assert_eq!(caller.get(&path).await["title"], "Three");
}

#[tokio::test]
async fn deleting_a_person_ends_the_memberships() {
    let caller = Caller::new();
    let ada = caller.directory.person_id(ADA).unwrap();
    caller.send(Method::DELETE, &format!("/Users/{ada}"), None).await;
    assert!(caller.directory.memberships().iter().all(|(_, member)| *member != ada));
}

#[tokio::test]
async fn discovery_describes_the_directory() {
    let caller = Caller::new();
    assert_eq!(caller.get("/ServiceProviderConfig").await["patch"]["supported"], true);
    assert_eq!(caller.get("/ResourceTypes").await["totalResults"], 2);
    assert_eq!(caller.get("/ResourceTypes/Group").await["endpoint"], "/Groups");
    assert_eq!(caller.get("/Schemas").await["totalResults"], 3);
    let user = caller.get("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User").await;
    assert_eq!(user["attributes"][0]["name"], "userName");
}

#[tokio::test]
async fn without_the_token_nothing_is_answered() {
    let caller = Caller::new();
    let url = format!("{}/Users", caller.directory.base_url());
    let refused = http::request(Method::GET, &url, "wrong", None).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));
}
