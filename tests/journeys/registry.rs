//! A plugin's way from its author to an installation: signed, published in a real registry, trusted,
//! pulled, run. And every way of it that must end before something is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_tests::host::{Api, Database, Host, Reply, component, program};
use grantry_tests::peers::Registry;
use grantry_tests::peers::registry::{PASSWORD, USER};
use grantry_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The same key under another number, which is no part of the key.
fn renumbered(text: &str) -> Result<String> {
    let line = text.trim().lines().last().context("a key")?;
    let mut bytes = STANDARD.decode(line)?;
    bytes[2] ^= 1;
    Ok(STANDARD.encode(bytes))
}

/// An author's folder, with a registry to publish in and a host to install on.
struct Scene {
    folder: TempDir,
    registry: Registry,
    host: Host,
}

impl Scene {
    async fn start(database: Database) -> Result<Self> {
        let (registry, host) = (Registry::start().await?, Host::start(database).await?);
        let scene = Self { folder: tempfile::tempdir()?, registry, host };
        for plugin in ["synthetic", "itsm-bridge"] {
            std::fs::write(scene.file(plugin), component(plugin)?)?;
        }
        scene.json("keygen", &["--unencrypted", &scene.key()])?;
        Ok(scene)
    }

    /// Says how the host reaches the registry.
    async fn name_registry(&self) -> Result<Value> {
        let at = self.registry.address();
        let body = json!({
            "host": self.registry.host(), "username": USER, "password": PASSWORD,
            "plain_http": true, "address_exceptions": [{ "ip": at.ip(), "port": at.port() }],
        });
        self.host.api().post("/registries", &body).await?.ok()
    }

    async fn trust(&self) -> Result<Value> {
        let body = json!({ "name": "Author", "public_key": self.public_key()? });
        self.host.api().post("/publishers", &body).await?.ok()
    }

    fn file(&self, plugin: &str) -> PathBuf {
        self.folder.path().join(format!("{plugin}.wasm"))
    }

    fn key(&self) -> String {
        self.folder.path().join("author.key").display().to_string()
    }

    fn public_key(&self) -> Result<String> {
        Ok(std::fs::read_to_string(format!("{}.pub", self.key()))?)
    }

    fn reference(&self, plugin: &str) -> String {
        format!("{}/connectors/{plugin}:1", self.registry.host())
    }

    fn sign(&self, plugin: &str) -> Result<Value> {
        let file = self.file(plugin).display().to_string();
        self.json("sign", &[&file, "--key", &self.key()])
    }

    /// Publishes what is in the plugin's file; returns the pinned reference and the component's digest.
    fn publish(&self, plugin: &str, more: &[&str]) -> Result<(String, String)> {
        let (file, reference) = (self.file(plugin).display().to_string(), self.reference(plugin));
        let arguments = [&[file.as_str(), reference.as_str()], more].concat();
        let published =
            self.json("publish", &[&arguments[..], &self.way_to_registry()].concat())?;
        let text = |name: &str| published[name].as_str().map(str::to_owned).context("a text");
        Ok((text("reference")?, text("digest")?))
    }

