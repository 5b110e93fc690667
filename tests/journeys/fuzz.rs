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
use grantry_tests::host::{Database, Host, Integration, Target};
use grantry_tests::peers::python;
use serde_json::{Value, json};
use tokio::process::Command;

/// Requests for each operation and phase: some 2,000 in all.
const EXAMPLES: &str = "8";

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
    Ok(vec![
        ("path.app_id", json!(integration.app)),
        ("path.integration_id", json!(integration.id)),
        ("path.principal_id", json!(integration.principal)),
        ("path.aggregation_id", run["id"].clone()),
        ("path.job_id", run["job_id"].clone()),
        ("path.membership_id", membership["id"].clone()),
    ])
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
