//! The host's HTTP API as a caller sees it: JSON in, status and JSON out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

const REQUEST_LIMIT: Duration = Duration::from_secs(120);
const PAGES_MAX: usize = 10_000;

/// One caller of one host.
#[derive(Clone, Debug)]
pub struct Api {
    http: Client,
    base_url: String,
    token: Option<String>,
    keys: Arc<AtomicU64>,
    failures: Arc<Mutex<Vec<String>>>,
    transcript: Option<Arc<Mutex<String>>>,
}

/// What the host answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The ETag, if there is one.
    pub etag: Option<String>,
    /// JSON; `Null` for an empty body.
    pub body: Value,
}

impl Reply {
    /// The body, if the status is a success.
    ///
    /// # Errors
    /// With status and body otherwise.
    pub fn ok(self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        Ok(self.body)
    }

    /// The problem's code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }
}

impl Api {
    /// An anonymous caller.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base_url: &str) -> Result<Self> {
        let http = Client::builder().no_proxy().timeout(REQUEST_LIMIT).build()?;
        Ok(Self {
            http,
            base_url: base_url.to_owned(),
            token: None,
            keys: Arc::default(),
            failures: Arc::default(),
            transcript: None,
        })
    }

    /// The same host, called with a token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same caller, who from now on remembers every answer.
    #[must_use]
    pub fn recorded(&self) -> Self {
        Self { transcript: Some(Arc::default()), ..self.clone() }
    }

    /// Every answer since [`Api::recorded`], one after the other.
    #[must_use]
    pub fn transcript(&self) -> String {
        let all = self.transcript.as_ref();
        all.map(|all| all.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// Every answer with a status of 500 or more, of all callers of this host.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The caller's token.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Where the host is.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Whether the host says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let url = format!("{}/readyz", self.base_url);
        matches!(self.http.get(url).send().await, Ok(reply) if reply.status().is_success())
    }

    /// The host's metrics, as Prometheus reads them.
    ///
    /// # Errors
    /// When the host does not answer.
    pub async fn metrics(&self) -> Result<String> {
        let url = format!("{}/metrics", self.base_url);
        Ok(self.http.get(url).send().await?.text().await?)
    }

    /// Whether the host says that it is alive.
    pub async fn is_healthy(&self) -> bool {
        let url = format!("{}/healthz", self.base_url);
        matches!(self.http.get(url).send().await, Ok(reply) if reply.status().is_success())
    }

    /// A request to `/api/v1` + `path`, for tests that shape it themselves.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.base_url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// A key that no request of this run has used.
    #[must_use]
    pub fn fresh_key(&self) -> String {
        format!("test-{}-{}", std::process::id(), self.keys.fetch_add(1, Ordering::SeqCst))
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply> {
        let reply = request.send().await.context("call the host")?;
        let status = reply.status().as_u16();
        let etag = reply.headers().get("etag").and_then(|etag| etag.to_str().ok());
        let etag = etag.map(str::to_owned);
        let headers = format!("{:?}", reply.headers());
        let text = reply.text().await.context("read the host's answer")?;
        if let Some(transcript) = &self.transcript {
            let mut all = transcript.lock().unwrap_or_else(PoisonError::into_inner);
            all.push_str(&headers);
            all.push_str(&text);
        }
        if status >= 500 {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push(format!("{status} {text}"));
        }
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        Ok(Reply { status, etag, body })
    }

    /// GET.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a fresh idempotency key.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.post_once(path, body, &self.fresh_key()).await
    }

    /// POST with this idempotency key.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn post_once(&self, path: &str, body: &Value, key: &str) -> Result<Reply> {
        let request = self.request(Method::POST, path).header("idempotency-key", key).json(body);
        self.send(request).await
    }

    /// A change of what is at `path`, based on what is there now.
    ///
    /// # Errors
    /// As [`Api::send`], and when there is nothing to change.
    pub async fn change(&self, method: Method, path: &str, body: &Value) -> Result<Reply> {
        let there = self.get(path).await?;
        let etag = there.etag.clone().with_context(|| format!("`{path}`: {there:?}"))?;
        self.send(self.request(method, path).header("if-match", etag).json(body)).await
    }

    /// Replaces what a principal holds: global actions, and apps with all four.
    ///
    /// # Errors
    /// As [`Api::change`], and when the host refuses.
    pub async fn permit(&self, principal: &str, global: &[&str], apps: &[&str]) -> Result<()> {
        self.permit_all(principal, global, apps, &[]).await
    }

    /// Gives a client or plugin exactly these permissions, on data sources too.
    ///
    /// # Errors
    /// As [`Api::change`], and when the host refuses.
    pub async fn permit_all(
        &self,
        principal: &str,
        global: &[&str],
        apps: &[&str],
        data_sources: &[&str],
    ) -> Result<()> {
        let apps = apps.iter().map(|id| json!({ "kind": "app", "id": id }));
        let sources = data_sources.iter().map(|id| json!({ "kind": "data_source", "id": id }));
        let entities: Vec<Value> = apps.chain(sources).collect();
        let held = json!({ "global": global, "entities": entities });
        let path = format!("/principals/{principal}/permissions");
        self.change(Method::PUT, &path, &held).await?.ok().map(drop)
    }

    /// A new client with a token: its principal's id and its view of the host.
    ///
    /// # Errors
    /// As [`Api::send`], and when the host refuses.
    pub async fn client(&self, name: &str) -> Result<(String, Self)> {
        let client = self.post("/clients", &json!({ "name": name })).await?.ok()?;
        let id = client["id"].as_str().context("a client has an id")?.to_owned();
        let token = self.post(&format!("/clients/{id}/tokens"), &json!({})).await?.ok()?;
        let token = token["token"].as_str().context("a new token has its text")?;
        Ok((id, self.with_token(token)))
    }

    /// DELETE with a fresh idempotency key.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn delete(&self, path: &str) -> Result<Reply> {
        let key = self.fresh_key();
        self.send(self.request(Method::DELETE, path).header("idempotency-key", key)).await
    }

    /// All items of a list, page by page.
    ///
    /// # Errors
    /// As [`Api::send`], and when a page is refused or the list does not end.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let glue = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut cursor) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let at = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
            let page = self.get(&format!("{path}{glue}limit=200{at}")).await?.ok()?;
            items.extend(page["items"].as_array().context("a page has items")?.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return Ok(items),
            }
        }
        anyhow::bail!("the list `{path}` does not end")
    }
}
