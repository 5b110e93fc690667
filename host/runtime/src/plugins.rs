//! Loaded components: from a digest to something that can be instantiated in microseconds.
//!
//! Machine code comes from the cache, or is compiled again from the stored component after its
//! digest was checked. What was loaded stays in memory, the least recently used ones go first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use grantry_model::fault::Fault;
use grantry_model::package::{ComponentSource, Interface, PackageRejection};
use grantry_model::plugin::Digest;
use tokio::sync::{OnceCell, Semaphore};
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{Engine, Store};

use crate::bindings::exports::grantry::plugin as exports;
use crate::call::CallState;
use crate::compile::{ArtifactCache, CompileError, Compiled, Compiler, compile};
use crate::link::{self, Linkers};
use crate::settings::{Limits, Settings};

/// A component, ready to be instantiated, with the exports that it has.
pub(crate) struct Plugin {
    pub(crate) pre: InstancePre<CallState>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) imports: Vec<String>,
    pub(crate) lifecycle: exports::lifecycle::GuestIndices,
    pub(crate) aggregate: Option<exports::aggregate::GuestIndices>,
    pub(crate) changes: Option<exports::changes::GuestIndices>,
    pub(crate) provision: Option<exports::provision::GuestIndices>,
    pub(crate) tickets: Option<exports::tickets::GuestIndices>,
    pub(crate) webhook_logic: Option<exports::webhook_logic::GuestIndices>,
    pub(crate) step_logic: Option<exports::step_logic::GuestIndices>,
    /// Calls that may run at a time.
    pub(crate) permits: Arc<Semaphore>,
}

impl Plugin {
    /// Whether every function of every exported interface has the contract's type.
    pub(crate) fn check_exports(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> wasmtime::Result<()> {
        macro_rules! check {
            ($($interface:ident),+) => {$(
                if let Some(indices) = &self.$interface {
                    indices.load(&mut *store, instance)?;
                }
            )+};
        }
        check!(aggregate, changes, provision, tickets, webhook_logic, step_logic);
        Ok(())
    }

    /// What it can do.
    pub(crate) fn interfaces(&self) -> Vec<Interface> {
        let has = [
            (Interface::Lifecycle, true),
            (Interface::Aggregate, self.aggregate.is_some()),
            (Interface::Changes, self.changes.is_some()),
            (Interface::Provision, self.provision.is_some()),
            (Interface::Tickets, self.tickets.is_some()),
            (Interface::WebhookLogic, self.webhook_logic.is_some()),
            (Interface::StepLogic, self.step_logic.is_some()),
        ];
        has.into_iter().filter(|(_, has)| *has).map(|(interface, _)| interface).collect()
    }
}

/// All loaded components.
pub(crate) struct Plugins {
    engine: Engine,
    linkers: Linkers,
    cache: ArtifactCache,
    source: Arc<dyn ComponentSource>,
    compiler: Compiler,
    limits: Limits,
    permits: u32,
    loaded_max: usize,
    accepts_inert_sockets: bool,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    slots: HashMap<Digest, Slot>,
    uses: u64,
}

struct Slot {
    plugin: Arc<OnceCell<Arc<Plugin>>>,
    used: u64,
}

impl Plugins {
    pub(crate) fn new(
        engine: Engine,
        settings: &Settings,
        source: Arc<dyn ComponentSource>,
    ) -> wasmtime::Result<Self> {
        let cache = ArtifactCache::open(&settings.cache_directory, settings.cache_key, &engine)?;
        Ok(Self {
            linkers: Linkers::new(&engine)?,
            cache,
            engine,
            source,
            compiler: settings.compiler.clone(),
            limits: settings.limits.clone(),
            permits: settings.calls_per_plugin_max.max(1),
            loaded_max: settings.plugins_loaded_max.max(1),
            accepts_inert_sockets: settings.accepts_inert_sockets,
            loaded: Mutex::default(),
        })
    }

    /// The component of that digest. Many who ask at once wait for one load.
    pub(crate) async fn get(self: &Arc<Self>, digest: &Digest) -> Result<Arc<Plugin>, Fault> {
        let slot = self.slot(digest);
        slot.get_or_try_init(|| self.load(digest)).await.cloned()
    }

