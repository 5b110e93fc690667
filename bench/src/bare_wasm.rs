//! The baseline of a call: the same component in wasmtime alone, one warm instance, no limits.

use std::time::Instant;

use anyhow::{Result, anyhow};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, Store};

mod bindings {
    #![allow(missing_docs, reason = "generated from wit/, where everything is documented")]
    wasmtime::component::bindgen!({ path: "../wit", world: "reader" });
}

use bindings::exports::grantry::plugin::aggregate::{PageRequest, Target};
use bindings::grantry::plugin::run;

/// Medians, in microseconds.
pub struct Bare {
    /// A page of 1,000 rows.
    pub page_us: f64,
    /// A page of one row.
    pub small_us: f64,
}

struct State {
    connection: String,
}

impl run::Host for State {
    fn connection(&mut self) -> String {
        self.connection.clone()
    }
    fn scope_validator(&mut self, _: String) -> Option<String> {
        None
    }
    fn progress(&mut self, _: u64, _: Option<u64>) {}
    fn now_ms(&mut self) -> i64 {
        0
    }
    fn random_bytes(&mut self, count: u32) -> Vec<u8> {
        vec![0; usize::try_from(count).unwrap_or(0)]
    }
}

/// Times warm calls.
pub fn page(component: &[u8], connection: &str, calls: usize) -> Result<Bare> {
    let engine = Engine::new(&Config::new()).map_err(|error| anyhow!("{error:#}"))?;
    measure(&engine, component, connection, calls).map_err(|error| anyhow!("{error:#}"))
}

fn measure(
    engine: &Engine,
    component: &[u8],
    connection: &str,
    calls: usize,
) -> wasmtime::Result<Bare> {
    let component = Component::from_binary(engine, component)?;
    let mut linker: Linker<State> = Linker::new(engine);
    run::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    linker.define_unknown_imports_as_traps(&component)?;
    let mut store = Store::new(engine, State { connection: connection.to_owned() });
    let reader = bindings::Reader::instantiate(&mut store, &component, &linker)?;
    let mut timed = |max_items: u32| -> wasmtime::Result<f64> {
        let mut times = Vec::with_capacity(calls);
        for _ in 0..calls {
            let request = PageRequest {
                run_id: "bench".into(),
                target: Target::AssignmentsOfKind("Group".into()),
                at: None,
                max_items,
                max_bytes: 4 * 1024 * 1024,
            };
            let began = Instant::now();
            let page = reader.grantry_plugin_aggregate().call_read_page(&mut store, &request)?;
            times.push(began.elapsed().as_secs_f64() * 1e6);
            drop(page);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[calls / 2])
    };
    timed(1_000)?;
    Ok(Bare { page_us: timed(1_000)?, small_us: timed(1)? })
}
