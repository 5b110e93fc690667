//! The host's side of `wit/host.wit` and `wit/platform.wit`: what a guest can call.
//!
//! One file per interface. Every function enters through [`CallState::enter`], bounds its input,
//! and answers `denied` where the call has no capability for it.

mod http;
pub(crate) mod kv;
pub(crate) mod log;
mod platform;
mod run;
mod seal;
pub(crate) mod wasi;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::grantry::plugin as wit;
use crate::call::CallState;

/// Puts the contract's interfaces into a linker. `types` and `lifecycle` hold types only, so that a
/// component that imports a function of `lifecycle` is refused when it is linked.
pub(crate) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    type Own = HasSelf<CallState>;
    wit::types::add_to_linker::<_, Own>(linker, |state| state)?;
    linker.instance("grantry:plugin/lifecycle@0.1.0")?;
    wit::http::add_to_linker::<_, Own>(linker, |state| state)?;
    wit::kv::add_to_linker::<_, Own>(linker, |state| state)?;
    wit::log::add_to_linker::<_, Own>(linker, |state| state)?;
    wit::run::add_to_linker::<_, Own>(linker, |state| state)?;
    wit::seal::add_to_linker::<_, Own>(linker, |state| state)?;
    wit::platform::add_to_linker::<_, Own>(linker, |state| state)
}

impl wit::types::Host for CallState {}
