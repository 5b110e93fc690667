//! A plugin that misbehaves in every way it can, inside the real host, next to one that works.
//!
//! Each behaviour ends with its exact code; the host stays the same process, answers meanwhile, and
//! never with a server error. Faults that only a hand-written module can have (bad pointers, loops
//! in a start function) are in the runtime's own tests.

mod egress;
mod secrets;
mod uploads;

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::{join_all, try_join_all};
use grantry_tests::directory::Directory;
use grantry_tests::host::{Api, Database, Host, Integration, Target};
use grantry_tests::wait;
use serde_json::{Value, json};

const AUDIT_LIMIT: Duration = Duration::from_secs(10);
const QUARANTINE_LIMIT: Duration = Duration::from_secs(120);

/// A host with a directory, and an integration of it that has to go on working.
struct Scene {
    host: Host,
    pid: Option<u32>,
    directory: Directory,
    honest: Integration,
}

impl Scene {
    async fn start() -> Result<Self> {
        let directory = Directory::builder().people(20).groups(4).start()?;
        let host = Host::start(Database::Sqlite).await?;
        let target = Target::from(&directory);
        let honest = Integration::scim(host.api(), &target).await?;
        let pid = host.pid();
        Ok(Self { host, pid, directory, honest })
    }

    fn api(&self) -> &Api {
        self.host.api()
    }

    /// An integration of the hostile plugin that may reach the directory.
    async fn hostile(&self, behaviour: &str) -> Result<Integration> {
        let url = self.directory.base_url();
        let connection = json!({ "behaviour": behaviour, "url": url, "token": "its-own-token" });
        self.connect(&connection).await
    }

    async fn all_hostile(
        &self,
        behaviours: impl Iterator<Item = &'static str>,
    ) -> Result<Vec<Integration>> {
        let mut all = Vec::new();
        for behaviour in behaviours {
            all.push(self.hostile(behaviour).await?);
        }
        Ok(all)
    }

    async fn connect(&self, connection: &Value) -> Result<Integration> {
        let address = Some(self.directory.address());
        Integration::connect(self.api(), "hostile", connection, address).await
    }

    /// The honest integration works, and the host answers.
    async fn serves_others(&self) -> Result<()> {
        assert!(self.api().is_healthy().await);
        let tested = self.honest.test_connection().await?;
        assert_eq!(tested["is_ok"], true, "{tested}");
        Ok(())
    }

    /// The host is the process that it was, still serves, and never failed.
    async fn ends_well(mut self) -> Result<()> {
        self.serves_others().await?;
        let run = self.honest.aggregate().await?;
        assert_eq!(run["status"], "succeeded", "{run}");
        let catalogue = self.honest.catalogue().await?;
        assert_eq!(catalogue.assignments, self.directory.memberships());
        assert_eq!(self.api().failures(), Vec::<String>::new());
        assert!(self.host.is_running()?, "the host has ended");
        assert_eq!(self.host.pid(), self.pid);
        Ok(())
    }
}

/// What a test of the connection came to: the error's code, or `ok`.
fn outcome(tested: &Value) -> String {
    tested["error"]["code"].as_str().unwrap_or("ok").to_owned()
}

/// What the plugin says that it got for its trouble.
fn findings(tested: &Value) -> Vec<String> {
    let warnings = tested["warnings"].as_array().into_iter().flatten();
    warnings.filter_map(|warning| warning.as_str().map(str::to_owned)).collect()
}

/// Security notes, rows 32 to 40.
const OUTCOMES: [(&str, &str); 10] = [
    ("normal", "ok"),
    ("panic", "plugin_trap"),
    ("endless_loop", "plugin_timeout"),
    ("memory_bomb", "plugin_trap"),
    ("memory_probe", "ok"),
    ("deep_recursion", "plugin_trap"),
    ("host_call_storm", "plugin_quota_exceeded"),
    ("log_flood", "ok"),
    ("oversize_result", "plugin_result_too_large"),
    ("random_flood", "plugin_quota_exceeded"),
];

