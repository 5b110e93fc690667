//! A small typed client of the API, for the command line and for programs in Rust.

use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::events::Events;
use crate::plugins::{InstallQuery, Plugin};

/// Calls one server with one token.
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

/// Why there is no answer of the wanted kind.
#[derive(Debug)]
pub enum ClientError {
    /// The server refused.
    Problem(Box<Problem>),
    /// There is no server, or something else than Grantry answers.
    Transport(reqwest::Error),
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Problem(problem) => {
                write!(f, "{} (`{}`)", problem.detail, problem.code)?;
                let line =
                    |error: &crate::FieldProblem| format!("\n  `{}` {}", error.path, error.message);
                problem.errors.iter().try_for_each(|error| f.write_str(&line(error)))
            }
            Self::Transport(error) if error.is_connect() => {
                f.write_str("the server does not answer")
            }
            Self::Transport(_) => f.write_str("the answer cannot be read"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Problem(_) => None,
            Self::Transport(error) => Some(error),
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error)
    }
}

/// A result of the client.
pub type Result<T> = std::result::Result<T, ClientError>;

impl Client {
    /// A client of the server at `base_url`, such as `http://127.0.0.1:8080`. The token never goes
    /// through a proxy of the environment.
    pub fn new(base_url: &str, token: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self { http, base_url, token: token.to_owned() })
    }

    /// Installs a component, with its signature (the `Plugin-Signature` header's text) if it has one. The
    /// same key installs once.
    pub async fn install_plugin(
        &self,
        component: Vec<u8>,
        signature: Option<&str>,
        query: &InstallQuery,
        key: &str,
    ) -> Result<Plugin> {
        let request = self.request(Method::POST, "/plugins").query(query);
        let mut request = request.header("Idempotency-Key", key);
        if let Some(signature) = signature {
            request = request.header("Plugin-Signature", signature);
        }
        self.send(request.header("Content-Type", "application/wasm").body(component)).await
    }

    /// GETs `/api/v1` + `path`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        self.send(self.request(Method::GET, path).query(query)).await
    }

    /// POSTs JSON to `/api/v1` + `path`. The same key has its effect once.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let request = self.request(Method::POST, path).header("Idempotency-Key", key);
        self.send(request.json(body)).await
    }

    /// PATCHes JSON to `/api/v1` + `path`, if it is still at that version.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        version: i64,
        body: &impl Serialize,
    ) -> Result<T> {
        let request = self.request(Method::PATCH, path);
        self.send(request.header("If-Match", format!("\"{version}\"")).json(body)).await
    }

    /// DELETEs `/api/v1` + `path`.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let response = self.request(Method::DELETE, path).send().await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(ClientError::Problem(Box::new(response.json().await?)))
    }

    /// Opens the server-sent events at `/api/v1` + `path`.
    pub async fn events(&self, path: &str) -> Result<Events> {
        Ok(Events::new(self.download(path, &()).await?))
    }

    /// GETs `/api/v1` + `path` as a stream of bytes: call `chunk` until there is none.
    pub async fn download(&self, path: &str, query: &impl Serialize) -> Result<reqwest::Response> {
        let response = self.request(Method::GET, path).query(query).send().await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(ClientError::Problem(Box::new(response.json().await?)))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.base_url);
        self.http.request(method, url).bearer_auth(&self.token)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().await?;
        if response.status().is_success() {
            return Ok(response.json().await?);
        }
        Err(ClientError::Problem(Box::new(response.json().await?)))
    }
}
