//! PyPI's schemathesis against the real program: requests made up from the API's own description,
//! on a host that has something to lose.
//!
//! Every check but one: whether what the schema allows is accepted. A name of 201 characters, an end
//! in the past or an id of nothing are refused with 422, which no schema can say. `GRANTRY_FUZZ` sets
//! how many requests are made up for each operation.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use grantry_tests::directory::Directory;
use grantry_tests::host::{Api, Database, Host, Integration, Target};
use grantry_tests::peers::python;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

/// Requests for each operation and phase.
const EXAMPLES: &str = "2";
/// Requests in all, at the least.
const CASES_MIN: u32 = 2_000;

/// How bad input and a missing header are refused: also with 412, 428 and 429, which schemathesis
/// does not expect.
const REFUSED: &str = "[400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429]";

/// Bodies that are not JSON: schemathesis needs to be told how to write them.
const HOOKS: &str = r#"
import schemathesis

for kind in ["application/wasm", "text/csv"]:
    @schemathesis.serializer(kind)
    def plain(ctx, value):
        return bytes(value) if isinstance(value, (bytes, bytearray)) else str(value).encode()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn made_up_requests_find_no_fault_of_the_server() -> Result<()> {
    let directory = Directory::builder().people(20).groups(5).start()?;
    let mut host = Host::start(Database::Sqlite).await?;
    let known = furnish(&host, &directory).await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("hooks.py"), HOOKS)?;
    std::fs::write(folder.path().join("schemathesis.toml"), configuration(&known))?;

    let (succeeded, report) = fuzz(&host, folder.path()).await?;
    ensure!(succeeded, "{report}");
    assert!(cases(&report).is_some_and(|cases| cases >= CASES_MIN), "{report}");
    assert!(host.is_running()?, "{}", host.log_tail());
    let log = String::from_utf8(host.log())?;
    let failures: Vec<_> = log.lines().filter(|line| line.contains("\"status\":5")).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    Ok(())
}

/// A host with an integration, its catalogue and a membership; the ids by parameter.
async fn furnish(host: &Host, directory: &Directory) -> Result<Vec<(&'static str, Value)>> {
    let target = Target::from(directory);
    let integration = Integration::scim(host.api(), &target).await?;
    let run = integration.aggregate().await?;
    let (group, person) = (directory.groups()[0].clone(), directory.people()[0].clone());
    let role = integration.role(group["id"].as_str().context("a group's id")?).await?;
    let account = integration.account(person["id"].as_str().context("a person's id")?).await?;
    let membership = integration.grant(&role, &account, "grant").await?;
    let mut known = vec![
        ("path.app_id", json!(integration.app)),
        ("path.integration_id", json!(integration.id)),
        ("path.principal_id", json!(integration.principal)),
        ("path.aggregation_id", run["id"].clone()),
        ("path.job_id", run["job_id"].clone()),
        ("path.membership_id", membership["id"].clone()),
    ];
    known.extend(furnish_more(host.api()).await?);
    Ok(known)
}

/// What needs no target: one of everything else that has an id, but for issuers, which are asked when
/// they are made. Nothing listens where the rest sends to.
async fn furnish_more(api: &Api) -> Result<Vec<(&'static str, Value)>> {
    let elsewhere = json!({
        "kind": "webhook", "url": "http://127.0.0.1:9/",
        "address_exceptions": [{ "ip": "127.0.0.1", "port": 9 }],
    });
    let mut known = Vec::new();
    for (parameter, path, body) in [
        ("path.data_source_id", "/data-sources", json!({ "name": "People" })),
        ("path.client_id", "/clients", json!({ "name": "Client" })),
        ("path.sink_id", "/audit/sinks", json!({ "name": "Sink", "settings": elsewhere })),
        (
            "path.channel_id",
            "/notifications/channels",
            json!({ "name": "Channel", "settings": elsewhere, "kinds": [] }),
        ),
    ] {
        let made = api.post(path, &body).await?.ok().with_context(|| path.to_owned())?;
        known.push((parameter, made["id"].clone()));
    }
    let id = |parameter: &str| {
        let found = known.iter().find(|(name, _)| *name == parameter);
        found.and_then(|(_, id)| id.as_str()).unwrap_or_default().to_owned()
    };
    let token = format!("/clients/{}/tokens", id("path.client_id"));
    let token = api.post(&token, &json!({})).await?.ok()?;
    let source = format!("/data-sources/{}", id("path.data_source_id"));
    let request = api.request(Method::POST, &format!("{source}/uploads"));
    let request = request.header("idempotency-key", api.fresh_key());
    let request = request.header("content-type", "text/csv").body("external_id\n1\n2\n");
    let upload = api.send(request).await?.ok()?;
    let diff = &upload["diff"]["hash"];
    let apply = format!("{source}/uploads/{}/apply", upload["id"].as_str().context("an id")?);
    api.post(&apply, &json!({ "diff": diff })).await?.ok()?;
    let first = async |path: &str| -> Result<Value> { Ok(api.list(path).await?[0]["id"].clone()) };
    let identity = first(&format!("{source}/identities")).await?;
    let (plugin, person) = (first("/plugins").await?, first("/people").await?);
    known.extend([
        ("path.token_id", token["id"].clone()),
        ("path.upload_id", upload["id"].clone()),
        ("path.identity_id", identity),
        ("path.plugin_id", plugin),
        ("path.person_id", person),
    ]);
    Ok(known)
}

/// How many requests were made, as the report says.
fn cases(report: &str) -> Option<u32> {
    let line = report.lines().find(|line| line.contains(" generated, "))?;
    line.split_whitespace().next()?.parse().ok()
}

fn configuration(known: &[(&str, Value)]) -> String {
    let mut text = String::new();
    for check in ["missing_required_header", "negative_data_rejection"] {
        text += &format!("[checks.{check}]\nexpected-statuses = {REFUSED}\n");
    }
    text += "[parameters]\n";
    for (parameter, id) in known.iter().filter(|(_, id)| id.is_string()) {
        text += &format!("{parameter:?} = {id}\n");
    }
    text
}

/// Whether nothing was found, and what schemathesis says.
async fn fuzz(host: &Host, folder: &Path) -> Result<(bool, String)> {
    let program =
        tokio::task::spawn_blocking(|| python::SCHEMATHESIS.program("schemathesis")).await??;
    let base_url = host.api().base_url();
    let examples = std::env::var("GRANTRY_FUZZ").unwrap_or_else(|_| EXAMPLES.to_owned());
    let output = Command::new(program)
        .args(["run", &format!("{base_url}/api/v1/openapi.json"), "--url", base_url])
        .args(["--header", &format!("Authorization: Bearer {}", host.admin_token())])
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
        .args(["--max-examples", &examples, "--workers", "1", "--seed", "1"])
        .args(["--request-timeout", "30", "--no-color"])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .await
        .context("run schemathesis")?;
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.success(), report + &String::from_utf8_lossy(&output.stderr)))
}