    fn way_to_registry(&self) -> [&str; 3] {
        ["--plain-http", "--username", USER]
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Result<Output> {
        let mut program = Command::new(program()?);
        program.args(["--json", "plugin", command]).args(arguments);
        if ["publish", "inspect"].contains(&command) {
            program.args(["--address", &self.registry.host()]);
        }
        program.env("GRANTRY_REGISTRY", self.registry.host());
        program.env("GRANTRY_REGISTRY_PASSWORD", PASSWORD);
        program.env("GRANTRY_URL", self.host.api().base_url());
        program.env("GRANTRY_TOKEN", self.host.admin_token());
        program.output().context("run grantry")
    }

    fn json(&self, command: &str, arguments: &[&str]) -> Result<Value> {
        let output = self.run(command, arguments)?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    async fn pull(&self, reference: &str, allow_unsigned: bool) -> Result<Reply> {
        let body = json!({ "reference": reference, "allow_unsigned": allow_unsigned });
        self.host.api().post("/plugins/from-registry", &body).await
    }

    /// Uploads the plugin's file with the signature that is beside it.
    async fn upload(&self, plugin: &str) -> Result<Reply> {
        let signature = std::fs::read(signature_of(&self.file(plugin)))?;
        let api = self.host.api();
        let request = api
            .request(Method::POST, "/plugins?allow_unsigned=true")
            .header("idempotency-key", api.fresh_key())
            .header("content-type", "application/wasm")
            .header("plugin-signature", STANDARD.encode(signature))
            .body(std::fs::read(self.file(plugin))?);
        api.send(request).await
    }
}

fn signature_of(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.minisig", file.display()))
}

/// minisign itself, by other hands; it was installed with the registry.
fn minisign(arguments: &[&str]) -> Result<Output> {
    Command::new("minisign").args(arguments).output().context("run minisign")
}

async fn connect(api: &Api, plugin: &Value) -> Result<Reply> {
    let body = json!({
        "name": "Synthetic", "plugin_id": plugin["id"], "approval": { "hosts": [] },
        "connection": { "users": 5, "groups": 2, "assignments": 7, "seed": 1 },
    });
    api.post("/integrations", &body).await
}

async fn aggregate(api: &Api, integration: &Value) -> Result<Value> {
    let id = integration["id"].as_str().context("an id")?;
    let run = api.post(&format!("/integrations/{id}/aggregations"), &json!({})).await?.ok()?;
    let path = format!("/aggregations/{}", run["id"].as_str().context("an id")?);
    let limit = std::time::Duration::from_secs(120);
    wait::until("the aggregation to end", limit, async || {
        let run = api.get(&path).await?.ok()?;
        let is_over = !["queued", "running"].iter().any(|status| run["status"] == **status);
        Ok(is_over.then_some(run))
    })
    .await
}

#[tokio::test]
async fn a_signed_plugin_goes_from_its_author_through_a_registry_into_an_integration() -> Result<()>
{
    let scene = Scene::start(Database::Sqlite).await?;
    let api = scene.host.api().recorded();
    let signed = scene.sign("synthetic")?;
    let file = scene.file("synthetic").display().to_string();
    let public = format!("{}.pub", scene.key());
    let checked = minisign(&["-Vm", &file, "-p", &public])?;
    ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let comment = String::from_utf8_lossy(&checked.stdout).into_owned();
    let named = format!(
        "name={} version={}",
        signed["name"].as_str().unwrap_or(""),
        signed["version"].as_str().unwrap_or("")
    );
    assert!(comment.contains(&named), "{comment}");

    let (pinned, digest) = scene.publish("synthetic", &[])?;
    let reference = scene.reference("synthetic");
    let way = scene.way_to_registry();
    let arguments = [&[reference.as_str(), "--key", &public], &way[..]].concat();
    let inspected = scene.json("inspect", &arguments)?;
    assert_eq!(inspected["source"], json!(pinned));
    assert_eq!(
        (&inspected["key_id"], &inspected["is_verified"]),
        (&signed["key_id"], &json!(true))
    );

    // Without its entry the host neither goes inside the network nor speaks plain http.
    assert_eq!(scene.pull(&reference, false).await?.code(), "address_not_allowed");
    let named = scene.name_registry().await?;
    assert_eq!(scene.pull(&reference, false).await?.code(), "plugin_signer_unknown");
    let publisher = scene.trust().await?;
    assert_eq!(publisher["key_id"], signed["key_id"]);

    let plugin = scene.json("install", &[&reference])?;
    assert_eq!((&plugin["digest"], &plugin["source"]), (&json!(digest), &json!(pinned)));
    assert_eq!(plugin["signer"]["name"], "Author");
    assert_eq!(plugin["signer"]["publisher_id"], publisher["id"]);
    let types = api.get("/application-types").await?.ok()?;
    assert_eq!(types["items"][0]["versions"][0]["signer"], plugin["signer"]);
    assert_eq!(scene.pull(&pinned, false).await?.code(), "plugin_installed");

    let integration = connect(&api, &plugin).await?.ok()?;
    assert_eq!(aggregate(&api, &integration).await?["status"], "succeeded");
    let audit = api.list("/audit").await?;
    let row = audit.iter().find(|row| row["event"] == "plugin.installed").context("a row")?;
    assert_eq!(row["detail"]["signer"]["key_id"], signed["key_id"]);
    let shown =
        api.get(&format!("/registries/{}", named["id"].as_str().unwrap_or(""))).await?.ok()?;
    assert_eq!(shown["username"], USER);
    assert!(!api.transcript().contains(PASSWORD));
    Ok(())
}

#[tokio::test]
async fn what_is_not_what_was_signed_and_published_is_not_installed() -> Result<()> {
    let scene = Scene::start(Database::Postgres).await?;
    let api = scene.host.api();
    scene.name_registry().await?;
    let publisher = scene.trust().await?;

    // Unsigned: only where the admin says so.
    let (unsigned, _) = scene.publish("itsm-bridge", &["--unsigned"])?;
    assert_eq!(scene.pull(&unsigned, false).await?.code(), "plugin_not_signed");
    let chosen = scene.pull(&unsigned, true).await?.ok()?;
    assert_eq!((&chosen["signer"], &chosen["source"]), (&Value::Null, &json!(unsigned)));
    // The same component, now with a signature.
    scene.sign("itsm-bridge")?;
    let vouched = scene.upload("itsm-bridge").await?.ok()?;
    assert_eq!((&vouched["id"], &vouched["signer"]["name"]), (&chosen["id"], &json!("Author")));

    // Signed by the same key, for another plugin or version.
    scene.sign("synthetic")?;
    let good = std::fs::read(signature_of(&scene.file("synthetic")))?;
    let digest =
        scene.json("inspect", &[&scene.file("synthetic").display().to_string()])?["digest"].clone();
    let digest = digest.as_str().context("a digest")?;
    for (name, version) in [("okta", "0.1.0"), ("synthetic", "9.9.9")] {
        let claim = format!("grantry-plugin name={name} version={version} sha256={digest}");
        let file = scene.file("synthetic").display().to_string();
        let made = minisign(&["-S", "-s", &scene.key(), "-m", &file, "-t", &claim])?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert_eq!(scene.upload("synthetic").await?.code(), "plugin_signature_invalid");
    }
    std::fs::write(signature_of(&scene.file("synthetic")), good)?;

    // What the registry has is not what it was given.
    let (pinned, digest) = scene.publish("synthetic", &[])?;
    let wrong = format!("{}@sha256:{}", scene.reference("synthetic"), "0".repeat(64));
    assert_eq!(scene.pull(&wrong, true).await?.code(), "registry_not_found");
    scene.registry.spoil(&digest)?;
    for reference in [&pinned, &scene.reference("synthetic")] {
        assert_eq!(scene.pull(reference, true).await?.code(), "registry_digest_mismatch");
    }
    scene.registry.spoil(&digest)?;
    let manifest = pinned.rsplit(':').next().context("a digest")?;
    let path = scene.registry.blob(manifest);
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, text.replace("\"synthetic\"", "\"synthetik\""))?;
    assert_eq!(scene.pull(&pinned, true).await?.code(), "registry_digest_mismatch");
    std::fs::write(&path, text)?;
    let plugin = scene.pull(&pinned, false).await?.ok()?;

    // The key was stolen: what runs goes on and is marked, nothing new begins.
    let integration = connect(api, &plugin).await?.ok()?;
    assert_eq!(integration["warnings"], json!([]));
    let path = format!("/publishers/{}/revoke", publisher["id"].as_str().context("an id")?);
    let revoked = api.post(&path, &json!({ "reason": "stolen" })).await?.ok()?;
    assert!(revoked["revoked_ms"].is_i64(), "{revoked}");
    assert_eq!(scene.pull(&pinned, true).await?.code(), "plugin_signer_revoked");
    assert_eq!(connect(api, &plugin).await?.code(), "plugin_signer_revoked");
    let again = json!({ "name": "Again", "public_key": scene.public_key()? });
    assert_eq!(api.post("/publishers", &again).await?.code(), "conflict");
    let again = json!({ "name": "Again", "public_key": renumbered(&scene.public_key()?)? });
    assert_eq!(api.post("/publishers", &again).await?.code(), "conflict");
    let path = format!("/integrations/{}", integration["id"].as_str().context("an id")?);
    let marked = api.get(&path).await?.ok()?;
    assert!(
        marked["warnings"][0].as_str().is_some_and(|words| words.contains("revoked")),
        "{marked}"
    );
    assert_eq!(aggregate(api, &integration).await?["status"], "succeeded");
    Ok(())
}
