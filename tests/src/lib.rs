//! The harness of Grantry's tests: real peers, a directory with quirks, a recording proxy.
//!
//! Nothing here knows the host's crates, so a bug there cannot hide behind a helper that shares it.
//! Start at [`peers`] for systems that we did not write, at [`directory`] for one that misbehaves on
//! request, at [`recorder`] for the judge that sits between the host and either of them.

pub mod connect_proxy;
pub mod desk;
pub mod directory;
pub mod host;
pub mod jumpcloud;
pub mod loopback;
pub mod peers;
pub mod recorder;
pub mod spec;
pub mod syslog;
pub mod tls;
pub mod wait;
