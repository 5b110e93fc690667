//! Hand-made guests, a scope that records what was refused, and targets on loopback.

pub mod guest;
pub mod memory;
pub mod scope;
pub mod target;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use grantry_model::clock::{Clock, Random, UnixMs};
use grantry_model::package::{ComponentSource, PackageInspector, PackageReport};
use grantry_model::plugin::Digest;
use grantry_runtime::{CompileProcess, Inspector, LocalRunner, Runtime, Settings};

pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> UnixMs {
        UnixMs(1_800_000_000_123)
    }
}

#[derive(Default)]
pub struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes()[0];
        }
    }
}

/// Has one component, or none.
pub struct Source(pub Option<Vec<u8>>);

#[async_trait]
impl ComponentSource for Source {
    async fn component(&self, _: &Digest) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.clone())
    }
}

/// A runtime with a cache of its own.
pub struct Host {
    pub runner: LocalRunner,
    pub inspector: Inspector,
    pub cache: Arc<tempfile::TempDir>,
}

pub fn settings(cache: &tempfile::TempDir) -> Settings {
    let clock = Arc::new(FixedClock);
    Settings::new(cache.path().join("cache"), [7; 32], clock, Arc::new(Counter::default()))
}

pub fn compile_process() -> CompileProcess {
    CompileProcess::new(env!("CARGO_BIN_EXE_compile-plugin").into(), Vec::new())
}

impl Host {
    pub fn new() -> Self {
        Self::with(None, |_| {})
    }

    pub fn with(source: Option<Vec<u8>>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::over(Arc::new(tempfile::tempdir().unwrap()), source, change)
    }

    pub fn over(
        cache: Arc<tempfile::TempDir>,
        source: Option<Vec<u8>>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = settings(&cache);
        change(&mut settings);
        let runtime = Runtime::start(settings, Arc::new(Source(source))).unwrap();
        Self {
            runner: LocalRunner::new(runtime.clone()),
            inspector: Inspector::new(runtime),
            cache,
        }
    }

    pub async fn install(&self, component: &[u8]) -> PackageReport {
        self.inspector.inspect(component).await.unwrap()
    }
}
