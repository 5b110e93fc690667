//! What an operator can set, with the defaults of the security notes.
//!
//! Every number is a limit on outside data or time. Start with [`Settings::new`].

use std::path::PathBuf;
use std::sync::Arc;

use grantry_model::clock::{Clock, Random};

use crate::compile::Compiler;
use crate::http::HttpSettings;

/// How a [`crate::Runtime`] is set up.
#[derive(Clone)]
pub struct Settings {
    /// Where compiled components are kept; made with mode 0700 if it does not exist.
    pub cache_directory: PathBuf,
    /// Authenticates the cache's files: whoever knows it can have the host run any code.
    pub cache_key: [u8; 32],
    /// How components are compiled.
    pub compiler: Compiler,
    /// Most bytes of an uploaded component.
    pub component_bytes_max: u64,
    /// What one call of a plugin may use.
    pub limits: Limits,
    /// Threads on which guests run; 0 means one less than the machine has cores, at least one.
    pub guest_threads: usize,
    /// Calls of all plugins that may run at a time.
    pub calls_max: u32,
    /// Calls of one plugin that may run at a time.
    pub calls_per_plugin_max: u32,
    /// Loaded components that are kept in memory.
    pub plugins_loaded_max: usize,
    /// Accepts components that import `wasi:sockets`, as CPython's runtime does without using it.
    /// The interface they get refuses every address.
    pub accepts_inert_sockets: bool,
    /// Outgoing requests.
    pub http: HttpSettings,
    /// The time that guests see.
    pub clock: Arc<dyn Clock>,
    /// The randomness that guests see.
    pub random: Arc<dyn Random>,
}

impl Settings {
    /// The defaults. `cache_key` must be secret and stay the same over restarts, or every component
    /// is compiled again.
    pub fn new(
        cache_directory: PathBuf,
        cache_key: [u8; 32],
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            cache_directory,
            cache_key,
            compiler: Compiler::InProcess,
            component_bytes_max: 64 * 1024 * 1024,
            limits: Limits::default(),
            guest_threads: 0,
            calls_max: 64,
            calls_per_plugin_max: 16,
            plugins_loaded_max: 64,
            accepts_inert_sockets: false,
            http: HttpSettings::default(),
            clock,
            random,
        }
    }
}

/// What one call of a plugin may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Processor time, in milliseconds. Waiting for the host is not counted.
    pub cpu_ms: u64,
    /// Time from start to end, in milliseconds.
    pub wall_ms: u64,
    /// Linear memory of all instances together, in bytes.
    pub memory_bytes_max: usize,
    /// Table elements of all instances together.
    pub table_elements_max: usize,
    /// Core instances.
    pub instances_max: usize,
    /// Linear memories.
    pub memories_max: usize,
    /// Tables.
    pub tables_max: usize,
    /// Bytes that the guest may hand to the host in one call or result.
    pub transfer_bytes_max: usize,
    /// Live handles of resources.
    pub handles_max: usize,
    /// Calls of host functions.
    pub host_calls_max: u32,
    /// Bytes of log.
    pub log_bytes_max: usize,
    /// Writes to the key-value store.
    pub kv_writes_max: usize,
    /// Bytes written to the key-value store.
    pub kv_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_ms: 2_000,
            wall_ms: 30_000,
            memory_bytes_max: 64 * 1024 * 1024,
            table_elements_max: 10_000,
            instances_max: 8,
            memories_max: 4,
            tables_max: 4,
            transfer_bytes_max: 8 * 1024 * 1024,
            handles_max: 1_000,
            host_calls_max: 10_000,
            log_bytes_max: 1024 * 1024,
            kv_writes_max: 1_000,
            kv_bytes_max: 1024 * 1024,
        }
    }
}

/// Most core instances that any component gets.
pub(crate) const INSTANCES_MAX: u32 = 64;
/// Core instances of a component in a compiled language: its module, what the linker put around it.
const ORDINARY_INSTANCES_MAX: u32 = 4;
/// Most tables that any component gets.
pub(crate) const TABLES_MAX: u32 = 64;
/// Most elements that one table gets.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Most bytes that one linear memory can be set to get.
pub(crate) const MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;

impl Limits {
    /// The limits for a component of so many core instances: a language runtime that is linked from
    /// many modules (CPython, StarlingMonkey, QuickJS) gets more instances and tables, but no more
    /// memory. At run time wasmtime's adapters between the modules count as instances too.
    pub(crate) fn for_component(&self, core_instances: u32) -> Self {
        if core_instances <= ORDINARY_INSTANCES_MAX {
            return self.clone();
        }
        Self {
            instances_max: self.instances_max.max(INSTANCES_MAX as usize),
            tables_max: self.tables_max.max(TABLES_MAX as usize),
            table_elements_max: self.table_elements_max.max(TABLE_ELEMENTS_MAX),
            ..self.clone()
        }
    }
}
