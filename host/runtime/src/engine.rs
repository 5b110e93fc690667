//! The wasmtime engine: which features guests get, how instances are allocated, and the clock tick
//! that lets the host take the processor back.
//!
//! Off unless a guest needs it: asynchronous components, threads, garbage collection, exceptions,
//! 64-bit memories, several memories, relaxed SIMD, tail calls, backtraces. The figures behind the
//! settings are in the design notes, decision 11.

use std::thread;
use std::time::Duration;

use wasmparser::WasmFeatures;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::settings::{INSTANCES_MAX, MEMORY_BYTES_MAX, Settings, TABLE_ELEMENTS_MAX, TABLES_MAX};

/// How often the epoch moves on: guests notice the end of their time within two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest, in bytes.
const GUEST_STACK_BYTES: usize = 512 * 1024;
/// Memories that a pool holds for each call that may run.
const MEMORIES_PER_CALL: u32 = 4;
/// Bytes of a memory that stay resident between calls, where the kernel can tell which were used.
const KEPT_RESIDENT_BYTES: usize = 2 * 1024 * 1024;
/// The same for a table: without it every call pays for a system call per table.
const TABLE_KEPT_RESIDENT_BYTES: usize = 64 * 1024;
/// Bytes of host structures per component instance.
const INSTANCE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What decides over compiled code: the same in the host and in the compile process.
pub(crate) fn base_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .debug_symbols(false)
        .concurrency_support(false)
        .shared_memory(false)
        .memory_init_cow(true);
    // wasmtime's own adapters between the parts of a component need several memories;
    // `guest_features` refuses them in guests.
    config.wasm_component_model(true).wasm_features(denied_features(), false);
    config
}

/// What a guest's own code may use: WebAssembly 1 with bulk memory, multiple values, reference types,
/// SIMD and extended constants.
pub(crate) fn guest_features() -> WasmFeatures {
    let all = WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL;
    all.difference(denied_features() | WasmFeatures::MULTI_MEMORY)
}

/// WebAssembly features that are off. Asynchronous components and threads are not even compiled into
/// this host.
fn denied_features() -> WasmFeatures {
    WasmFeatures::THREADS
        | WasmFeatures::SHARED_EVERYTHING_THREADS
        | WasmFeatures::GC
        | WasmFeatures::GC_TYPES
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::LEGACY_EXCEPTIONS
        | WasmFeatures::STACK_SWITCHING
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::MEMORY64
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::WIDE_ARITHMETIC
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_THREADING
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_GC
        | WasmFeatures::CM64
}

/// The host's engine, with pooled instances where the address space allows it.
pub(crate) fn host_engine(settings: &Settings) -> wasmtime::Result<Engine> {
    let mut pooled = base_config();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(settings.calls_max)));
    let engine = match Engine::new(&pooled) {
        Ok(engine) => engine,
        Err(error) => {
            tracing::warn!(%error, "no pool of plugin instances: each call allocates its own");
            Engine::new(&base_config())?
        }
    };
    start_ticking(&engine).map_err(wasmtime::Error::from)?;
    Ok(engine)
}

/// An engine that only compiles: reserves no address space, so that it runs under a small limit.
pub(crate) fn compile_engine() -> wasmtime::Result<Engine> {
    Engine::new(&base_config())
}

fn pool(calls_max: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let memories = calls_max.saturating_mul(MEMORIES_PER_CALL);
    pool.total_component_instances(calls_max)
        .total_core_instances(calls_max.saturating_mul(INSTANCES_MAX))
        .total_memories(memories)
        .total_tables(memories.max(TABLES_MAX))
        .total_stacks(calls_max)
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_PER_CALL)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(4)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(MEMORY_BYTES_MAX);
    // Without the scan, keeping pages resident kept 503 MB for 500 dropped instances.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEPT_RESIDENT_BYTES)
            .table_keep_resident(TABLE_KEPT_RESIDENT_BYTES);
    }
    pool
}

/// Moves the epoch on every [`TICK`] until the engine is gone.
fn start_ticking(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("guest-tick".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })?;
    Ok(())
}
