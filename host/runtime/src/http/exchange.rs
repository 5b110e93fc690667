//! One request and its answer on a connection, with an exact word on whether the request may have
//! arrived: only what was certainly not sent is sent again.

use bytes::Bytes;
use grantry_egress::{Connection, Dialer, Target, Way};
use grantry_model::approval::AddressException;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::Full;

use super::pool::Pool;
use super::{Refusal, body};

/// A request as it goes to the wire.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    pub(crate) target: &'a Target,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

/// An answer, whole and decompressed.
pub(crate) struct Answer {
    pub(crate) status: http::StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// How an exchange failed.
pub(crate) enum Failed {
    /// For good.
    For(Refusal),
    /// A kept connection turned out to be closed. The request may have arrived.
    Stale,
}

/// Where connections come from, and how much may come back.
pub(crate) struct Line<'a> {
    pub(crate) dialer: &'a Dialer,
    pub(crate) pool: &'a Pool,
    pub(crate) exceptions: &'a [AddressException],
    pub(crate) way: Way,
    pub(crate) response_bytes_max: usize,
}

/// Sends the request, on a kept connection if there is one.
pub(crate) async fn exchange(
    line: &Line<'_>,
    outgoing: &Outgoing<'_>,
    received: &mut u64,
) -> Result<Answer, Failed> {
    let mut request = request(outgoing).map_err(Failed::For)?;
    while let Some(connection) = line.pool.take(outgoing.target) {
        match on(line, outgoing.target, connection, request, received).await {
            Err(Sent::Nothing(unsent)) => request = *unsent,
            Err(Sent::Perhaps(Refusal::Protocol(_))) => return Err(Failed::Stale),
            Err(Sent::Perhaps(refusal)) => return Err(Failed::For(refusal)),
            Ok(answer) => return Ok(answer),
        }
    }
    let dial = line.dialer.dial_by(outgoing.target, line.exceptions, line.way);
    let connection = dial.await.map_err(|error| Failed::For(error.into()))?;
    on(line, outgoing.target, connection, request, received).await.map_err(|sent| match sent {
        Sent::Nothing(_) => Failed::For(Refusal::Connect("the connection broke off".to_owned())),
        Sent::Perhaps(refusal) => Failed::For(refusal),
    })
}

fn request(outgoing: &Outgoing<'_>) -> Result<http::Request<Full<Bytes>>, Refusal> {
    let invalid = |_: http::Error| Refusal::denied("url_invalid", "the URL's path".to_owned());
    let mut request = http::Request::builder()
        .method(outgoing.method)
        .uri(outgoing.target.path_and_query())
        .body(Full::new(outgoing.body.clone()))
        .map_err(invalid)?;
    *request.headers_mut() = outgoing.headers.clone();
    let host = HeaderValue::from_str(&outgoing.target.authority())
        .map_err(|_| Refusal::denied("url_invalid", "the URL's host".to_owned()))?;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

enum Sent {
    Nothing(Box<http::Request<Full<Bytes>>>),
    Perhaps(Refusal),
}

async fn on(
    line: &Line<'_>,
    target: &Target,
    mut connection: Connection,
    request: http::Request<Full<Bytes>>,
    received: &mut u64,
) -> Result<Answer, Sent> {
    if connection.ready().await.is_err() {
        return Err(Sent::Nothing(Box::new(request)));
    }
    let response = match connection.try_send_request(request).await {
        Ok(response) => response,
        Err(mut error) => {
            return Err(match error.take_message() {
                Some(unsent) => Sent::Nothing(Box::new(unsent)),
                None => Sent::Perhaps(broken(error.error())),
            });
        }
    };
    let (head, incoming) = response.into_parts();
    let body = body::read(&head.headers, incoming, line.response_bytes_max, received).await;
    let body = body.map_err(Sent::Perhaps)?;
    let is_last = head.headers.get(CONNECTION).is_some_and(|value| value == "close");
    if !is_last {
        line.pool.keep(target, connection);
    }
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// Words that say what the target did wrong, never what it said.
fn broken(error: &hyper::Error) -> Refusal {
    let why = match () {
        () if error.is_parse() => "the answer is not HTTP",
        () if error.is_incomplete_message() => "the connection was closed before the answer",
        () => "the connection broke off",
    };
    Refusal::Protocol(why.to_owned())
}
