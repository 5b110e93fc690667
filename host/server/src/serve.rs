//! The listener: bounded connections, slow senders cut off, a graceful end.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::state::Server;

/// Most bytes of a request's headers.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Pause after the system refused to accept, such as for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until [`Server::stop`], then lets open requests and units of work end.
pub async fn serve(server: Server, listener: TcpListener) {
    let limits = &server.0.limits;
    let router = server.router();
    let connections = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = server.0.stopping.cancelled() => break,
        };
        // Beyond the limit a connection is closed at once: waiting ones would be a queue.
        let Ok(place) = connections.clone().try_acquire_owned() else { continue };
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = builder(limits.header_timeout).serve_connection(io(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!("a connection ended: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    server.0.units.close();
    let ended = async {
        graceful.shutdown().await;
        server.0.units.wait().await;
    };
    if tokio::time::timeout(limits.grace, ended).await.is_err() {
        tracing::warn!("some requests did not end in time and are dropped");
    }
}

fn io(stream: TcpStream) -> TokioIo<TcpStream> {
    // Answers are small and whole: nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    TokioIo::new(stream)
}

fn builder(header_timeout: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEADER_BYTES_MAX);
    builder
}