    fn slot(&self, digest: &Digest) -> Arc<OnceCell<Arc<Plugin>>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.uses += 1;
        let used = loaded.uses;
        if let Some(slot) = loaded.slots.get_mut(digest) {
            slot.used = used;
            return slot.plugin.clone();
        }
        if loaded.slots.len() >= self.loaded_max {
            let oldest = loaded.slots.iter().min_by_key(|(_, slot)| slot.used);
            let oldest = oldest.map(|(digest, _)| digest.clone());
            oldest.and_then(|digest| loaded.slots.remove(&digest));
        }
        let plugin = Arc::new(OnceCell::new());
        loaded.slots.insert(digest.clone(), Slot { plugin: plugin.clone(), used });
        plugin
    }

    async fn load(self: &Arc<Self>, digest: &Digest) -> Result<Arc<Plugin>, Fault> {
        if let Some(plugin) = self.cached(digest).await? {
            return Ok(plugin);
        }
        let bytes = self.source.component(digest).await.map_err(Fault::Missing)?;
        let bytes = bytes.ok_or_else(|| Fault::Missing("it is not stored".to_owned()))?;
        if Digest::of(&bytes) != *digest {
            return Err(Fault::DigestMismatch);
        }
        let compiled = compile(&self.compiler, bytes.into()).await;
        let compiled = compiled.map_err(|error| Fault::Missing(error.to_string()))?;
        self.accept(digest, compiled).await.map_err(|error| Fault::Missing(error.to_string()))
    }

    async fn cached(self: &Arc<Self>, digest: &Digest) -> Result<Option<Arc<Plugin>>, Fault> {
        let (plugins, wanted) = (self.clone(), digest.clone());
        let work = move || {
            let compiled = match plugins.cache.load(&wanted) {
                Ok(Some(compiled)) => compiled,
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(%error, plugin.digest = %wanted, "the cache cannot be read");
                    return None;
                }
            };
            plugins.link(&compiled).ok().map(Arc::new)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Fault::Host(error.to_string()))
    }

    /// Compiles an uploaded component, unless its compiled form is still there, and keeps it ready.
    pub(crate) async fn compile(
        self: &Arc<Self>,
        digest: &Digest,
        component: Arc<[u8]>,
    ) -> Result<Arc<Plugin>, PackageRejection> {
        let plugin = match self.cached(digest).await {
            Ok(Some(plugin)) => plugin,
            Ok(None) | Err(_) => {
                let compiled = compile(&self.compiler, component).await.map_err(rejection)?;
                self.accept(digest, compiled).await?
            }
        };
        // Fails only if it is loaded already.
        let _ = self.slot(digest).set(plugin.clone());
        Ok(plugin)
    }

    async fn accept(
        self: &Arc<Self>,
        digest: &Digest,
        compiled: Compiled,
    ) -> Result<Arc<Plugin>, PackageRejection> {
        let (plugins, digest) = (self.clone(), digest.clone());
        let work = move || {
            let plugin = plugins.link(&compiled)?;
            if let Err(error) = plugins.cache.store(&digest, &compiled) {
                tracing::warn!(%error, plugin.digest = %digest, "the cache cannot be written");
            }
            Ok(Arc::new(plugin))
        };
        let linked = tokio::task::spawn_blocking(work).await;
        linked.map_err(|error| PackageRejection::Unavailable(error.to_string()))?
    }

    /// From machine code that this host made to a linked component.
    fn link(&self, compiled: &Compiled) -> Result<Plugin, PackageRejection> {
        let unavailable = |error: wasmtime::Error| PackageRejection::Unavailable(error.to_string());
        let limits = self.limits.for_component(compiled.core_instances);
        check_fits("core instances", u64::from(compiled.core_instances), limits.instances_max)?;
        let component = deserialize(&self.engine, &compiled.artifact).map_err(unavailable)?;
        let ty = component.component_type();
        let imports: Vec<String> =
            ty.imports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        let wasi = link::policy(imports.iter().map(String::as_str), self.accepts_inert_sockets)?;
        check_size(&component, &limits)?;
        let pre = self.linkers.of(wasi).instantiate_pre(&component);
        let pre = pre.map_err(|error| unlinked(&error))?;
        let lifecycle = exported("lifecycle", &pre, exports::lifecycle::GuestIndices::new)?;
        let missing = || PackageRejection::BadManifest("it exports no `lifecycle`".to_owned());
        Ok(Plugin {
            lifecycle: lifecycle.ok_or_else(missing)?,
            aggregate: exported("aggregate", &pre, exports::aggregate::GuestIndices::new)?,
            changes: exported("changes", &pre, exports::changes::GuestIndices::new)?,
            provision: exported("provision", &pre, exports::provision::GuestIndices::new)?,
            tickets: exported("tickets", &pre, exports::tickets::GuestIndices::new)?,
            webhook_logic: exported(
                "webhook-logic",
                &pre,
                exports::webhook_logic::GuestIndices::new,
            )?,
            step_logic: exported("step-logic", &pre, exports::step_logic::GuestIndices::new)?,
            limits: Arc::new(limits),
            permits: Arc::new(Semaphore::new(usize::try_from(self.permits).unwrap_or(1))),
            pre,
            imports,
        })
    }
}