#[tokio::test]
async fn every_misbehaviour_ends_with_its_code_while_others_work() -> Result<()> {
    let scene = Scene::start().await?;
    let hostile = scene.all_hostile(OUTCOMES.iter().map(|(name, _)| *name)).await?;
    let misbehave = join_all(hostile.iter().map(Integration::test_connection));
    let meanwhile = async {
        for _ in 0..10 {
            scene.serves_others().await?;
        }
        scene.honest.aggregate().await
    };
    let (tested, run) = tokio::join!(misbehave, meanwhile);
    assert_eq!(run?["status"], "succeeded");
    for ((name, expected), tested) in OUTCOMES.iter().zip(tested) {
        let tested = tested?;
        assert_eq!(outcome(&tested), *expected, "{name}: {tested}");
        match *name {
            "memory_probe" => {
                let findings = findings(&tested);
                let mebibytes = findings[0].strip_suffix(" MiB").context("a size")?;
                assert!((32..64).contains(&mebibytes.parse::<u32>()?), "{mebibytes} MiB");
            }
            "log_flood" => {
                let log = tested["log"].as_array().context("a log")?;
                let bytes: usize = log.iter().map(|line| line.to_string().len()).sum();
                assert!(bytes < 2 << 20, "{bytes} bytes of log");
                let last = log.last().context("a line")?["message"].to_string();
                assert!(last.contains("more log lines were suppressed"), "{last}");
            }
            _ => {}
        }
    }
    scene.ends_well().await
}

#[tokio::test]
async fn a_misbehaviour_ends_an_aggregation_and_imports_nothing() -> Result<()> {
    let scene = Scene::start().await?;
    // A loop is worth another attempt, so its run takes longer than this test wants to wait.
    let once = OUTCOMES.iter().filter(|(_, code)| !["ok", "plugin_timeout"].contains(code));
    let once: Vec<_> = once.collect();
    let hostile = scene.all_hostile(once.iter().map(|(name, _)| *name)).await?;
    let runs = try_join_all(hostile.iter().map(Integration::aggregate)).await?;
    for (((name, expected), run), hostile) in once.iter().zip(runs).zip(&hostile) {
        assert_eq!(
            (&run["status"], &run["error"]["code"]),
            (&json!("failed"), &json!(expected)),
            "{name}: {run}"
        );
        let accounts = hostile.catalogue().await?.accounts;
        assert!(accounts.is_empty(), "{name}: {accounts:?}");
    }
    scene.ends_well().await
}

/// A try of a connection that is not saved runs the same plugin, and has nothing to quarantine.
#[tokio::test]
async fn a_misbehaviour_before_anything_is_saved_ends_alike() -> Result<()> {
    let scene = Scene::start().await?;
    let plugin_id = Integration::install(scene.api(), "hostile").await?;
    for _ in 0..7 {
        let body = json!({ "plugin_id": plugin_id, "connection": { "behaviour": "panic" } });
        let tested = scene.api().post("/integrations/test", &body).await?.ok()?;
        assert_eq!(outcome(&tested), "plugin_trap", "{tested}");
    }
    scene.ends_well().await
}

#[tokio::test]
async fn a_plugin_that_misbehaves_five_times_is_not_run_until_it_is_released() -> Result<()> {
    let scene = Scene::start().await?;
    let hostile = scene.hostile("panic").await?;
    for _ in 0..5 {
        assert_eq!(hostile.shown().await?["quarantined_ms"], Value::Null);
        let tested = hostile.test_connection().await?;
        assert_eq!(outcome(&tested), "plugin_trap", "{tested}");
    }
    assert!(hostile.shown().await?["quarantined_ms"].is_i64());
    let query = format!("/audit?event=integration.quarantined&entity_id={}", hostile.id);
    assert_eq!(scene.api().list(&query).await?.len(), 1);

    let refused = hostile.try_connection().await?;
    assert_eq!((refused.status, refused.code()), (409, "integration_quarantined"), "{refused:?}");
    let path = format!("/integrations/{}/aggregations", hostile.id);
    let refused = scene.api().post(&path, &json!({})).await?;
    assert_eq!((refused.status, refused.code()), (409, "integration_quarantined"), "{refused:?}");
    scene.serves_others().await?;

    // Another integration of the same plugin is another matter.
    assert_eq!(outcome(&scene.hostile("normal").await?.test_connection().await?), "ok");

    let release = format!("/integrations/{}/release", hostile.id);
    let released = scene.api().post(&release, &json!({})).await?.ok()?;
    assert_eq!(released["quarantined_ms"], Value::Null);
    let calm = json!({ "connection": { "behaviour": "normal" } });
    hostile.change(&calm).await?.ok()?;
    assert_eq!(outcome(&hostile.test_connection().await?), "ok");
    let run = hostile.aggregate().await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    scene.ends_well().await
}

