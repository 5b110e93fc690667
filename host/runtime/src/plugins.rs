//! Loaded components: from a digest to something that can be instantiated in microseconds.
//!
//! Machine code comes from the cache, or is compiled again from the stored component after its
//! digest was checked. What was loaded stays in memory, the least recently used ones go first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use grantry_model::fault::Fault;
use grantry_model::package::{ComponentSource, PackageRejection};
use grantry_model::plugin::Digest;
use tokio::sync::OnceCell;
use wasmtime::Engine;

use crate::compile::{ArtifactCache, CompileError, Compiled, Compiler, compile};
use crate::plugin::{Plugin, Workbench};
use crate::settings::Settings;

/// All loaded components.
pub(crate) struct Plugins {
    workbench: Workbench,
    cache: ArtifactCache,
    source: Arc<dyn ComponentSource>,
    compiler: Compiler,
    loaded_max: usize,
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
            workbench: Workbench::new(engine, settings)?,
            cache,
            source,
            compiler: settings.compiler.clone(),
            loaded_max: settings.plugins_loaded_max.max(1),
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
            plugins.workbench.link(&compiled).ok().map(Arc::new)
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
            let plugin = plugins.workbench.link(&compiled)?;
            if let Err(error) = plugins.cache.store(&digest, &compiled) {
                tracing::warn!(%error, plugin.digest = %digest, "the cache cannot be written");
            }
            Ok(Arc::new(plugin))
        };
        let linked = tokio::task::spawn_blocking(work).await;
        linked.map_err(|error| PackageRejection::Unavailable(error.to_string()))?
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
