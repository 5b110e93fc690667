//! Runs plugins: wasmtime, the contract's bindings, capabilities, limits, package checks.
//!
//! ```text
//! let settings = Settings::new(cache_directory, cache_key, clock, random);
//! let runtime: Arc<Runtime> = Runtime::start(settings, components)?;   // inside a tokio runtime
//! let inspector = Inspector::new(runtime.clone());                      // impl PackageInspector
//! let runner = LocalRunner::new(runtime);                               // impl TaskRunner
//! ```
//!
//! Not here: databases, routes, decisions about permissions. Start with [`Runtime`], then `driver`
//! (one call from beginning to end), `host/` (what a guest can call) and `http/` (what it can reach).

mod bindings;
mod call;
mod calls;
mod compile;
mod convert;
mod driver;
mod engine;
mod host;
pub mod http;
mod limits;
mod link;
mod meter;
mod package;
mod plugin;
mod plugins;
mod runner;
mod runtime;
mod settings;
mod threads;
mod verdict;

pub use compile::{CompileProcess, Compiler, compile_main};
pub use http::HttpSettings;
pub use package::Inspector;
pub use runner::LocalRunner;
pub use runtime::{Runtime, RuntimeError};
pub use settings::{Limits, Settings};
