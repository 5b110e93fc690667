//! Whose an account is, over HTTP (INT-13, ACC-5).

use axum::body::Body;
use http::header;
use serde_json::{Value, json};

use crate::host::{Host, Reply, text};

struct World {
    host: Host,
    /// The path of the integration.
    path: String,
    app: String,
    ada: String,
    accounts: Vec<Value>,
}

impl World {
    async fn change(&self, method: &str, path: &str, body: Value) -> Reply {
        let tag = self.host.get(path).await.header("etag").to_owned();
        self.change_at(method, path, body, &tag).await
    }

    async fn change_at(&self, method: &str, path: &str, body: Value, tag: &str) -> Reply {
        let request = self.host.request(method, path, &body).header(header::IF_MATCH, tag);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.host.send(request.body(Body::from(text)).unwrap()).await
    }

    fn mapping(&self, nth: usize) -> String {
        format!("{}/accounts/{}/mapping", self.path, text(&self.accounts[nth], "id"))
    }

    async fn natives(&self, filter: &str) -> Vec<String> {
        let found = self.host.get(&format!("{}/accounts?{filter}", self.path)).await.ok();
        found["items"].as_array().unwrap().iter().map(|item| text(item, "native_id")).collect()
    }
}

/// An integration with the accounts ada and bob, and the identity Ada.
async fn world() -> World {
    let host = Host::start().await;
    let integration = host.aggregated("Directory").await;
    let path = format!("/integrations/{}", text(&integration, "id"));
    let source = text(&host.call("POST", "/data-sources", json!({"name": "P"})).await.ok(), "id");
    host.applied(&format!("/data-sources/{source}"), "external_id\nADA\n").await;
    let ada = host.first(&format!("/data-sources/{source}/identities")).await;
    let accounts = host.get(&format!("{path}/accounts")).await.ok();
    let mut accounts = accounts["items"].as_array().unwrap().clone();
    accounts.sort_by_key(|account| text(account, "native_id"));
    World { host, path, app: text(&integration, "app_id"), ada, accounts }
}

fn by_id() -> Value {
    json!({"rules": [{"account": "native_id", "identity": "external_id"}]})
}

#[tokio::test]
async fn rules_are_previewed_set_and_seen_in_the_list_of_accounts() {
    let world = world().await;
    let rules = format!("{}/mapping", world.path);
    let preview = world.host.call("POST", &format!("{rules}/preview"), by_id()).await.ok();
    assert_eq!(
        (&preview["mapped"], &preview["changes"][0]["after"]["id"]),
        (&json!(1), &json!(world.ada))
    );
    assert_eq!(world.natives("mapped=true").await, Vec::<String>::new());
    let set = world.change("PUT", &rules, by_id()).await;
    assert_eq!((set.header("etag"), &set.ok()["rules"]), ("\"2\"", &by_id()["rules"]));
    assert_eq!(world.natives("mapped=true").await, ["ada"]);
    assert_eq!(world.natives(&format!("identity_id={}", world.ada)).await, ["ada"]);
    let unmapped = world.host.get(&format!("{}/accounts?mapped=false", world.path)).await.ok();
    assert_eq!(unmapped["items"][0]["native_id"], "bob");
    assert_eq!(unmapped["items"][0]["mapping"]["reason"], "no_match");
    let stale = world.change_at("PUT", &rules, by_id(), "\"1\"").await;
    assert_eq!(stale.problem(), (412, "version_conflict".to_owned()));
}

#[tokio::test]
async fn rules_that_cannot_be_are_refused_by_their_place() {
    let world = world().await;
    let rules = format!("{}/mapping", world.path);
    for (rule, path) in [
        (json!({"account": "attribute", "identity": "email"}), "/rules/0/attribute"),
        (json!({"account": "email", "attribute": "x", "identity": "email"}), "/rules/0/attribute"),
        (
            json!({"account": "email", "identity": "email", "data_source_id": "none"}),
            "/rules/0/data_source_id",
        ),
        (json!({"account": "name", "identity": "email"}), "/rules/0/account"),
    ] {
        let refused = world.change("PUT", &rules, json!({"rules": [rule]})).await;
        assert_eq!(refused.status, 422, "{rule}");
        assert_eq!(refused.json()["errors"][0]["path"], path);
    }
}

#[tokio::test]
async fn an_account_is_mapped_by_hand_with_its_version_and_listed_with_its_identity() {
    let world = world().await;
    let bob = world.mapping(1);
    let said = world.change("PUT", &bob, json!({"identity_id": world.ada})).await.ok();
    assert_eq!((&said["identity_display"], &said["origin"]), (&json!("ADA"), &json!("hand")));
    let stale = world.change_at("PUT", &bob, json!({"identity_id": null}), "\"1\"").await;
    assert_eq!(stale.problem(), (412, "version_conflict".to_owned()));
    let nothing = world.change("PUT", &bob, json!({})).await;
    assert_eq!(nothing.status, 422);
    let entry = world.host.get("/audit?event=mapping.set").await.ok()["items"][0].clone();
    let detail = &entry["detail"];
    assert_eq!(
        (&detail["before"]["identity"], &detail["after"]["identity"]),
        (&Value::Null, &json!(world.ada))
    );
    let sources = world.host.first("/data-sources").await;
    let accounts = format!("/data-sources/{sources}/identities/{}/accounts", world.ada);
    assert_eq!(world.host.get(&accounts).await.ok()["items"][0]["native_id"], "bob");
    // Who may read the data source alone does not learn where its people have accounts.
    let given = json!([{"kind": "data_source", "id": sources}]);
    let (_, token) = world.host.client(json!([]), given).await;
    assert_eq!(world.host.get_as(&token, &accounts).await.ok()["items"], json!([]));
    let released = world.change("DELETE", &bob, Value::Null).await.ok();
    assert_eq!((&released["identity_id"], &released["origin"]), (&Value::Null, &json!("rule")));
}

#[tokio::test]
async fn access_for_an_unmapped_identity_is_refused_with_the_next_step() {
    let world = world().await;
    let role = world.host.first(&format!("/apps/{}/roles", world.app)).await;
    let path = format!("/apps/{}/memberships", world.app);
    let body = json!({"role_id": role, "identity_id": world.ada});
    let refused = world.host.call("POST", &path, body.clone()).await;
    assert_eq!(refused.problem(), (409, "account_unmapped".to_owned()));
    assert!(refused.text.contains("/mapping"), "{}", refused.text);
    for wrong in
        [json!({"role_id": role}), json!({"role_id": role, "identity_id": "a", "account_id": "b"})]
    {
        assert_eq!(world.host.call("POST", &path, wrong).await.status, 422);
    }
    world.change("PUT", &world.mapping(0), json!({"identity_id": world.ada})).await.ok();
    let granted = world.host.call("POST", &path, body).await.ok();
    assert_eq!(granted["account_id"], world.accounts[0]["id"]);
}
