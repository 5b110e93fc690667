//! scim2-server starts, is seeded, tells the truth and ends with its value.

use std::net::TcpStream;

use grantry_tests::peers::{ScimServer, Variant};
use serde_json::json;

#[tokio::test]
async fn both_variants_hold_what_was_seeded_and_show_changes_behind_our_back() {
    for variant in [Variant::Default, Variant::CursorNoPatch] {
        let server = ScimServer::start(variant).await.unwrap();
        let seeded = server.seed(120, 10).await.unwrap();
        let truth = server.truth().snapshot().await.unwrap();
        assert_eq!(truth.users.len(), 120);
        assert_eq!(truth.memberships(), seeded.memberships);

        let (group, user) = (&seeded.groups[0], &seeded.users[119]);
        server.truth().add_member(group, user).await.unwrap();
        assert!(server.truth().members_of(group).await.unwrap().contains(user));
        server.truth().remove_member(group, user).await.unwrap();
        assert_eq!(server.truth().snapshot().await.unwrap().memberships(), seeded.memberships);
    }
}

#[tokio::test]
async fn the_cursor_variant_pages_by_fifty_and_refuses_patch() {
    let server = ScimServer::start(Variant::CursorNoPatch).await.unwrap();
    let seeded = server.seed(60, 1).await.unwrap();

    let page = server.truth().get("/Users?cursor&count=100").await.unwrap();
    let path = format!("{}/Groups/{}", server.base_url(), seeded.groups[0]);
    let operations = json!([{ "op": "add", "path": "members", "value": [] }]);
    let patch = super::http::patch(&operations);
    let method = reqwest::Method::PATCH;
    let refused =
        super::http::request(method, &path, server.token(), Some(&patch)).send().await.unwrap();

    assert_eq!(page["Resources"].as_array().unwrap().len(), 50);
    assert!(page["nextCursor"].is_string());
    assert_eq!(refused.status(), 501);
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let server = ScimServer::start(Variant::Default).await.unwrap();
    let url = format!("{}/Users", server.base_url());
    let method = reqwest::Method::GET;
    let refused = super::http::request(method, &url, "wrong", None).send().await.unwrap();
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn the_server_ends_with_its_value() {
    let server = ScimServer::start(Variant::Default).await.unwrap();
    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_thousand_users_and_a_hundred_groups_are_seeded_alike_each_time() {
    let server = ScimServer::start(Variant::Default).await.unwrap();
    let seeded = server.seed(1_000, 100).await.unwrap();
    assert_eq!((seeded.users.len(), seeded.groups.len()), (1_000, 100));
    assert_eq!(seeded.memberships.len(), 2_250);
}
