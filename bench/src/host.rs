//! A host with the synthetic connector, and the cost of calling it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use async_trait::async_trait;
use grantry_authz::Door;
use grantry_deliver::Post;
use grantry_egress::DialSettings;
use grantry_engine::{
    Answer, Ctx, Engine, Idempotent, Installed, IntegrationInput, IntegrationView, Parts,
    PluginUpload, WholeConnection,
};
use grantry_model::approval::{Approval, granted};
use grantry_model::catalogue::{PageRequest, Target};
use grantry_model::clock::{Clock, Random, UnixMs};
use grantry_model::ids::{IntegrationId, PluginId};
use grantry_model::package::{ComponentSource, PackageInspector as _};
use grantry_model::platform::NoPlatform;
use grantry_model::plugin::Digest;
use grantry_model::runner::{
    AuditSink, CallScope, Denial, KeyValue, KeyValueUnavailable, KvUsage, TaskRunner as _,
};
use grantry_model::secret::{Secret, SecretSource, SecretUnavailable};
use grantry_model::settings::SettingsChange;
use grantry_oidc::Issuers;
use grantry_registry::Registries;
use grantry_runtime::{Inspector, LocalRunner, Runtime, Settings};
use grantry_store::Db;
use grantry_store::seal::KeyRing;

use crate::bare_wasm::BareWasm;
use crate::figure::Figure;
use crate::process;

/// The system's clock.
pub struct SystemClock;
impl Clock for SystemClock {
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMs(i64::try_from(since.as_millis()).unwrap_or(0))
    }
}

/// The system's randomness.
pub struct SystemRandom;
impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system gives random bytes");
    }
}

/// The synthetic connector's component.
pub fn synthetic() -> Result<Vec<u8>> {
    let folder = std::env::var("GRANTRY_GUESTS").unwrap_or_else(|_| "target/guests/out".into());
    let path = Path::new(&folder).join("synthetic.wasm");
    std::fs::read(&path)
        .with_context(|| format!("reading {}; `cargo xtask plugins` makes it", path.display()))
}

/// An engine on a SQLite file in the folder, with the real runtime.
pub async fn engine(folder: &Path) -> Result<Engine> {
    let url = format!("sqlite://{}", folder.join("bench.db").display());
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let db = Db::connect(&url, clock.clone(), random.clone()).await?;
    db.migrate().await?;
    let settings = Settings::new(folder.join("cache"), [7; 32], clock, random);
    let runtime = Runtime::start(settings, Arc::new(db.clone()))?;
    Ok(Engine::new(Parts {
        db,
        runner: Arc::new(LocalRunner::new(runtime.clone())),
        inspector: Arc::new(Inspector::new(runtime)),
        registry: Arc::new(Registries::new(&DialSettings::default())?),
        keys: KeyRing::parse(&"11".repeat(32))?,
        courier: Arc::new(Post::new(&DialSettings::default(), folder.join("audit"))?),
        identity: Arc::new(Issuers::new(Arc::new(SystemClock))),
    }))
}

fn reply(body: &str) -> Answer {
    Answer { status: 200, body: body.to_owned() }
}

/// The admin of an engine that was used before: the bench kept the token.
pub async fn admin(engine: &Engine, folder: &Path) -> Result<Ctx> {
    let token = std::fs::read_to_string(folder.join("token"))?;
    Ok(engine.authenticate(&token, Door::Cli, "bench").await??)
}

/// The admin of a fresh engine, and an integration of the synthetic connector.
pub async fn connect(
    engine: &Engine,
    folder: &Path,
    connection: serde_json::Value,
) -> Result<(Ctx, IntegrationId)> {
    let admin = engine.create_first_admin().await?.context("the database is not fresh")?;
    std::fs::write(folder.join("token"), admin.token.expose())?;
    let ctx = engine.authenticate(admin.token.expose(), Door::Cli, "bench").await??;
    let answer = |plugin: &Installed| reply(plugin.id.as_str());
    let request = Idempotent { key: "plugin", request: b"plugin", answer: &answer };
    let component = synthetic()?;
    let upload = PluginUpload { component: &component, signature: None, allow_unsigned: true };
    let plugin = ctx.install_plugin(&upload, &request).await?.body;
    let input = IntegrationInput {
        name: "Synthetic".into(),
        description: String::new(),
        plugin: PluginId::parse(&plugin)?,
        connection: WholeConnection(connection),
        approval: Approval::default(),
        owner: None,
        settings: SettingsChange::default(),
    };
    let answer = |view: &IntegrationView| reply(view.integration.id.as_str());
    let request = Idempotent { key: "integration", request: b"integration", answer: &answer };
    let id = ctx.create_integration(&input, &request).await?.body;
    Ok((ctx, IntegrationId::parse(&id)?))
}

