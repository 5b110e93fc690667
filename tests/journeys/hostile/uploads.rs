//! Uploads that are no plugins, and plugins whose bytes were changed behind the host's back.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use grantry_tests::host::{Api, Reply, component};
use grantry_tests::wait;
use reqwest::Method;
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use super::{Scene, outcome};

/// The compile process of a debug build gets 80 seconds of processor time.
const COMPILE_LIMIT: Duration = Duration::from_secs(280);

async fn upload(api: &Api, bytes: Vec<u8>) -> Result<Reply> {
    let request = api
        .request(Method::POST, "/plugins?allow_unsigned=true")
        .header("idempotency-key", api.fresh_key())
        .header("content-type", "application/wasm")
        .body(bytes);
    api.send(request).await
}

/// The cache's file of the plugin that was installed last.
fn cached(scene: &Scene, digest: &str) -> Result<PathBuf> {
    fn below(folder: PathBuf, digest: &str) -> Option<PathBuf> {
        std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path()).find_map(
            |path| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                if path.is_dir() {
                    return below(path, digest);
                }
                (name.starts_with(digest) && name.ends_with(".cwasm")).then_some(path)
            },
        )
    }
    below(scene.host.data_folder(), digest).context("the component's file in the cache")
}

async fn digest_of(api: &Api, plugin: &str) -> Result<String> {
    let plugins = api.list("/plugins").await?;
    let found = plugins.iter().find(|row| row["manifest"]["name"] == plugin);
    Ok(found.and_then(|row| row["digest"].as_str()).context("an installed plugin")?.to_owned())
}

/// Rows 27 and 29.
#[tokio::test]
async fn uploads_that_are_no_plugins_are_refused() -> Result<()> {
    let scene = Scene::start().await?;
    scene.serves_others().await?;
    let compiled = std::fs::read(cached(&scene, &digest_of(scene.api(), "scim").await?)?)?;
    // Behind its header there is what wasmtime itself would load.
    let artifact = compiled[44..].to_vec();
    assert!(artifact.starts_with(b"\x7fELF"), "wasmtime's format");
    let hostile = component("hostile")?;
    let cut = hostile[..hostile.len() / 2].to_vec();
    let cases: [(&str, Vec<u8>, &str); 13] = [
        ("nothing", Vec::new(), "not_a_component"),
        ("text", b"hello".to_vec(), "not_a_component"),
        ("WAT", b"(component)".to_vec(), "not_a_component"),
        ("a program", std::fs::read("/proc/self/exe")?, "not_a_component"),
        ("a core module", wat::parse_str("(module)")?, "not_a_component"),
        ("half a component", cut, "not_a_component"),
        ("a file of the cache", compiled, "not_a_component"),
        ("compiled code", artifact, "not_a_component"),
        ("no exports", wat::parse_str("(component)")?, "plugin_manifest_invalid"),
        ("files", importing("wasi:http/outgoing-handler@0.2.0")?, "plugin_import_not_allowed"),
        ("sockets", importing("wasi:sockets/tcp@0.2.0")?, "plugin_import_not_allowed"),
        ("a newer contract", importing("grantry:plugin/http@0.2.0")?, "plugin_import_not_allowed"),
        ("threads", pretending("(core module (memory 1 1 shared))")?, "plugin_feature_not_allowed"),
    ];
    for (what, bytes, code) in cases {
        let refused = upload(scene.api(), bytes).await?;
        assert_eq!((refused.status, refused.code()), (422, code), "{what}: {refused:?}");
        scene.serves_others().await?;
    }
    let names = scene.api().list("/plugins").await?;
    assert_eq!(names.len(), 1, "only the honest one is installed: {names:?}");
    scene.ends_well().await
}

fn importing(name: &str) -> Result<Vec<u8>> {
    pretending(&format!("(import \"{name}\" (instance))"))
}

/// A component that looks like a plugin from afar.
fn pretending(content: &str) -> Result<Vec<u8>> {
    let lifecycle = r#"(instance $l) (export "grantry:plugin/lifecycle@0.1.0" (instance $l))"#;
    Ok(wat::parse_str(format!("(component {content} {lifecycle})"))?)
}

/// One more than compile at a time.
const BOMBS: usize = 3;

