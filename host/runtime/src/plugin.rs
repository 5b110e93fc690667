//! One component, linked: what it exports, and why some are refused before they could run.

use std::sync::Arc;

use grantry_model::package::{Interface, PackageRejection};
use grantry_model::text::printable;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{Engine, Store};

use crate::bindings::exports::grantry::plugin as exports;
use crate::call::CallState;
use crate::compile::Compiled;
use crate::link::{self, Linkers};
use crate::settings::{Limits, Settings};

const MESSAGE_CHARACTERS_MAX: usize = 300;

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

/// What it takes to link components.
pub(crate) struct Workbench {
    engine: Engine,
    linkers: Linkers,
    limits: Limits,
    permits: usize,
    accepts_inert_sockets: bool,
}

impl Workbench {
    pub(crate) fn new(engine: Engine, settings: &Settings) -> wasmtime::Result<Self> {
        Ok(Self {
            linkers: Linkers::new(&engine)?,
            engine,
            limits: settings.limits.clone(),
            permits: usize::try_from(settings.calls_per_plugin_max).unwrap_or(1).max(1),
            accepts_inert_sockets: settings.accepts_inert_sockets,
        })
    }

    /// From machine code that this host made to a linked component.
    pub(crate) fn link(&self, compiled: &Compiled) -> Result<Plugin, PackageRejection> {
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
            permits: Arc::new(Semaphore::new(self.permits)),
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
        let why = printable(&error.to_string(), MESSAGE_CHARACTERS_MAX);
        PackageRejection::BadManifest(why)
    };
    indices(pre).map(Some).map_err(incomplete)
}

/// What the linker misses, or what the pool of instances cannot hold, in their own words.
fn unlinked(error: &wasmtime::Error) -> PackageRejection {
    let text = printable(&format!("{error:#}"), MESSAGE_CHARACTERS_MAX);
    match text.contains("exceeds the configured maximum") {
        true => PackageRejection::FeatureNotAllowed(text),
        false => PackageRejection::ImportNotAllowed(text),
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
