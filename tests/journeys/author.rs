//! The path of a plugin's author: a component on the command line, without server and database.

mod newcomer;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use grantry_tests::directory::Directory;
use grantry_tests::host::{component, program};
use grantry_tests::peers::{ScimServer, Variant, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

const PEOPLE: usize = 12;
const GROUPS: usize = 4;

/// The program; what it compiles is there for the next command and the next test.
fn grantry() -> Result<Command> {
    let mut command = Command::new(program()?);
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("author"));
    Ok(command)
}

/// A component's file and a connection's, in a folder of their own.
struct Desk {
    folder: TempDir,
    directory: Directory,
}

impl Desk {
    fn new(plugin: &str) -> Result<Self> {
        let directory = Directory::builder().people(PEOPLE).groups(GROUPS).start()?;
        let desk = Self { folder: tempfile::tempdir()?, directory };
        std::fs::write(desk.path("plugin.wasm"), component(plugin)?)?;
        let connection = json!({ "url": desk.directory.base_url(), "auth": { "type": "bearer" } });
        std::fs::write(desk.path("connection.json"), connection.to_string())?;
        Ok(desk)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        self.command(&["--allow-loopback"], words)
    }

    fn command(&self, approval: &[&str], words: &[&str]) -> Result<Output> {
        let mut command = grantry()?;
        command.args(["plugin", "run"]).arg(self.path("plugin.wasm")).args(words).args(approval);
        command.arg("--connection").arg(self.path("connection.json"));
        command.args(["--secret", "/auth/token=AUTHORS_TOKEN"]);
        command.env("AUTHORS_TOKEN", self.directory.token());
        command.output().context("run grantry")
    }
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

fn json_lines(output: &Output) -> Result<Vec<Value>> {
    ensure!(output.status.success(), "{}", text(output));
    let lines = String::from_utf8(output.stdout.clone())?;
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[test]
fn every_plugin_of_ours_is_in_order_and_others_are_told_what_to_do() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("plugin.wasm");
    let check = |bytes: &[u8]| -> Result<Output> {
        std::fs::File::create(&file)?.write_all(bytes)?;
        let mut command = grantry()?;
        command.args(["--json", "plugin", "check"]).arg(&file).output().context("run grantry")
    };
    for plugin in ["scim", "jumpcloud-admin", "itsm-bridge", "jira", "synthetic"] {
        let output = check(&component(plugin)?)?;
        assert!(output.status.success(), "{plugin}: {}", text(&output));
        let report: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!((&report["failed"], &report["skipped"]), (&json!(0), &json!(0)), "{report}");
    }
    let output = check(b"no component")?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["check"], &finding["outcome"]),
        (&json!("manifest.accepted"), &json!("failed"))
    );
    assert!(finding["evidence"].as_str().is_some_and(|seen| seen.contains("not_a_component")));
    assert!(finding["fix"].as_str().is_some_and(|fix| fix.contains("plugin build")));
    Ok(())
}

#[test]
fn a_connector_is_read_and_writes_without_a_server() -> Result<()> {
    let desk = Desk::new("scim")?;
    let tested = desk.run(&["test-connection"])?;
    assert!(text(&tested).contains("The connection works."), "{}", text(&tested));

    let accounts = json_lines(&desk.run(&["accounts", "--json"])?)?;
    assert_eq!(accounts.len(), PEOPLE);
    assert_eq!(json_lines(&desk.run(&["accounts", "--json", "--rows", "5"])?)?.len(), 5);
    let assignments = json_lines(&desk.run(&["assignments", "--json"])?)?;
    assert_eq!(assignments.len(), desk.directory.memberships().len());
    let table = desk.run(&["resources"])?;
    assert!(text(&table).contains("All employees"), "{}", text(&table));

    let group = desk.directory.group_id("Finance").context("a group")?;
    let members = desk.directory.members_of(&group);
    let outside = accounts.iter().filter_map(|row| row["id"]["id"].as_str());
    let person = outside.into_iter().find(|id| !members.contains(*id)).context("an outsider")?;
    let entitlement = format!("{group}:member");
    let change = |verb: &str, more: &[&str]| {
        desk.run(&[&[verb, &entitlement, "User", person], more].concat())
    };
    let planned = change("grant", &["--plan"])?;
    assert!(text(&planned).contains("PATCH"), "{}", text(&planned));
    assert!(!desk.directory.members_of(&group).contains(person), "a plan changes nothing");
    let granted = change("grant", &[])?;
    assert!(text(&granted).contains("read back: it is so"), "{}", text(&granted));
    assert!(desk.directory.members_of(&group).contains(person));
    assert!(text(&change("grant", &[])?).contains("already"));
    assert!(change("revoke", &[])?.status.success());
    assert_eq!(desk.directory.members_of(&group), members);
    Ok(())
}

