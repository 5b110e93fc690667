//! The harness of Grantry's tests: real peers, a directory with quirks.
//!
//! Nothing here knows the host's crates, so a bug there cannot hide behind a helper that shares it.
//! Start at [`peers`] for systems that we did not write, at [`directory`] for one that misbehaves on
//! request.

pub mod directory;
pub mod loopback;
pub mod peers;
pub mod wait;
