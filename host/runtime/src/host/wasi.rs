//! WASI 0.2 for language runtimes that import it: clocks, randomness, and otherwise nothing.
//!
//! No files, sockets, environment or arguments. Standard output and error go to the plugin's log.

mod clocks;
mod output;

use std::sync::Arc;

use grantry_model::clock::Clock;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::call::CallState;
use clocks::{CoarseMonotonicClock, CoarseWallClock};
use output::Output;

/// Entries that a call may keep in the host's table.
const RESOURCES_MAX: usize = 1_000;
/// Most random bytes of one WASI call.
const RANDOM_BYTES_MAX: u64 = 64 * 1024;

/// The WASI state of one call.
pub(crate) struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
    output: Output,
}

impl Wasi {
    /// Nothing but clocks and randomness, and an output of so many bytes.
    pub(crate) fn empty(output_bytes_max: usize, clock: Arc<dyn Clock>) -> Self {
        let output = Output::new(output_bytes_max);
        let mut builder = WasiCtx::builder();
        builder
            .stdout(output.clone())
            .stderr(output.clone())
            .wall_clock(CoarseWallClock::new(clock))
            .monotonic_clock(CoarseMonotonicClock::start())
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self { context: builder.build(), table, output }
    }

    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.context, table: &mut self.table }
    }

    /// What was written so far.
    pub(crate) fn output(&self) -> Vec<u8> {
        self.output.written()
    }
}

/// Clocks, randomness, streams and standard output.
pub(crate) fn add_minimal_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    insecure::add_to_linker::<_, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    insecure_seed::add_to_linker::<_, WasiRandom>(linker, |state| state.ctx().ctx.random())
}
