//! Real systems that we did not write, started by the tests that need them.
//!
//! Each listens on a free port of 127.0.0.1 and ends with the value that stands for it, also when
//! the test panics or its process is killed ([`process`] says how). What is not on the machine is
//! installed with a word on stderr; without the rights for it the error names the command.

pub mod debian;
pub mod issuer;
pub mod node;
pub mod postgres;
pub mod process;
pub mod python;
pub mod receivers;
pub mod registry;
pub mod scim;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use issuer::Issuer;
pub use postgres::{PostgresDatabase, PostgresServer};
pub use receivers::{MailServer, WebhookReceiver};
pub use registry::Registry;
pub use scim::{ScimServer, Variant};

/// How often a peer is started again when another process took its port in between.
const START_ATTEMPTS_MAX: u32 = 5;

/// The folder for what survives a test run (installed peers): `target/peers`.
///
/// # Errors
/// When the folder cannot be made.
pub fn peers_folder() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let folder = target.join("peers");
    std::fs::create_dir_all(&folder).with_context(|| format!("make `{}`", folder.display()))?;
    folder.canonicalize().with_context(|| format!("resolve `{}`", folder.display()))
}

/// A port of 127.0.0.1 that was free a moment ago; the caller tries again if it is taken meanwhile.
///
/// # Errors
/// When the system has no free port.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}
