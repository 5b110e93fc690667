//! The API's description: complete, and reviewed as a diff.

use std::path::Path;

use serde_json::Value;

const SNAPSHOT: &str = "../../openapi/grantry.v1.json";

fn document() -> Value {
    serde_json::to_value(grantry_server::openapi::document()).unwrap()
}

/// Every operation with its method and path.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter()
            .map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    operations.collect()
}

/// After a wanted change: `GRANTRY_UPDATE_OPENAPI=1 cargo nextest run -p grantry-server openapi`.
#[test]
fn the_description_is_the_committed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOT);
    let current = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("GRANTRY_UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "the API has changed: run this test with GRANTRY_UPDATE_OPENAPI=1, and look at the diff",
    );
}

#[test]
fn every_operation_says_all_that_a_caller_needs() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = std::collections::HashSet::new();
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{name}: no id"));
        assert!(ids.insert(id.to_owned()), "{name}: the id `{id}` occurs twice");
        assert!(operation["summary"].is_string(), "{name}: no summary");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}: one tag");
        let action = operation["x-grantry-action"].as_str();
        let action = action.unwrap_or_else(|| panic!("{name}: no x-grantry-action"));
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("default"), "{name}: no default problem");
        if action != "public" {
            assert!(operation["security"][0]["bearer"].is_array(), "{name}: no security");
            for status in ["401", "403", "404", "422", "429"] {
                assert!(responses.contains_key(status), "{name}: no {status}");
            }
        }
    }
}

#[test]
fn every_creating_request_wants_an_idempotency_key() {
    let without_effect = [
        "test_connection",
        "try_connection",
        "release_integration",
        "cancel_aggregation",
        "discard_removal",
        "cancel_job",
        "check_issuer",
        "sign_in_with_token",
        "preview_members_upload",
        "preview_users_upload",
        // Refused by its `If-Match` when repeated; and one that changes nothing the second time.
        "roll_back_version",
        "roll_out_version",
        "preview_template",
        "preview_mapping",
        "preview_app_mapping",
        "preview_re_key",
        // Applying the rules a second time changes nothing.
        "apply_mapping",
        "apply_app_mapping",
        "retry_delivery",
        // A key that was revoked is not revoked again.
        "revoke_publisher",
        // What was decided, or taken back, is not decided again.
        "decide_request",
        "withdraw_request",
        // What was said of a task is not said again.
        "complete_task",
        "reject_task",
        // Its address is used once.
        "take_callback",
    ];
    for (method, path, operation) in operations(&document()) {
        let id = operation["operationId"].as_str().unwrap();
        if method != "POST" || without_effect.contains(&id) {
            continue;
        }
        let parameters = operation["parameters"].as_array().unwrap();
        let is_key = |parameter: &&Value| parameter["name"] == "Idempotency-Key";
        let key = parameters.iter().find(is_key);
        assert!(key.is_some_and(|key| key["required"] == true), "{method} {path}");
    }
}
