//! PyPI's scim2-server 0.8.3: SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865) by other hands.
//!
//! It keeps everything in memory, stores member ids that do not exist, answers a PATCH with 204 and
//! refuses Entra's way of removing a member. What it holds is read back with [`ScimClient`].

pub mod client;
mod seed;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

pub use client::{ScimClient, ScimSnapshot};
pub use seed::Seeded;

use super::process::{PeerCommand, PeerProcess};
use super::{START_ATTEMPTS_MAX, free_port, python};
use crate::wait;

const TOKEN: &str = "scim-token-of-the-tests";
const READY_LIMIT: Duration = Duration::from_secs(60);

/// What the server can do and says it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Everything but cursors: PATCH, bulk, filters, ETags; at most 1,000 rows a page.
    Default,
    /// RFC 9865 cursors beside indexes, at most 50 rows a page, no PATCH and no bulk: membership
    /// changes need PUT.
    CursorNoPatch,
}

/// A running scim2-server; dropping it ends it.
#[derive(Debug)]
pub struct ScimServer {
    client: ScimClient,
    address: SocketAddr,
    _process: PeerProcess,
}

impl ScimServer {
    /// Starts an empty server and waits until it answers; installs it first if needed.
    ///
    /// # Errors
    /// When it cannot be installed or does not answer within a minute (with the end of its log).
    pub async fn start(variant: Variant) -> Result<Self> {
        let program =
            tokio::task::spawn_blocking(|| python::SCIM_SERVER.program("scim2-server")).await??;
        for _ in 0..START_ATTEMPTS_MAX {
            let port = free_port()?;
            let mut process = PeerProcess::start(command(&program, variant, port)?)?;
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let client = ScimClient::new(&format!("http://{address}/v2"), TOKEN)?;
            if is_ready(&mut process, &client).await? {
                return Ok(Self { client, address, _process: process });
            }
            if !process.log_tail().contains("Address already in use") {
                bail!("scim2-server ended at start; {}", process.log_tail());
            }
        }
        bail!("scim2-server found its port taken {START_ATTEMPTS_MAX} times")
    }

    /// Where a connector is pointed at, such as `http://127.0.0.1:40123/v2`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.client.base_url()
    }

    /// The address to approve.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bearer token that the server accepts.
    #[must_use]
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// The way to the server's own truth, and to changing it behind the host's back.
    #[must_use]
    pub fn truth(&self) -> &ScimClient {
        &self.client
    }

    /// Fills the server with users and groups, the same for the same numbers but for the ids.
    ///
    /// # Errors
    /// When the server refuses one.
    pub async fn seed(&self, users: usize, groups: usize) -> Result<Seeded> {
        seed::seed(&self.client, users, groups).await
    }
}

/// False if the process ended before it answered.
async fn is_ready(process: &mut PeerProcess, client: &ScimClient) -> Result<bool> {
    wait::until("scim2-server", READY_LIMIT, async || {
        if process.has_ended() {
            return Ok(Some(false));
        }
        Ok(client.answers().await.then_some(true))
    })
    .await
    .with_context(|| process.log_tail())
}

fn command(program: &std::path::Path, variant: Variant, port: u16) -> Result<PeerCommand> {
    let folder = tempfile::Builder::new().prefix("grantry-scim-").tempdir()?;
    let mut command_line = vec![program.into(), "--hostname".into(), "127.0.0.1".into()];
    command_line.extend(["--port".into(), port.to_string().into()]);
    command_line.extend(["--bearer-token".into(), TOKEN.into()]);
    if variant == Variant::CursorNoPatch {
        let file = folder.path().join("service-provider-config.json");
        std::fs::write(&file, cursor_no_patch(port).to_string())
            .context("write the server's configuration")?;
        command_line.extend(["--service-provider-config".into(), file.into()]);
    }
    Ok(PeerCommand { name: "scim2-server", command_line, folder, stop_signal: "KILL" })
}

/// RFC 7643 section 5 with the pagination attribute of RFC 9865 section 4.
fn cursor_no_patch(port: u16) -> serde_json::Value {
    let location = format!("http://127.0.0.1:{port}/v2/ServiceProviderConfig");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "meta": { "resourceType": "ServiceProviderConfig", "location": location },
        "patch": { "supported": false },
        "bulk": { "supported": false, "maxOperations": 1000, "maxPayloadSize": 1_048_576 },
        "filter": { "supported": true, "maxResults": 50 },
        "changePassword": { "supported": true },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [],
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": 20,
            "maxPageSize": 50,
            "cursorTimeout": 3600,
        },
    })
}
