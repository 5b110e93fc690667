//! The contract in Rust: generated from `wit/`, used by nothing outside this crate.
//!
//! Each exported interface is bound by itself (`exports::…::GuestIndices`), because what a plugin
//! can do is read from its exports. Conversions to Grantry's own types are in `convert/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "everything",
    imports: {
        "grantry:plugin/log.log": trappable,
        "grantry:plugin/run": trappable,
        "grantry:plugin/seal": trappable,
        default: async | trappable,
    },
    exports: { default: async },
});
