//! A small client of the HTTP API, and of the directory's.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, AsSendBody, Body};

/// Longest wait for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// Most lines of an event stream that are read.
const EVENT_LINES_MAX: usize = 100_000;

/// Talks to one server with one token.
pub struct Client {
    agent: Agent,
    base: String,
    token: String,
    /// Numbers the idempotency keys.
    requests: Cell<u32>,
}

impl Client {
    /// `base` has no slash at its end.
    pub fn new(base: &str, token: &str) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_LIMIT));
        Self {
            agent: config.build().into(),
            base: base.into(),
            token: token.into(),
            requests: Cell::new(0),
        }
    }

    /// Reads a resource.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.json("GET", path, "", ())
    }

    /// Creates or starts something. Each call has an idempotency key of its own.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json("POST", path, "application/json", body.to_string())
    }

    /// Uploads a file.
    pub fn upload(&self, path: &str, media_type: &str, bytes: &[u8]) -> Result<Value> {
        self.json("POST", path, media_type, bytes)
    }

    /// Ends something, in the version that was seen.
    pub fn delete(&self, path: &str) -> Result<Value> {
        self.json("DELETE", path, "", ())
    }

    /// True once the server answers `path` with success.
    pub fn answers(&self, path: &str) -> bool {
        self.send("GET", path, "", ()).is_ok_and(|answer| answer.status().is_success())
    }

    /// Shows each event of a stream of server-sent events until it ends; returns the last one.
    pub fn follow(&self, path: &str, mut show: impl FnMut(&Value)) -> Result<Value> {
        let answer = self.send("GET", path, "", ())?;
        if !answer.status().is_success() {
            return Err(refusal("GET", path, answer));
        }
        let mut last = Value::Null;
        let reader = BufReader::new(answer.into_body().into_reader());
        for line in reader.lines().take(EVENT_LINES_MAX) {
            let line = line.context("the event stream broke off")?;
            let Some(data) = line.strip_prefix("data:") else { continue };
            last = serde_json::from_str(data.trim())?;
            show(&last);
        }
        Ok(last)
    }

    fn json(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: impl AsSendBody,
    ) -> Result<Value> {
        let answer = self.send(method, path, media_type, body)?;
        if !answer.status().is_success() {
            return Err(refusal(method, path, answer));
        }
        let text = text(answer)?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {path} answered no JSON"))
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: impl AsSendBody,
    ) -> Result<Response<Body>> {
        self.requests.set(self.requests.get() + 1);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.token))
            .header("idempotency-key", format!("demo-{}", self.requests.get()));
        if !media_type.is_empty() {
            request = request.header("content-type", media_type);
        }
        let request = request.body(body)?;
        self.agent.run(request).with_context(|| format!("{method} {}{path}", self.base))
    }
}

/// What the server said against a request.
fn refusal(method: &str, path: &str, answer: Response<Body>) -> anyhow::Error {
    let status = answer.status();
    let text = text(answer).unwrap_or_default();
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or(&text);
    anyhow!("{method} {path}: {status}: {detail}")
}

fn text(answer: Response<Body>) -> Result<String> {
    let mut text = String::new();
    answer.into_body().into_reader().read_to_string(&mut text).context("read the answer")?;
    Ok(text)
}
