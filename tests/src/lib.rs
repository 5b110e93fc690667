//! The harness of Grantry's tests: real peers.
//!
//! Nothing here knows the host's crates, so a bug there cannot hide behind a helper that shares it.
//! Start at [`peers`].

pub mod peers;
pub mod wait;