/// Nothing is behind the capabilities of a bench call.
struct Nothing(Vec<u8>);

#[async_trait]
impl ComponentSource for Nothing {
    async fn component(&self, _: &Digest) -> Result<Option<Vec<u8>>, String> {
        Ok(Some(self.0.clone()))
    }
}
#[async_trait]
impl SecretSource for Nothing {
    async fn secret(&self, _: &str) -> Result<Option<Secret>, SecretUnavailable> {
        Ok(None)
    }
}
#[async_trait]
impl KeyValue for Nothing {
    async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, KeyValueUnavailable> {
        Ok(None)
    }
    async fn keys(&self, _: &str) -> Result<Vec<String>, KeyValueUnavailable> {
        Ok(Vec::new())
    }
    async fn usage(&self) -> Result<KvUsage, KeyValueUnavailable> {
        Ok(KvUsage::default())
    }
}
#[async_trait]
impl AuditSink for Nothing {
    async fn denied(&self, _: &IntegrationId, _: Denial) {}
}
/// The host and bare wasmtime take turns, because a machine's speed changes while one looks on; the
/// medians count.
const TURNS: usize = 15;
/// Calls in a turn.
const CALLS: usize = 40;

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The cost of a page of 1,000 rows, and of the smallest call, measured on a thread of its own: the
/// figures that follow may use every core.
pub fn calls() -> Result<Vec<Figure>> {
    let measured = std::thread::spawn(|| {
        process::stay_on_one_core()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(measure_calls())
    });
    measured.join().map_err(|_| anyhow!("the measuring thread panicked"))?
}

async fn measure_calls() -> Result<Vec<Figure>> {
    let component = synthetic()?;
    let folder = tempfile::tempdir()?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let settings = Settings::new(folder.path().join("cache"), [7; 32], clock, random);
    let nothing = Arc::new(Nothing(component.clone()));
    let runtime = Runtime::start(settings, nothing.clone())?;
    let report = Inspector::new(runtime.clone()).inspect(&component).await?;
    let runner = LocalRunner::new(runtime);
    let connection = serde_json::json!({ "users": 10_000, "groups": 1_000, "assignments": 1_000_000, "seed": 1 });
    let scope = CallScope {
        plugin: report.digest.clone(),
        integration: IntegrationId::parse("bench")?,
        policy_version: 1,
        connection: connection.to_string().into(),
        granted: Arc::new(granted(&report.manifest, &Approval::default(), &connection)),
        auth: Vec::new().into(),
        secrets: nothing.clone(),
        kv: nothing.clone(),
        platform: Arc::new(NoPlatform),
        audit: nothing,
        validators: Arc::default(),
    };
    let page = |max_items| PageRequest {
        run_id: "bench".into(),
        target: Target::AssignmentsOfKind("Group".into()),
        at: None,
        max_items,
        max_bytes: 4 * 1024 * 1024,
    };
    let mut bare = BareWasm::start(&component, &connection.to_string())?;
    let mut timed = async |max_items: u32| -> Result<(f64, f64)> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            for _ in 0..CALLS {
                let began = Instant::now();
                let called = runner.read_page(&scope, page(max_items)).await;
                let rows = called.map_err(|failure| anyhow!("{}", failure.fault))?.value;
                ours.push(began.elapsed().as_secs_f64() * 1e6);
                let count = rows.assignments.len();
                anyhow::ensure!(count == max_items as usize, "a page of {count} rows");
            }
            for _ in 0..CALLS {
                theirs.push(bare.page(max_items)?);
            }
        }
        Ok((median(ours), median(theirs)))
    };
    timed(1_000).await?;
    let (full, small) = (timed(1_000).await?, timed(1).await?);
    Ok(vec![
        Figure {
            name: "page_1000",
            value: full.0,
            unit: "us",
            baseline: Some(("bare wasmtime, warm instance", full.1)),
        },
        Figure {
            name: "instantiate_call",
            value: small.0,
            unit: "us",
            baseline: Some(("bare warm call of one row", small.1)),
        },
    ])
}
