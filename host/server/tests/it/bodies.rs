//! Bodies from outside (security.md rows 11 to 15).

use axum::body::Body;
use grantry_server::Limits;
use serde_json::{Value, json};

use crate::host::{Host, Reply, wide};
use crate::openapi::operations;

async fn post(host: &Host, media_type: &str, body: impl Into<Body>) -> Reply {
    let request = host.request("POST", "/clients", &Value::Null).header("Content-Type", media_type);
    host.send(request.body(body.into()).unwrap()).await
}

async fn refused(host: &Host, body: &str) -> (u16, String) {
    let reply = post(host, "application/json", body.to_owned()).await;
    let stored = host.get("/clients").await.ok();
    assert_eq!(stored["items"], json!([]), "something was written");
    reply.problem()
}

fn problem(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn malformed_json_is_refused() {
    let host = Host::start().await;
    let deep = format!("{{\"name\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for body in ["", "{", "{\"name\": \"a\"} x", "{\"name\": \"a\", \"name\": \"b\"}", &deep] {
        assert_eq!(refused(&host, body).await, problem(400, "malformed_json"));
    }
}

#[tokio::test]
async fn fields_that_nobody_asked_for_are_refused() {
    let host = Host::start().await;
    for field in ["id", "tenant", "created_at", "created_ms", "role", "is_disabled"] {
        let body = json!({"name": "a", field: "x"}).to_string();
        assert_eq!(refused(&host, &body).await, problem(422, "unknown_field"), "{field}");
    }
}

#[tokio::test]
async fn texts_that_could_deceive_are_refused() {
    let host = Host::start().await;
    let long = "a".repeat(65 * 1024);
    for name in ["a\\u0000", "a\\u202Eb", "a\\ud800", "\\u200B", "a\\nb", " ", &long] {
        let body = format!("{{\"name\": \"{name}\"}}");
        assert_eq!(refused(&host, &body).await, problem(422, "invalid_string"));
    }
}

#[tokio::test]
async fn faults_tell_their_field() {
    let host = Host::start().await;
    let reply = post(&host, "application/json", r#"{"name": 5}"#).await;
    assert_eq!(reply.code(), "invalid_input");
    assert_eq!(reply.json()["errors"][0]["path"], "/name");
}

#[tokio::test]
async fn other_media_types_and_charsets_are_refused() {
    let host = Host::start().await;
    for media_type in ["text/plain", "application/json; charset=utf-16", "application/xml"] {
        let reply = post(&host, media_type, r#"{"name": "a"}"#).await;
        assert_eq!(reply.problem(), problem(415, "unsupported_media_type"), "{media_type}");
    }
    post(&host, "application/json; charset=utf-8", r#"{"name": "a"}"#).await.ok();
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_closes_the_connection() {
    let host = Host::start_with(Limits { body_bytes_max: 1_000, ..wide() }).await;
    let body = json!({"name": "a", "description": "b".repeat(1_000)}).to_string();
    let reply = post(&host, "application/json", body.clone()).await;
    assert_eq!(reply.problem(), problem(413, "payload_too_large"));
    assert_eq!(reply.header("connection"), "close");
    // In pieces, without a length.
    let pieces = body
        .into_bytes()
        .chunks(100)
        .map(<[u8]>::to_vec)
        .map(Ok::<_, std::io::Error>)
        .collect::<Vec<_>>();
    let stream = Body::from_stream(futures_util::stream::iter(pieces));
    let reply = post(&host, "application/json", stream).await;
    assert_eq!(reply.problem(), problem(413, "payload_too_large"));
}

#[tokio::test]
async fn a_component_over_the_limit_is_refused() {
    let host = Host::start_with(Limits { component_bytes_max: 8, ..wide() }).await;
    assert_eq!(host.upload(b"\0asm too long").await.problem(), problem(413, "payload_too_large"));
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_its_code() {
    let host = Host::start().await;
    assert_eq!(host.upload(b"(component)").await.problem(), problem(422, "not_a_component"));
    assert_eq!(host.get("/plugins").await.ok()["items"], json!([]));
}

/// A value that the schema describes, as whole as it can be.
fn instance(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return instance(document, &document["components"]["schemas"][name]);
    }
    let is = |kind: &str| {
        let types = &schema["type"];
        *types == kind || types.as_array().is_some_and(|types| types.contains(&json!(kind)))
    };
    let either = ["oneOf", "anyOf"].iter().find_map(|key| schema[*key].as_array());
    if let Some(either) = either {
        let object = either.iter().find(|one| one["type"] != "null").unwrap();
        return instance(document, object);
    }
    if let Some(properties) = schema["properties"].as_object() {
        let fields =
            properties.iter().map(|(name, field)| (name.clone(), instance(document, field)));
        return Value::Object(fields.collect());
    }
    match schema {
        _ if schema["enum"][0].is_string() => schema["enum"][0].clone(),
        _ if schema.get("example").is_some() => schema["example"].clone(),
        _ if is("array") => json!([instance(document, &schema["items"])]),
        _ if is("integer") || is("number") => schema.get("minimum").unwrap_or(&json!(1)).clone(),
        _ if is("boolean") => json!(true),
        _ if is("string") => json!("x"),
        _ => json!({}),
    }
}

/// Where the value has objects with fields, as JSON pointers.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if !fields.is_empty() {
                found.push(at.to_owned());
            }
            for (name, field) in fields {
                objects(field, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn in_no_body_does_an_array_stand_for_an_object() {
    let host = Host::start().await;
    let document = serde_json::to_value(grantry_server::openapi::document()).unwrap();
    let (mut tried, mut taken) = (0, Vec::new());
    for (method, path, operation) in operations(&document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let segments = path.trim_start_matches("/api/v1").split('/').map(|segment| match segment {
            "{notice_kind}" => "aggregation.failed",
            parameter if parameter.starts_with('{') => "x",
            plain => plain,
        });
        let path = segments.collect::<Vec<_>>().join("/");
        let whole = instance(&document, schema);
        let mut places = Vec::new();
        objects(&whole, "", &mut places);
        for place in places {
            // What any JSON may be is the plugin's to judge.
            if place.starts_with("/connection") {
                continue;
            }
            let fields = whole.pointer(&place).unwrap().as_object().unwrap();
            // As serde would take it: the tag first.
            let (mut tags, mut rest): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
            for (name, field) in fields {
                if name == "kind" { tags.push(field.clone()) } else { rest.push(field.clone()) }
            }
            tags.append(&mut rest);
            for array in [tags.clone(), tags.into_iter().take(1).collect(), Vec::new()] {
                let mut body = whole.clone();
                *body.pointer_mut(&place).unwrap() = Value::Array(array);
                let request = host.request(&method, &path, &body).header("If-Match", "\"1\"");
                let reply = host.send(request.body(Body::from(body.to_string())).unwrap()).await;
                tried += 1;
                if reply.problem() != problem(422, "invalid_input") {
                    taken.push(format!("{method} {path} {place}: {} {body}", reply.text));
                }
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert!(taken.is_empty(), "{} of {tried}:\n{}", taken.len(), taken.join("\n"));
}
