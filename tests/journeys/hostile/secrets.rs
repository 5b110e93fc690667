//! A credential that an approved host hands back in every encoding is found nowhere: not in what
//! the plugin sees, returns or logs, not in an answer, the log, the audit or any file of the host.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use grantry_tests::host::Integration;
use grantry_tests::loopback::LoopbackServer;
use serde_json::json;

use super::{Scene, denied, findings, outcome};

const SECRET: &str = "c4nary/sings+of=\"s3crets\" & more";

/// Every way in which the tests look for a secret, and the target hands it back.
fn encodings(secret: &str) -> Vec<(&'static str, String)> {
    let hex = hex::encode(secret);
    let mut percent = String::new();
    for byte in secret.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => percent.push(char::from(byte)),
            other => write!(percent, "%{other:02X}").expect("writing to a string"),
        }
    }
    let form = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let quoted = json!(secret).to_string();
    vec![
        ("plain", secret.to_owned()),
        ("base64", STANDARD.encode(secret)),
        ("base64 without padding", STANDARD_NO_PAD.encode(secret)),
        ("base64url", URL_SAFE.encode(secret)),
        ("base64url without padding", URL_SAFE_NO_PAD.encode(secret)),
        ("lower hex", hex.clone()),
        ("upper hex", hex.to_uppercase()),
        ("lower percent", percent.to_lowercase()),
        ("percent", percent),
        ("form", form),
        ("json", quoted.trim_matches('"').to_owned()),
    ]
}

/// Base64 of a longer text with the secret in it, without the ends that depend on the rest.
fn within(before: &str) -> String {
    let text = STANDARD_NO_PAD.encode(format!("{before}{SECRET}"));
    text[4..text.len() - 4].to_owned()
}

/// Which encodings of the secret are in these bytes.
fn found(place: &str, bytes: &[u8]) -> Vec<String> {
    let mut encodings = encodings(SECRET);
    encodings.push(("base64 after one byte", within("x")));
    encodings.push(("base64 after two bytes", within("xy")));
    let is_there = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    encodings
        .into_iter()
        .filter(|(_, text)| is_there(text))
        .map(|(name, _)| format!("{name} in {place}"))
        .collect()
}

/// All files below the folder.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    Ok(all)
}

/// An approved host that answers with the credential that it was sent, in headers and body, and
/// remembers whole requests.
struct Mirror {
    server: LoopbackServer,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Mirror {
    fn start() -> Result<Self> {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new().fallback(reflect).with_state(requests.clone());
        Ok(Self { server: LoopbackServer::start(router, 0)?, requests })
    }

    fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panics there").clone()
    }
}

async fn reflect(
    State(requests): State<Arc<Mutex<Vec<String>>>>,
    request: Request,
) -> impl IntoResponse {
    let credential = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = credential.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
    let token = token.to_owned();
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let line = format!("{} {:?} {}", parts.uri, parts.headers, String::from_utf8_lossy(&body));
    requests.lock().expect("no test panics there").push(line);
    let mut reflected: Vec<String> = encodings(&token).into_iter().map(|(_, text)| text).collect();
    // What is looked for of these is only a part.
    reflected.extend(["x", "xy"].map(|before| STANDARD.encode(format!("{before}{token}; it is"))));
    let body = format!("You sent {}.", reflected.join("; then "));
    let headers = [
        ("x-plain", token.clone()),
        ("x-base64", STANDARD.encode(&token)),
        ("set-cookie", format!("token={token}")),
        ("link", format!("</?token={}>", reflected[8])),
    ];
    (headers, body)
}

async fn aimed_at(scene: &Scene, mirror: &Mirror, behaviour: &str) -> Result<Integration> {
    let connection = json!({ "behaviour": behaviour, "url": mirror.url(), "token": SECRET });
    let address = Some(mirror.server.address());
    Integration::connect(&scene.api().recorded(), "hostile", &connection, address).await
}

/// Rows 45 and 46.
#[tokio::test]
async fn a_reflected_secret_is_found_nowhere() -> Result<()> {
    let scene = Scene::start().await?;
    let mirror = Mirror::start()?;
    let api = scene.api().recorded();
    let connection = json!({ "behaviour": "secret_echo", "url": mirror.url(), "token": SECRET });
    let address = Some(mirror.server.address());
    let hostile = Integration::connect(&api, "hostile", &connection, address).await?;

    let tested = hostile.test_connection().await?;
    assert_eq!(outcome(&tested), "ok", "{tested}");
    let told = findings(&tested).join("\n");
    assert!(told.contains("You sent [secret]; then [secret]"), "{told}");
    assert!(!tested["log"].as_array().is_none_or(Vec::is_empty), "{tested}");
    assert_eq!(mirror.requests().len(), 1);
    // An aggregation takes what the plugin saw into the catalogue.
    let run = hostile.aggregate().await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert!(!hostile.catalogue().await?.accounts.is_empty());

    for path in ["/plugins", "/integrations", "/audit", "/jobs"] {
        api.list(path).await?;
    }
    let own = format!("/integrations/{}", hostile.id);
    for path in ["", "/accounts", "/entitlements", "/aggregations"] {
        api.get(&format!("{own}{path}")).await?.ok()?;
    }
    let mut hits = found("an answer", api.transcript().as_bytes());
    hits.extend(found("the log", &scene.host.log()));
    for file in files(&scene.host.data_folder())? {
        hits.extend(found(&file.display().to_string(), &std::fs::read(&file)?));
    }
    assert_eq!(hits, Vec::<String>::new());
    scene.ends_well().await
}

/// The host fills in no placeholders: what a plugin writes is sent as it is, or refused.
#[tokio::test]
async fn a_placeholder_stays_one() -> Result<()> {
    let scene = Scene::start().await?;
    let mirror = Mirror::start()?;
    let told =
        findings(&aimed_at(&scene, &mirror, "secret_in_url").await?.test_connection().await?);
    assert_eq!(told, ["status 200", "status 200", "denied userinfo_not_allowed"]);
    let told =
        findings(&aimed_at(&scene, &mirror, "secret_in_header").await?.test_connection().await?);
    // A test of a connection only reads.
    assert_eq!(told[0], "status 200");
    let bearer = format!("Bearer {SECRET}");
    for request in mirror.requests() {
        // The credential is where the manifest has it, and nowhere else.
        let beside = request.replace(&bearer.escape_debug().to_string(), "");
        assert_eq!(found("a request", beside.as_bytes()), Vec::<String>::new());
    }
    scene.ends_well().await
}

#[tokio::test]
async fn a_credential_of_another_name_is_refused() -> Result<()> {
    let scene = Scene::start().await?;
    let mirror = Mirror::start()?;
    let hostile = aimed_at(&scene, &mirror, "foreign_auth").await?;
    let told = findings(&hostile.test_connection().await?);
    assert_eq!(told.len(), 5);
    for line in &told {
        assert!(line.ends_with("denied secret_not_granted"), "{line}");
    }
    denied(&scene, &hostile, "secret_not_granted").await?;
    assert_eq!(mirror.requests().len(), 0);
    scene.ends_well().await
}
