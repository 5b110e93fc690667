//! A read over HTTP, authenticated and permission-checked, beside the same read of the same route
//! whose caller is known without looking.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use grantry_authz::{Door, Permissions};
use grantry_engine::{
    Answer, AuthenticationError, ClientView, Ctx, DataSource, DataSourceInput, Engine, EngineError,
    Idempotent, NewClient, TokenRecord,
};
use grantry_model::ids::{AppId, DataSourceId, PrincipalId};
use grantry_model::permission::Entity;
use grantry_server::authentication::Authenticator;
use grantry_server::{Limits, Rate, Server, serve};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::figure::Figure;
use crate::host;

/// Apps that the client may read: each is an entity permission of its own.
const ENTITIES: usize = 200;
const CONNECTIONS: usize = 8;
const REQUESTS: usize = 1_000;
/// Both servers take turns; the median counts.
const TURNS: usize = 7;

/// Requests a second with authentication, beside those without.
pub async fn figures() -> Result<Vec<Figure>> {
    // The access log is written, as it is in production.
    let log = tracing_subscriber::fmt().json().with_writer(std::io::sink).finish();
    let _ = tracing::subscriber::set_global_default(log);
    let folder = tempfile::tempdir()?;
    let engine = host::engine(folder.path()).await?;
    let connection = serde_json::json!({ "users": 1, "groups": 1, "assignments": 1, "seed": 1 });
    let (admin, integration) = host::connect(&engine, folder.path(), connection).await?;
    let app = admin.integration(&integration).await?.integration.app_id;
    let (token, client) = client(&admin, &app).await?;
    let known = engine.authenticate(&token, Door::Http, "bench").await??;
    ensure!(known.actor.principal.id == client, "another client");

    let checked = start(Server::new(engine.clone(), limits(), metrics())).await?;
    let server =
        Server::new(engine, limits(), metrics()).with_authenticator(Arc::new(Known(known)));
    let unchecked = start(server).await?;
    let request = format!(
        "GET /api/v1/apps/{app} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        with.push(requests_per_second(checked, &request).await?);
        without.push(requests_per_second(unchecked, &request).await?);
    }
    with.sort_by(f64::total_cmp);
    without.sort_by(f64::total_cmp);
    Ok(vec![Figure {
        name: "http_read_ratio",
        value: with[TURNS / 2],
        unit: "req/s",
        baseline: Some(("without authentication", without[TURNS / 2])),
    }])
}

/// Whoever calls is this one.
struct Known(Ctx);

#[async_trait]
impl Authenticator for Known {
    async fn authenticate(
        &self,
        _: &Engine,
        _: &str,
        _: &str,
    ) -> Result<Result<Ctx, AuthenticationError>, EngineError> {
        Ok(Ok(self.0.clone()))
    }
}

fn limits() -> Limits {
    let rate = Rate { burst: 1_000_000, per_second: 1_000_000 };
    Limits { requests: rate, failures: rate, ..Limits::default() }
}

fn metrics() -> PrometheusHandle {
    PrometheusBuilder::new().build_recorder().handle()
}

async fn start(server: Server) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(server, listener));
    Ok(address)
}

/// A client that may read the app, among many other entities; its token and its id.
async fn client(admin: &Ctx, app: &AppId) -> Result<(String, PrincipalId)> {
    let answer = |client: &ClientView| reply(client.record.principal.id.as_str());
    let request = Idempotent { key: "client", request: b"client", answer: &answer };
    let new = NewClient { name: "Bench".into(), description: String::new(), registration: None };
    let id = PrincipalId::parse(&admin.create_client(&new, &request).await?.body)?;
    let mut entities = HashSet::from([Entity::App(app.clone())]);
    for number in 1..ENTITIES {
        let key = format!("source-{number}");
        let answer = |source: &DataSource| reply(source.id.as_str());
        let request = Idempotent { key: &key, request: key.as_bytes(), answer: &answer };
        let source = admin.create_data_source(&new_source(&key), &request).await?.body;
        entities.insert(Entity::DataSource(DataSourceId::parse(&source)?));
    }
    let (version, _) = admin.permissions(&id).await?;
    let permissions = Permissions { entities: Arc::new(entities), ..Permissions::default() };
    admin.set_permissions(&id, version, &permissions).await?;
    let answer = |record: &TokenRecord| reply(record.id.as_str());
    let request = Idempotent { key: "token", request: b"token", answer: &answer };
    let token = admin.create_token(&id, None, &request).await?.text.context("a fresh token")?;
    Ok((token.expose().to_owned(), id))
}

fn new_source(name: &str) -> DataSourceInput {
    DataSourceInput { name: name.to_owned(), description: String::new() }
}

fn reply(body: &str) -> Answer {
    Answer { status: 201, body: body.to_owned() }
}

/// As many as the server answers, over connections that stay open.
async fn requests_per_second(address: SocketAddr, request: &str) -> Result<f64> {
    let began = Instant::now();
    let mut callers = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let request = request.to_owned();
        callers.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut buffer = vec![0_u8; 16 * 1024];
            for _ in 0..REQUESTS {
                stream.write_all(request.as_bytes()).await?;
                read_answer(&mut stream, &mut buffer).await?;
            }
            anyhow::Ok(())
        }));
    }
    for caller in callers {
        caller.await??;
    }
    Ok((CONNECTIONS * REQUESTS) as f64 / began.elapsed().as_secs_f64())
}

/// Reads one answer with a `content-length`, and insists on a success.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled])?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("no content-length")?.trim().parse()?;
        if body.len() >= length {
            return Ok(());
        }
    }
}
