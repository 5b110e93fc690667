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

/// A warm instance.
pub struct BareWasm {
    store: Store<State>,
    reader: bindings::Reader,
}

impl BareWasm {
    /// An instance with the connection.
    pub fn start(component: &[u8], connection: &str) -> Result<Self> {
        let start = || -> wasmtime::Result<Self> {
            let engine = Engine::new(&Config::new())?;
            let component = Component::from_binary(&engine, component)?;
            let mut linker: Linker<State> = Linker::new(&engine);
            run::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
            linker.define_unknown_imports_as_traps(&component)?;
            let mut store = Store::new(&engine, State { connection: connection.to_owned() });
            let reader = bindings::Reader::instantiate(&mut store, &component, &linker)?;
            Ok(Self { store, reader })
        };
        start().map_err(|error| anyhow!("{error:#}"))
    }

    /// Reads a page; how long it took, in microseconds.
    pub fn page(&mut self, max_items: u32) -> Result<f64> {
        let request = PageRequest {
            run_id: "bench".into(),
            target: Target::AssignmentsOfKind("Group".into()),
            at: None,
            max_items,
            max_bytes: 4 * 1024 * 1024,
        };
        let began = Instant::now();
        let page = self.reader.grantry_plugin_aggregate().call_read_page(&mut self.store, &request);
        let page = page.map_err(|error| anyhow!("{error:#}"))?;
        let taken = began.elapsed().as_secs_f64() * 1e6;
        drop(page);
        Ok(taken)
    }
}