#[test]
fn nothing_is_reached_that_was_not_approved() -> Result<()> {
    let desk = Desk::new("scim")?;
    let refused = desk.command(&[], &["accounts"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("--allow-loopback"), "{}", text(&refused));
    assert_eq!(desk.directory.requests().len(), 0);
    let unasked = desk.command(&["--host", "evil.example.com"], &["accounts"])?;
    assert!(text(&unasked).contains("does not ask for the host"), "{}", text(&unasked));

    let exact = desk.directory.address().to_string();
    let reached = desk.command(&["--address", &exact], &["accounts"])?;
    assert!(reached.status.success(), "{}", text(&reached));
    assert!(!text(&reached).contains(desk.directory.token()));
    Ok(())
}

#[test]
fn no_secret_is_put_where_the_plugin_would_see_it() -> Result<()> {
    let desk = Desk::new("scim")?;
    let refusal = "the plugin does not mark `/note` as a secret";
    let refused = desk.command(&["--secret", "/note=AUTHORS_TOKEN"], &["accounts"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains(refusal), "{}", text(&refused));
    let connection = json!({ "url": desk.directory.base_url(), "auth": { "type": "bearer" } });
    let config = json!({ "connection": connection, "secrets": { "/note": "AUTHORS_TOKEN" } });
    let refused = suite(&desk.path("plugin.wasm"), &config, desk.directory.token(), &[])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains(refusal), "{}", text(&refused));
    assert_eq!(desk.directory.requests().len(), 0);
    Ok(())
}

#[test]
fn what_a_call_does_not_look_at_is_refused() -> Result<()> {
    let desk = Desk::new("scim")?;
    for (words, refusal) in [
        (["accounts", "--kind", "Usr"], "no such listing of a kind `Usr`"),
        (["accounts", "--kind", "Group"], "no such listing of a kind `Group`"),
        (["schema", "--kind", "User"], "`--kind` is for calls that read listings"),
        (["accounts", "User", "7f3a"], "the call takes no words"),
        (["test-connection", "User", "7f3a"], "the call takes no words"),
        (["count", "User", "--plan"], "`--plan` is for calls that change the target"),
    ] {
        let refused = desk.run(&words)?;
        assert_eq!(refused.status.code(), Some(1), "{words:?}: {}", text(&refused));
        assert!(text(&refused).contains(refusal), "{words:?}: {}", text(&refused));
    }
    Ok(())
}

/// Runs the conformance suite.
fn suite(plugin: &Path, config: &Value, token: &str, more: &[&str]) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("test.json");
    std::fs::write(&file, config.to_string())?;
    let mut command = grantry()?;
    command.args(["--json", "plugin", "test"]).arg(plugin).arg("--config").arg(&file);
    command.args(["--allow-loopback", "--allow-writes"]).args(more).env("AUTHORS_TOKEN", token);
    command.output().context("run grantry")
}

/// The suite's report, with which the exit code agrees.
fn report(output: &Output) -> Result<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| text(output))?;
    let is_good = report["failed"] == 0;
    ensure!(output.status.code() == Some(if is_good { 0 } else { 1 }), "{}", text(output));
    Ok(report)
}

fn failures(report: &Value) -> Vec<&Value> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings.filter(|finding| finding["outcome"] == "failed").collect()
}

fn failed(report: &Value) -> Vec<String> {
    let checks = failures(report).into_iter().filter_map(|finding| finding["check"].as_str());
    checks.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_scim_connector_keeps_every_rule_on_a_real_server() -> Result<()> {
    let server = ScimServer::start(Variant::Default).await?;
    server.seed(9, 4).await?;
    let folder = tempfile::tempdir()?;
    let plugin = folder.path().join("scim.wasm");
    std::fs::write(&plugin, component("scim")?)?;
    let config = json!({
        "connection": { "url": server.base_url(), "auth": { "type": "bearer" } },
        "secrets": { "/auth/token": "AUTHORS_TOKEN" },
        "bad_connections": [
            { "why": "a path without a SCIM service",
              "connection": { "url": format!("http://{}/nothing", server.address()) } },
        ],
        "create": {
            "kind": "User",
            "attributes": { "userName": "conformance-{unique}", "displayName": "Conformance" },
            "update": { "displayName": "Changed" },
        },
    });
    let before = server.truth().snapshot().await?.memberships();
    let report = report(&suite(&plugin, &config, server.token(), &[])?)?;
    assert_eq!(failures(&report), Vec::<&Value>::new(), "{report:#}");
    assert!(report["passed"].as_u64() > Some(50), "{report:#}");
    assert_eq!(server.truth().snapshot().await?.memberships(), before);
    Ok(())
}

#[test]
fn a_connector_that_only_reads_is_not_asked_to_write() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plugin = folder.path().join("synthetic.wasm");
    std::fs::write(&plugin, component("synthetic")?)?;
    let connection = json!({ "users": 40, "groups": 5, "assignments": 60, "validators": true });
    let config = json!({ "connection": connection });
    let kept = report(&suite(&plugin, &config, "", &[])?)?;
    assert_eq!(failures(&kept), Vec::<&Value>::new(), "{kept:#}");
    let faulty = json!({ "connection": {
        "users": 40, "groups": 5, "assignments": 60, "fault": { "dangling": true }
    } });
    let output = suite(&plugin, &faulty, "", &[])?;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(failed(&report(&output)?), ["reading.references"]);
    Ok(())
}

#[test]
fn a_test_that_judged_nothing_is_no_success() -> Result<()> {
    let desk = Desk::new("scim")?;
    let (plugin, token) = (desk.path("plugin.wasm"), desk.directory.token());
    let connection = |url: String| {
        let connection = json!({ "url": url, "auth": { "type": "bearer" } });
        json!({ "connection": connection, "secrets": { "/auth/token": "AUTHORS_TOKEN" } })
    };
    let nowhere = free_port()?;
    let dead = connection(format!("http://127.0.0.1:{nowhere}/scim/v2"));
    let output = suite(&plugin, &dead, token, &["--only", "reading"])?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(failed(&report(&output)?), ["connection.works"]);

    let good = connection(desk.directory.base_url());
    let output = suite(&plugin, &good, token, &["--host", "typo.example.com"])?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("does not ask for the host"), "{}", text(&output));
    Ok(())
}
