//! Units of work: a handler that changes something is not cancelled by its client (fact 1 and
//! checklist 27 of the threat model), and no panic leaves its request.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;

use crate::problem::Problem;
use crate::state::Server;

/// Runs the handler: a change in a task of its own, which goes on when the connection is gone.
pub(crate) async fn run(State(server): State<Server>, request: Request, next: Next) -> Response {
    let is_safe = request.method().is_safe();
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    let outcome = if is_safe {
        work.await
    } else {
        let task = server.0.units.spawn(work);
        task.await.unwrap_or_else(|error| Err(Box::new(error.to_string())))
    };
    outcome.unwrap_or_else(|panic| Problem::internal(words(&*panic)).into_response())
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a handler panicked: {}", text.unwrap_or("without words"))
}
