//! Live progress as server-sent events: looks again and again until there is nothing more to see.

use std::convert::Infallible;
use std::future::Future;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use http::request::Parts;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::access::Trace;
use crate::context;
use crate::credentials::Credential;
use crate::problem::Problem;
use crate::state::Server;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// An event stream to be opened: a place among the open ones, and the caller's credential, since what
/// the caller may see is decided anew with every look.
pub(crate) struct EventStream {
    server: Server,
    credential: Credential,
    request_id: String,
    place: OwnedSemaphorePermit,
}

impl FromRequestParts<Server> for EventStream {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Problem> {
        let place = server.0.streams.clone().try_acquire_owned().map_err(|_| {
            let detail = "too many event streams are open: close some, or ask in intervals";
            Problem::new("too_many_streams", detail)
        })?;
        let credential = Credential::of(&parts.headers, &server.0.cookies);
        let request_id = Trace::of(&parts.extensions).request_id;
        Ok(Self { server: server.clone(), credential, request_id, place })
    }
}

/// What one look sees.
pub(crate) struct Seen<W> {
    pub wire: W,
    /// Whether nothing more will happen.
    pub is_final: bool,
}

struct State<L> {
    stream: EventStream,
    look: L,
    began: Instant,
    last: String,
    is_over: bool,
}

impl EventStream {
    /// Sends `progress` events with what changed, and an `end` event with the final state.
    pub(crate) fn watch<L, F, W>(
        self,
        look: L,
    ) -> Sse<impl Stream<Item = Result<Event, Infallible>>>
    where
        L: Fn(grantry_engine::Ctx) -> F + Send + Sync + 'static,
        F: Future<Output = grantry_engine::Result<Seen<W>>> + Send + 'static,
        W: Serialize + 'static,
    {
        let state = State {
            stream: self,
            look,
            began: Instant::now(),
            last: String::new(),
            is_over: false,
        };
        Sse::new(unfold(state, next)).keep_alive(KeepAlive::default())
    }
}

async fn next<L, F, W>(mut state: State<L>) -> Option<(Result<Event, Infallible>, State<L>)>
where
    L: Fn(grantry_engine::Ctx) -> F + Send + Sync + 'static,
    F: Future<Output = grantry_engine::Result<Seen<W>>> + Send,
    W: Serialize,
{
    while !state.is_over && state.began.elapsed() < state.stream.server.0.limits.stream_timeout {
        if !state.last.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = state.stream.server.0.stopping.cancelled() => return None,
            }
        }
        let (name, data) = match look(&state).await {
            Ok(seen) => {
                state.is_over = seen.is_final;
                let data = serde_json::to_string(&seen.wire).unwrap_or_default();
                (if seen.is_final { "end" } else { "progress" }, data)
            }
            Err(problem) => {
                state.is_over = true;
                ("problem", format!("{{\"code\":\"{}\"}}", problem.kind.code))
            }
        };
        if data != state.last || state.is_over {
            state.last.clone_from(&data);
            return Some((Ok(Event::default().event(name).data(data)), state));
        }
    }
    drop(state.stream.place);
    None
}

async fn look<L, F, W>(state: &State<L>) -> Result<Seen<W>, Problem>
where
    L: Fn(grantry_engine::Ctx) -> F,
    F: Future<Output = grantry_engine::Result<Seen<W>>>,
{
    let EventStream { server, credential, request_id, .. } = &state.stream;
    let ctx = context::authenticate(server, credential, request_id).await??;
    Ok((state.look)(ctx).await?)
}