/// A loop in a job is worth another attempt, until it was the fifth (rows 32 and 33).
#[tokio::test]
async fn a_job_that_loops_ends_in_quarantine() -> Result<()> {
    let scene = Scene::start().await?;
    let hostile = scene.hostile("endless_loop").await?;
    for tested in join_all([(); 4].map(|()| hostile.test_connection())).await {
        assert_eq!(outcome(&tested?), "plugin_timeout");
    }
    let run = hostile.order_aggregation().await?;
    wait::until("the quarantine", QUARANTINE_LIMIT, async || {
        Ok(hostile.shown().await?["quarantined_ms"].is_i64().then_some(()))
    })
    .await?;
    // The run waits for the release, and then goes on.
    let calm = json!({ "connection": { "behaviour": "normal" } });
    hostile.change(&calm).await?.ok()?;
    assert!(hostile.run(&run).await?["finished_ms"].is_null());
    let release = format!("/integrations/{}/release", hostile.id);
    scene.api().post(&release, &json!({})).await?.ok()?;
    let run = hostile.wait_for_run(&run).await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    scene.ends_well().await
}

/// Rows 50 and 51.
#[tokio::test]
async fn the_key_value_store_keeps_to_its_rules() -> Result<()> {
    let scene = Scene::start().await?;
    let cases = [
        ("kv_flood", vec!["value 15: KvError::Quota".to_owned()]),
        (
            "kv_bad_keys",
            vec![
                r"a\0b: Err(KvError::KeyInvalid)".to_owned(),
                ": Err(KvError::KeyInvalid)".to_owned(),
                "kkkkkkkkkkkk: Err(KvError::KeyInvalid)".to_owned(),
                "../other: Ok(())".to_owned(),
            ],
        ),
        ("kv_large_value", vec!["Err(KvError::Quota)".to_owned()]),
    ];
    for (behaviour, expected) in cases {
        let tested = scene.hostile(behaviour).await?.test_connection().await?;
        assert_eq!(findings(&tested), expected, "{behaviour}");
    }
    scene.ends_well().await
}

#[tokio::test]
async fn a_value_is_kept_with_its_page_and_gone_with_a_crash() -> Result<()> {
    let scene = Scene::start().await?;
    let crashed = scene.hostile("kv_write_then_trap").await?;
    let run = crashed.aggregate().await?;
    assert_eq!(run["error"]["code"], "plugin_trap", "{run}");
    assert_eq!(then(&crashed, "kv_read").await?, ["Ok(None)"]);

    let kept = scene.hostile("kv_write").await?;
    let run = kept.aggregate().await?;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(then(&kept, "kv_read").await?, [r#"Ok(Some("sings"))"#]);
    // `%` and `_` are letters of a prefix, and other integrations' keys are not there.
    let listed = then(&kept, "kv_list_percent").await?;
    assert_eq!(listed, ["Ok([])", "Ok([])", r#"Ok(["canary"])"#]);
    assert_eq!(then(&crashed, "kv_list_percent").await?, ["Ok([])", "Ok([])", "Ok([])"]);

    // Without the approval there is no store, whatever was in it.
    let approval = |shown: &Value| {
        let mut approval = shown["approval"].clone();
        approval["kv"] = false.into();
        json!({ "approval": approval, "connection": { "behaviour": "kv_read" } })
    };
    kept.change(&approval(&kept.shown().await?)).await?.ok()?;
    let tested = kept.test_connection().await?;
    assert_eq!(findings(&tested), ["Err(KvError::Denied)"]);
    denied(&scene, &kept, "kv_denied").await?;
    scene.ends_well().await
}

/// What the integration finds with another behaviour.
async fn then(integration: &Integration, behaviour: &str) -> Result<Vec<String>> {
    let change = json!({ "connection": { "behaviour": behaviour } });
    integration.change(&change).await?.ok()?;
    Ok(findings(&integration.test_connection().await?))
}

/// The refusal is in the audit log, as the plugin's.
async fn denied(scene: &Scene, integration: &Integration, code: &str) -> Result<()> {
    let query = format!("/audit?event=plugin.denied&entity_id={}", integration.id);
    wait::until(&format!("an entry for `{code}`"), AUDIT_LIMIT, async || {
        let rows = scene.api().list(&query).await?;
        let is_it = |row: &&Value| {
            row["reason"] == code
                && row["is_allowed"] == false
                && row["principal_id"] == integration.principal.as_str()
        };
        Ok(rows.iter().find(is_it).map(drop))
    })
    .await
}
