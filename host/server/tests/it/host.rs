//! A host under test: database file, engine, fake plugin, router; requests without a socket.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::body::Body;
use axum::response::Response;
use grantry_engine::{Engine, Parts, worker};
use grantry_model::clock::{Clock, Random, UnixMs};
use grantry_server::{Limits, Rate, Server};
use grantry_store::Db;
use grantry_store::seal::KeyRing;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::fake::{FakeCourier, FakeInspector, FakeRegistry, FakeRunner};
use crate::fake_issuer::FakeIssuer;

/// Stands until a test moves it.
pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

/// Different bytes every time, the same in every run of a fresh process.
struct TestRandom;

impl Random for TestRandom {
    fn fill(&self, buffer: &mut [u8]) {
        static STATE: AtomicU64 = AtomicU64::new(0);
        for chunk in buffer.chunks_mut(8) {
            let state = STATE.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A running host.
pub struct Host {
    pub server: Server,
    pub engine: Engine,
    pub clock: Arc<TestClock>,
    /// The local admin's token.
    pub admin: String,
    folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The problem's code; the answer must be a well-formed problem document.
    pub fn code(&self) -> String {
        let media_type = self.header("content-type");
        assert_eq!(media_type, "application/problem+json", "{self:?}");
        let problem: grantry_api::Problem = serde_json::from_str(&self.text).unwrap();
        assert_eq!(problem.status, self.status.as_u16());
        assert_eq!(problem.problem_type, format!("/problems/{}", problem.code));
        assert_eq!(problem.request_id, self.header("x-request-id"));
        problem.code
    }

    /// Status and code of a problem.
    pub fn problem(&self) -> (u16, String) {
        (self.status.as_u16(), self.code())
    }

    /// The JSON of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.json()
    }

    /// A header's text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Limits under which no test is slowed down.
pub fn wide() -> Limits {
    let rate = Rate { burst: 1_000_000, per_second: 1_000_000 };
    Limits { requests: rate, failures: rate, sign_in_failures: 10_000, ..Limits::default() }
}

impl Host {
    /// A host with an empty database.
    pub async fn start() -> Self {
        Self::start_with(wide()).await
    }

    /// A host with an empty database and these limits.
    pub async fn start_with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000)));
        let engine = engine(folder.path(), clock.clone()).await;
        let admin = engine.create_first_admin().await.unwrap().unwrap();
        let admin = admin.token.expose().to_owned();
        Self { server: server(&engine, limits), engine, clock, admin, folder }
    }

    /// A second host on a copy of this one's database, which nobody writes meanwhile.
    pub async fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        let clock = Arc::new(TestClock(AtomicI64::new(self.clock.now().0)));
        let engine = engine(folder.path(), clock.clone()).await;
        Self { server: server(&engine, wide()), engine, clock, admin: self.admin.clone(), folder }
    }

    /// Time passes.
    pub fn pass_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        // In a task of its own, as the server does.
        let router = self.server.router();
        let answered = tokio::spawn(async move {
            let response: Response = router.oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            (parts, body.collect().await.unwrap().to_bytes())
        });
        let (parts, bytes) = answered.await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply { status: parts.status, headers: parts.headers, text }
    }

    /// A request as the admin, with a JSON body unless it is null, and a fresh idempotency key.
    pub fn request(&self, method: &str, path: &str, body: &Value) -> http::request::Builder {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.admin))
            .header("Idempotency-Key", fresh_key());
        match body {
            Value::Null => request,
            _ => request.header(header::CONTENT_TYPE, "application/json"),
        }
    }

    /// Sends a request as the admin.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(self.request(method, path, &body).body(Body::from(text)).unwrap()).await
    }

    /// Sends a request as the owner of a token.
    pub async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = self.request(method, path, &body).body(Body::from(text)).unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        self.send(request).await
    }

    /// GETs as the admin.
    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    /// GETs as the owner of a token.
    pub async fn get_as(&self, token: &str, path: &str) -> Reply {
        let request = Request::builder()
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Uploads a component that nobody signed.
    pub async fn upload(&self, component: &'static [u8]) -> Reply {
        let request = self
            .request("POST", "/plugins?allow_unsigned=true", &Value::Null)
            .header(header::CONTENT_TYPE, "application/wasm");
        self.send(request.body(Body::from(component)).unwrap()).await
    }

    /// Installs the fake plugin (once) and connects it; returns the integration.
    pub async fn connect(&self, name: &str) -> Value {
        let installed = self.get("/plugins").await.ok();
        let plugin = match installed["items"].get(0) {
            Some(plugin) => plugin.clone(),
            None => self.upload(b"\0asm fake").await.ok(),
        };
        let body = json!({
            "name": name,
            "plugin_id": plugin["id"],
            "connection": {"url": "https://a.example", "token": "s3cret-canary"},
            "approval": {"hosts": [{"rule": "from_connection", "value": "/url"}]},
        });
        self.call("POST", "/integrations", body).await.ok()
    }

    /// Runs background work while something is awaited.
    pub async fn working<T>(&self, until: impl Future<Output = T>) -> T {
        let (stop, stopped) = watch::channel(false);
        let working = tokio::spawn(worker::run(self.engine.clone(), stopped));
        let result = until.await;
        stop.send_replace(true);
        working.await.unwrap();
        result
    }

    /// Runs background work until what is at the path has one of these statuses.
    pub async fn work_until(&self, path: &str, statuses: &[&str]) -> Value {
        self.working(async {
            for _ in 0..2_000 {
                let seen = self.get(path).await.ok();
                if statuses.contains(&seen["status"].as_str().unwrap()) {
                    return seen;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            panic!("`{path}` has never one of {statuses:?}");
        })
        .await
    }

    /// A connected integration whose directory was read.
    pub async fn aggregated(&self, name: &str) -> Value {
        let integration = self.connect(name).await;
        let path = format!("/integrations/{}/aggregations", text(&integration, "id"));
        let run = self.call("POST", &path, Value::Null).await.ok();
        let path = format!("/aggregations/{}", text(&run, "id"));
        let run = self.work_until(&path, &["succeeded", "failed"]).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        integration
    }

    /// Sends a list; the path is that of its app or data source.
    pub async fn send_list(&self, path: &str, file: &str) -> Reply {
        let request = self
            .request("POST", &format!("{path}/uploads"), &Value::Null)
            .header(header::CONTENT_TYPE, "text/csv");
        self.send(request.body(Body::from(file.to_owned())).unwrap()).await
    }

    /// Sends a list, applies it, and returns another upload of the same list that waits.
    pub async fn applied(&self, path: &str, file: &str) -> Value {
        let upload = self.send_list(path, file).await.ok();
        let apply = format!("{path}/uploads/{}/apply", text(&upload, "id"));
        self.call("POST", &apply, json!({"diff": upload["diff"]["hash"]})).await.ok();
        self.send_list(path, file).await.ok()
    }

    /// The first id of a list.
    pub async fn first(&self, path: &str) -> String {
        text(&self.get(path).await.ok()["items"][0], "id")
    }

    /// A client with these permissions; returns its id and a token.
    pub async fn client(&self, global: Value, entities: Value) -> (String, String) {
        let client = self.call("POST", "/clients", json!({"name": "Client"})).await.ok();
        let id = text(&client, "id");
        let path = format!("/principals/{id}/permissions");
        let tag = self.get(&path).await.header("etag").to_owned();
        let body = json!({"global": global, "entities": entities});
        let request = self.request("PUT", &path, &body).header(header::IF_MATCH, tag);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await.ok();
        let made = self.call("POST", &format!("/clients/{id}/tokens"), json!({})).await.ok();
        (id, text(&made, "token"))
    }
}

/// A text of an object.
pub fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {object}")).to_owned()
}

/// A key that no request has used.
pub fn fresh_key() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("key-{}", COUNT.fetch_add(1, Ordering::SeqCst))
}

async fn engine(folder: &Path, clock: Arc<TestClock>) -> Engine {
    let keys = KeyRing::parse(&"42".repeat(32)).unwrap();
    let url = format!("sqlite://{}", folder.join("test.db").display());
    let db = Db::connect(&url, clock, Arc::new(TestRandom)).await.unwrap();
    db.migrate().await.unwrap();
    let runner = Arc::new(FakeRunner::default());
    let (inspector, courier) = (Arc::new(FakeInspector), Arc::new(FakeCourier));
    let identity = Arc::new(FakeIssuer);
    let registry = Arc::new(FakeRegistry);
    Engine::new(Parts { db, runner, inspector, registry, keys, courier, identity })
}

fn server(engine: &Engine, limits: Limits) -> Server {
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    Server::new(engine.clone(), limits, metrics).with_public_url("http://127.0.0.1:8080")
}