/// One function with very many locals: register allocation does not scale with them.
fn wide_function() -> Result<Vec<u8>> {
    const LOCALS: usize = 40_000;
    let locals = "(local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)".repeat(LOCALS / 10);
    let mut body = String::new();
    for index in 0..LOCALS {
        let (left, right) = ((index * 7_919 + 13) % LOCALS, (index * 104_729 + 7) % LOCALS);
        writeln!(
            body,
            "(local.set {index} (i64.add (local.get {left}) (local.get {right})))
             (br_if 0 (i64.eqz (local.get {index})))"
        )?;
    }
    pretending(&format!("(core module (func {locals} (block (loop {body}))))"))
}

/// Row 28, in the real compile process.
#[tokio::test]
async fn compile_bombs_end_at_their_limit_while_others_work() -> Result<()> {
    let scene = Scene::start().await?;
    let bomb = wide_function()?;
    let api = scene.api().clone();
    let uploads =
        tokio::spawn(
            async move { join_all([(); BOMBS].map(|()| upload(&api, bomb.clone()))).await },
        );
    let mut answers = 0;
    wait::until("the compiler to end", COMPILE_LIMIT, async || {
        scene.serves_others().await?;
        answers += 1;
        Ok(uploads.is_finished().then_some(()))
    })
    .await?;
    for refused in uploads.await? {
        let refused = refused?;
        assert_eq!((refused.status, refused.code()), (422, "plugin_compile_limit"), "{refused:?}");
    }
    assert!(answers > 1, "nobody else was served meanwhile");
    scene.ends_well().await
}

/// What is compiled anew is the stored component; the changed file is never run.
#[tokio::test]
async fn compiled_code_that_was_changed_on_disk_is_compiled_again() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.serves_others().await?;
    let path = cached(&scene, &digest_of(scene.api(), "scim").await?)?;
    let good = std::fs::read(&path)?;
    for at in [0, 20, 43, good.len() / 2, good.len() - 1] {
        let mut changed = good.clone();
        changed[at] ^= 0x01;
        scene.host.kill()?;
        std::fs::write(&path, &changed)?;
        scene.host.start_again().await?;
        scene.serves_others().await?;
        assert_eq!(std::fs::read(&path)?, good, "byte {at} was put right");
    }
    let log = String::from_utf8_lossy(&scene.host.log()).into_owned();
    let warnings = log.matches("a compiled component was changed").count();
    assert_eq!(warnings, 5, "each change is told");
    scene.pid = scene.host.pid();
    scene.ends_well().await
}

/// Row 31.
#[tokio::test]
async fn a_component_that_was_changed_in_the_database_is_not_loaded() -> Result<()> {
    let mut scene = Scene::start().await?;
    let victim = scene.hostile("normal").await?;
    assert_eq!(outcome(&victim.test_connection().await?), "ok");
    let digest = digest_of(scene.api(), "hostile").await?;
    scene.host.kill()?;
    std::fs::remove_file(cached(&scene, &digest)?)?;
    change_component(&scene, &digest).await?;
    scene.host.start_again().await?;
    scene.pid = scene.host.pid();

    let tested = victim.test_connection().await?;
    assert_eq!(outcome(&tested), "plugin_digest_mismatch", "{tested}");
    assert!(victim.shown().await?["quarantined_ms"].is_i64());
    let refused = victim.try_connection().await?;
    assert_eq!((refused.status, refused.code()), (409, "integration_quarantined"));
    let query = format!("/audit?event=integration.quarantined&entity_id={}", victim.id);
    let rows: Vec<Value> = scene.api().list(&query).await?;
    assert_eq!(rows[0]["detail"]["code"], "plugin_digest_mismatch", "{rows:?}");
    scene.ends_well().await
}

/// Exchanges a word of the plugin's texts: the component stays a valid one.
async fn change_component(scene: &Scene, digest: &str) -> Result<()> {
    let (from, to) = (b"the connection asks for a panic", b"the connection asks for a picni");
    let file = std::fs::read_dir(scene.host.data_folder())?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "db"))
        .context("the database's file")?;
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    let mut bytes: Vec<u8> =
        sqlx::query_scalar("SELECT component FROM components WHERE digest = ?")
            .bind(digest)
            .fetch_one(&mut database)
            .await?;
    let at = bytes.windows(from.len()).position(|window| window == from).context("the word")?;
    bytes[at..at + to.len()].copy_from_slice(to);
    sqlx::query("UPDATE components SET component = ? WHERE digest = ?")
        .bind(&bytes)
        .bind(digest)
        .execute(&mut database)
        .await?;
    database.close().await?;
    Ok(())
}
