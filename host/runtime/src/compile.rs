//! Compiling components: untrusted input to a large program, so it happens in a process of its own
//! under limits (one component of 398 KiB compiled for 73 s; wasmtime does not call that a bug).
//!
//! [`compile`] is what the host calls; [`compile_main`] is what the process runs. Compiled code is
//! trusted code: it comes from nowhere but here and [`cache`], which authenticates what it reads.

mod cache;
mod child;
mod process;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use cache::ArtifactCache;
pub use child::compile_main;

use crate::engine;

/// How components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process, without limits: for tests and benches, never for uploads.
    InProcess,
    /// In a process that ends at its limits.
    Process(CompileProcess),
}

/// The compile process: a program that calls [`compile_main`] and nothing else.
#[derive(Debug, Clone)]
pub struct CompileProcess {
    /// The program, usually this one.
    pub program: PathBuf,
    /// Its arguments, such as a hidden subcommand.
    pub args: Vec<OsString>,
    /// Seconds of processor time that every component gets.
    pub cpu_seconds_min: u64,
    /// Seconds of processor time per MiB of component, where that is more.
    pub cpu_seconds_per_mib: u64,
    /// Bytes of memory that it may use.
    pub memory_bytes_max: u64,
}

impl CompileProcess {
    /// The documented limits: 20 s or 5 s per MiB in an optimised build (four times that in a debug
    /// build, whose compiler is slower), 1 GiB.
    pub fn new(program: PathBuf, args: Vec<OsString>) -> Self {
        let factor = if cfg!(debug_assertions) { 4 } else { 1 };
        Self {
            program,
            args,
            cpu_seconds_min: 20 * factor,
            cpu_seconds_per_mib: 5 * factor,
            memory_bytes_max: 1024 * 1024 * 1024,
        }
    }

    /// Seconds of processor time for a component of so many bytes.
    fn cpu_seconds(&self, component_bytes: usize) -> u64 {
        let mebibytes = u64::try_from(component_bytes / (1024 * 1024)).unwrap_or(u64::MAX);
        mebibytes.saturating_mul(self.cpu_seconds_per_mib).max(self.cpu_seconds_min)
    }
}

/// Machine code of a component, with what the loader needs to know of it.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// wasmtime's serialized form.
    pub(crate) artifact: Vec<u8>,
    /// Core instances that the component makes.
    pub(crate) core_instances: u32,
}

/// Why there is no machine code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("compiling takes more time or memory than allowed")]
    Limit,
    #[error("a feature that is switched off: {0}")]
    Feature(String),
    #[error("not a valid component: {0}")]
    Invalid(String),
    #[error("the compile process cannot be run: {0}")]
    Unavailable(String),
}

/// Compiles a component.
pub(crate) async fn compile(
    compiler: &Compiler,
    component: Arc<[u8]>,
) -> Result<Compiled, CompileError> {
    match compiler {
        Compiler::Process(process) => process::compile(process, component).await,
        Compiler::InProcess => {
            let work = tokio::task::spawn_blocking(move || child::compile(&component));
            work.await.map_err(|_| CompileError::Invalid("the compiler failed".to_owned()))?
        }
    }
}

/// An engine for [`child::compile`].
fn compile_engine() -> Result<wasmtime::Engine, CompileError> {
    engine::compile_engine().map_err(|error| CompileError::Unavailable(error.to_string()))
}
