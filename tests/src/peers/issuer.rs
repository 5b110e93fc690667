//! npm's oauth2-mock-server: an OpenID Connect issuer by other hands (client credentials, authorization
//! code with PKCE, key set).
//!
//! The library's own answers are what clients and browsers get. The test says which claims tokens hold,
//! and asks for forged ones, which are made by Node.js's own cryptography.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::node;
use super::process::{PeerCommand, PeerProcess};
use crate::wait;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// A running issuer; dropping it ends it.
#[derive(Debug)]
pub struct Issuer {
    address: SocketAddr,
    http: reqwest::Client,
    _process: PeerProcess,
}

impl Issuer {
    /// Starts one with a fresh key; installs it first if needed.
    ///
    /// # Errors
    /// When it cannot be installed or does not start within a minute (with the end of its log).
    pub async fn start() -> Result<Self> {
        let (program, place) = tokio::task::spawn_blocking(|| node::ISSUER.installed()).await??;
        let folder = tempfile::Builder::new().prefix("grantry-issuer-").tempdir()?;
        let port = folder.path().join("port");
        let command_line = vec![program.into(), place.join("issuer.mjs").into()];
        let name = "oauth2-mock-server";
        let command = PeerCommand { name, command_line, folder, stop_signal: "KILL" };
        let mut process = PeerProcess::start(command)?;
        let port: u16 = wait::until(name, READY_LIMIT, async || {
            if process.has_ended() {
                bail!("{name} ended at start; {}", process.log_tail());
            }
            let text = std::fs::read_to_string(&port).ok();
            text.map(|text| text.parse().context("read the issuer's port")).transpose()
        })
        .await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self { address, http, _process: process })
    }

    /// Where it listens: the exception to approve.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name, as its discovery document says it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// Says what tokens of a grant (`client_credentials`, `id_token`) hold beside `iss` and times;
    /// null takes a claim away.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn set_claims(&self, grant: &str, claims: &Value) -> Result<()> {
        self.control("claims", &json!({ "grant": grant, "claims": claims })).await.map(drop)
    }

    /// Withdraws the key and makes another one.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn rotate(&self) -> Result<()> {
        self.control("rotate", &json!({})).await.map(drop)
    }

    /// How often something under this path was asked for.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn asked(&self, path: &str) -> Result<i64> {
        Ok(self.control("asked", &json!({})).await?[path].as_i64().unwrap_or(0))
    }

    /// A token with these claims (null: without), signed by the key of now.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn sign(&self, claims: &Value) -> Result<String> {
        token(&self.control("sign", &json!({ "claims": claims })).await?)
    }

    /// A token with these claims that no honest issuer would make; `how` is a way of
    /// `issuer/issuer.mjs`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn forge(&self, how: &str, claims: &Value) -> Result<String> {
        token(&self.control("forge", &json!({ "how": how, "claims": claims })).await?)
    }

    async fn control(&self, what: &str, body: &Value) -> Result<Value> {
        let url = format!("http://{}/control/{what}", self.address);
        let answer = self.http.post(url).json(body).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }
}

fn token(answer: &Value) -> Result<String> {
    answer["token"].as_str().map(str::to_owned).context("the issuer gave no token")
}
