//! Puts the crates together: database, keys, plugin runtime, engine. The only file that knows all.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use grantry_deliver::Post;
use grantry_egress::{DialSettings, Proxy};
use grantry_engine::{Engine, Parts};
use grantry_model::clock::Clock as _;
use grantry_model::package::ComponentSource;
use grantry_oidc::Issuers;
use grantry_registry::Registries;
use grantry_runtime::{
    CompileProcess, Compiler, HttpSettings, Inspector, LocalRunner, Runtime, Settings,
};
use grantry_store::seal::KeyRing;
use grantry_store::{DatabaseClock, Db};

use crate::ambient::{SystemClock, SystemRandom};
use crate::data::DataFolder;
use crate::options::EgressOptions;

/// What the compile process is called with: the hidden subcommand.
pub(crate) const COMPILE_COMMAND: &str = "compile-plugin";

/// Opens the database; a SQLite file is made if it is missing.
pub(crate) async fn database(data: &DataFolder) -> anyhow::Result<Db> {
    let clock = Arc::new(DatabaseClock::new(Arc::new(SystemClock)));
    let db = Db::connect(&data.database_url, clock.clone(), Arc::new(SystemRandom)).await;
    // The URL may hold a password, so it is not repeated.
    let db =
        db.context("cannot open the database: is it running, and is `--database-url` right?")?;
    // No jump: nothing was done by the machine's own clock yet.
    if let Some(now) = db.measure_time().await.context("cannot ask the database for the time")? {
        clock.follow(now);
    }
    Ok(db)
}

/// Opens everything: makes what the first start makes, and migrates.
pub(crate) async fn engine(data: &DataFolder, egress: &EgressOptions) -> anyhow::Result<Engine> {
    data.make()?;
    let keys = data.keys()?;
    let db = database(data).await?;
    let applied = db.migrate().await.context("cannot migrate the database")?;
    if !applied.is_empty() {
        tracing::info!(?applied, "migrated the database");
    }
    let keys = match keys {
        Some(keys) => keys,
        // New keys cannot open what old ones sealed.
        None if db.has_people().await? => {
            let path = data.key_file.display();
            bail!("the database is in use, but its key file `{path}` is missing: restore it");
        }
        None => data.make_keys(&SystemRandom)?,
    };
    let source: Arc<dyn ComponentSource> = Arc::new(db.clone());
    let cache_key = keys.derive("compiled components");
    let proxy = egress.plugin_proxy.as_deref().map(Proxy::parse).transpose()?;
    if let Some(proxy) = &proxy {
        tracing::info!(?proxy, "plugins' requests go through a proxy");
    }
    let runtime = runtime(data.cache(), cache_key, source, proxy)?;
    let inspector = Arc::new(Inspector::new(runtime.clone()));
    let runner = Arc::new(LocalRunner::new(runtime));
    let dial = dial_settings(egress)?;
    let courier = Post::new(&dial, data.audit_folder());
    let courier = Arc::new(courier.context("cannot use the certificates of `--ca-file`")?);
    let registry = Arc::new(Registries::new(&dial)?);
    let identity = Arc::new(Issuers::new(Arc::new(SystemClock)));
    Ok(Engine::new(Parts { db, runner, inspector, registry, keys, courier, identity }))
}

/// How deliveries and registries are dialled: both trust an operator's own roots.
fn dial_settings(egress: &EgressOptions) -> anyhow::Result<DialSettings> {
    let mut settings = DialSettings::default();
    if let Some(file) = &egress.ca_file {
        let unusable = || format!("cannot use the certificates of `--ca-file {}`", file.display());
        settings.extra_roots_pem.push(std::fs::read_to_string(file).with_context(unusable)?);
    }
    Ok(settings)
}

/// The plugin runtime, compiling in a process of its own.
pub(crate) fn runtime(
    cache: PathBuf,
    cache_key: [u8; grantry_store::seal::KEY_BYTES],
    source: Arc<dyn ComponentSource>,
    proxy: Option<Proxy>,
) -> anyhow::Result<Arc<Runtime>> {
    let settings = runtime_settings(cache, cache_key, proxy)?;
    Runtime::start(settings, source).context("cannot start the plugin runtime")
}

/// How plugins are run, here as on a server.
pub(crate) fn runtime_settings(
    cache: PathBuf,
    cache_key: [u8; grantry_store::seal::KEY_BYTES],
    proxy: Option<Proxy>,
) -> anyhow::Result<Settings> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let process = CompileProcess::new(program, vec![COMPILE_COMMAND.into()]);
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    Ok(Settings {
        compiler: Compiler::Process(process),
        http: HttpSettings { proxy, ..HttpSettings::default() },
        ..Settings::new(cache, cache_key, clock, random)
    })
}

/// A ring for what is thrown away at once, such as the inspection of a file.
pub(crate) fn throwaway_keys() -> anyhow::Result<KeyRing> {
    Ok(KeyRing::parse(&KeyRing::generate(&SystemRandom))?)
}
