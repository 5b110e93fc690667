//! What a component may import, and the linker that it gets.
//!
//! The contract's interfaces for all; WASI 0.2 only for components whose language runtime imports
//! it, and then as little as will do. Everything else is refused by name at install.

use grantry_model::package::PackageRejection;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::call::CallState;
use crate::host;

/// The contract's package and the version that this host speaks.
pub(crate) const CONTRACT: &str = "grantry:plugin";
pub(crate) const CONTRACT_VERSION: &str = "0.1.0";
const CONTRACT_SERIES: &str = "0.1.";
const CONTRACT_IMPORTS: [&str; 8] =
    ["types", "lifecycle", "http", "kv", "log", "run", "seal", "platform"];

const WASI_SERIES: &str = "0.2.";
/// What needs no table of files or sockets.
const WASI_MINIMAL: [&str; 11] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/wall-clock",
    "wasi:clocks/monotonic-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
];
/// What language runtimes import beside it; it gets an empty context.
const WASI_DENIED: [&str; 2] = ["wasi:cli/", "wasi:filesystem/"];
const WASI_SOCKETS: &str = "wasi:sockets/";

/// How much of WASI a component gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WasiPolicy {
    None,
    /// Clocks, randomness, output.
    Minimal,
    /// All of 0.2 without HTTP, over an empty context.
    DenyAll,
}

/// The policy for these imports, or the import that no plugin gets.
pub(crate) fn policy<'a>(
    imports: impl IntoIterator<Item = &'a str>,
    accepts_inert_sockets: bool,
) -> Result<WasiPolicy, PackageRejection> {
    let mut policy = WasiPolicy::None;
    for import in imports {
        let needed = needed(import, accepts_inert_sockets)
            .ok_or_else(|| PackageRejection::ImportNotAllowed(shown(import)))?;
        policy = match (policy, needed) {
            (WasiPolicy::DenyAll, _) | (_, WasiPolicy::DenyAll) => WasiPolicy::DenyAll,
            (WasiPolicy::Minimal, _) | (_, WasiPolicy::Minimal) => WasiPolicy::Minimal,
            (WasiPolicy::None, WasiPolicy::None) => WasiPolicy::None,
        };
    }
    Ok(policy)
}

fn needed(import: &str, accepts_inert_sockets: bool) -> Option<WasiPolicy> {
    let (name, version) = import.split_once('@')?;
    if let Some(interface) = name.strip_prefix(CONTRACT).and_then(|rest| rest.strip_prefix('/')) {
        let is_ours = version.starts_with(CONTRACT_SERIES) && CONTRACT_IMPORTS.contains(&interface);
        return is_ours.then_some(WasiPolicy::None);
    }
    if !version.starts_with(WASI_SERIES) {
        return None;
    }
    if WASI_MINIMAL.contains(&name) {
        return Some(WasiPolicy::Minimal);
    }
    let is_denied = WASI_DENIED.iter().any(|prefix| name.starts_with(prefix))
        || (accepts_inert_sockets && name.starts_with(WASI_SOCKETS));
    is_denied.then_some(WasiPolicy::DenyAll)
}

fn shown(import: &str) -> String {
    grantry_model::text::printable(import, 200)
}

/// The linkers of one engine, one per policy.
pub(crate) struct Linkers {
    none: Linker<CallState>,
    minimal: Linker<CallState>,
    deny_all: Linker<CallState>,
}

impl Linkers {
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let contract = || -> wasmtime::Result<Linker<CallState>> {
            let mut linker = Linker::new(engine);
            host::add_to_linker(&mut linker)?;
            Ok(linker)
        };
        let mut minimal = contract()?;
        host::wasi::add_minimal_to_linker(&mut minimal)?;
        let mut deny_all = contract()?;
        wasmtime_wasi::p2::add_to_linker_async(&mut deny_all)?;
        Ok(Self { none: contract()?, minimal, deny_all })
    }

    pub(crate) fn of(&self, policy: WasiPolicy) -> &Linker<CallState> {
        match policy {
            WasiPolicy::None => &self.none,
            WasiPolicy::Minimal => &self.minimal,
            WasiPolicy::DenyAll => &self.deny_all,
        }
    }
}