/// Refuses at install what could never be instantiated.
fn check_size(component: &Component, limits: &Limits) -> Result<(), PackageRejection> {
    const PAGE_BYTES: u64 = 65_536;
    let needs = component.resources_required().ok_or_else(|| {
        PackageRejection::FeatureNotAllowed("it imports or exports core modules".to_owned())
    })?;
    let memory_bytes = needs.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE_BYTES);
    let table_elements = needs.max_initial_table_size.unwrap_or(0);
    check_fits("memories", u64::from(needs.num_memories), limits.memories_max)?;
    check_fits("tables", u64::from(needs.num_tables), limits.tables_max)?;
    check_fits("bytes of memory", memory_bytes, limits.memory_bytes_max)?;
    check_fits("table elements", table_elements, limits.table_elements_max)
}

fn check_fits(what: &str, need: u64, max: usize) -> Result<(), PackageRejection> {
    if usize::try_from(need).is_ok_and(|need| need <= max) {
        return Ok(());
    }
    let text = format!("it needs {need} {what}, and plugins get {max}");
    Err(PackageRejection::FeatureNotAllowed(text))
}

/// The functions of an exported interface; `None` if it is not exported. One that is exported
/// without all of its functions is refused, not overlooked.
fn exported<T>(
    interface: &str,
    pre: &InstancePre<CallState>,
    indices: impl FnOnce(&InstancePre<CallState>) -> wasmtime::Result<T>,
) -> Result<Option<T>, PackageRejection> {
    let name = format!("{}/{interface}@{}", link::CONTRACT, link::CONTRACT_VERSION);
    if pre.component().get_export_index(None, name.as_str()).is_none() {
        return Ok(None);
    }
    let incomplete = |error: wasmtime::Error| {
        let why = grantry_model::text::printable(&error.to_string(), 300);
        PackageRejection::BadManifest(why)
    };
    indices(pre).map(Some).map_err(incomplete)
}

/// What the linker misses, or what the pool of instances cannot hold, in their own words.
fn unlinked(error: &wasmtime::Error) -> PackageRejection {
    let text = grantry_model::text::printable(&format!("{error:#}"), 300);
    match text.contains("exceeds the configured maximum") {
        true => PackageRejection::FeatureNotAllowed(text),
        false => PackageRejection::ImportNotAllowed(text),
    }
}

fn rejection(error: CompileError) -> PackageRejection {
    match error {
        CompileError::Limit => PackageRejection::CompileLimit,
        CompileError::Feature(what) => PackageRejection::FeatureNotAllowed(what),
        CompileError::Invalid(why) => PackageRejection::NotAComponent(why),
        CompileError::Unavailable(why) => PackageRejection::Unavailable(why),
    }
}

#[expect(
    unsafe_code,
    reason = "the one place where machine code is loaded: it was made by this host's own compiler \
              and, if it was on disk since, its MAC was checked over these very bytes"
)]
fn deserialize(engine: &Engine, artifact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `Compiled` is made only by `compile` and by `ArtifactCache::load` after its check.
    unsafe { Component::deserialize(engine, artifact) }
}
