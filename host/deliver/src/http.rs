//! One POST over one connection: no redirect, no proxy, no cookie, a limit on everything.

use std::time::Duration;

use bytes::Bytes;
use grantry_egress::{Dialer, Target};
use grantry_model::approval::AddressException;
use grantry_model::delivery::{AppAnswer, Undelivered};
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use tokio::time::timeout;

use crate::undelivered;

/// Time for a whole delivery: an answer that comes later counts as a failure (row 68).
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// Posts JSON to a receiver of messages.
pub(crate) async fn post(
    dialer: &Dialer,
    target: &Target,
    exceptions: &[AddressException],
    headers: &[(HeaderName, String)],
    body: String,
) -> Result<(), Undelivered> {
    let (status, after_ms) = send(dialer, target, exceptions, headers, body).await?;
    judge(status, after_ms)
}

/// Posts JSON to an app that is to carry something out.
pub(crate) async fn ask(
    dialer: &Dialer,
    target: &Target,
    exceptions: &[AddressException],
    headers: &[(HeaderName, String)],
    body: String,
) -> Result<AppAnswer, Undelivered> {
    let (status, after_ms) = send(dialer, target, exceptions, headers, body).await?;
    judge_app(status, after_ms)
}

async fn send(
    dialer: &Dialer,
    target: &Target,
    exceptions: &[AddressException],
    headers: &[(HeaderName, String)],
    body: String,
) -> Result<(StatusCode, Option<u64>), Undelivered> {
    let exchange = exchange(dialer, target, exceptions, headers, body);
    let answer = timeout(DELIVERY_TIMEOUT, exchange).await;
    answer.map_err(|_| Undelivered::later("the receiver did not answer within 30 seconds"))?
}

async fn exchange(
    dialer: &Dialer,
    target: &Target,
    exceptions: &[AddressException],
    headers: &[(HeaderName, String)],
    body: String,
) -> Result<(StatusCode, Option<u64>), Undelivered> {
    let mut connection = dialer.dial(target, exceptions).await.map_err(undelivered)?;
    let mut request = Request::post(target.path_and_query())
        .header(HOST, target.authority())
        .header(USER_AGENT, concat!("grantry/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(body)));
    let request = request.map_err(|_| Undelivered::later("the request cannot be put together"))?;
    let broken = |_| Undelivered::later("the receiver closed the connection before its answer");
    // The answer's body says nothing that is needed: it is not read.
    let answer = connection.send_request(request).await.map_err(broken)?;
    let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after_ms = after.and_then(|text| text.trim().parse::<u64>().ok());
    Ok((answer.status(), after_ms.map(|seconds| seconds.saturating_mul(1_000))))
}

fn judge(status: StatusCode, after_ms: Option<u64>) -> Result<(), Undelivered> {
    match status.as_u16() {
        200..=299 => Ok(()),
        410 => Err(Undelivered::Gone),
        300..=399 => Err(Undelivered::later(format!(
            "the receiver answered {status}: redirects are not followed"
        ))),
        _ => Err(Undelivered::Later {
            detail: format!("the receiver answered {status}"),
            after_ms: after_ms.filter(|_| matches!(status.as_u16(), 429 | 503)),
        }),
    }
}

/// An app that refuses a change (4xx) does so for good, unless it says that it is only too early, or
/// speaks of the endpoint: a key that it does not have yet, a path that is not there yet.
fn judge_app(status: StatusCode, after_ms: Option<u64>) -> Result<AppAnswer, Undelivered> {
    let is_of_endpoint = matches!(status.as_u16(), 401 | 403 | 404 | 405 | 408 | 410 | 425 | 429);
    match status.as_u16() {
        202 => Ok(AppAnswer::Accepted),
        400..=499 if !is_of_endpoint => {
            Err(Undelivered::Refused(format!("the app answered {status}")))
        }
        _ => judge(status, after_ms).map(|()| AppAnswer::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_success_counts_and_only_410_ends_it() {
        let of = |status: u16, after| judge(StatusCode::from_u16(status).unwrap(), after);
        assert_eq!(of(204, None), Ok(()));
        assert_eq!(of(410, None), Err(Undelivered::Gone));
        for status in [301, 302, 307, 400, 404, 500] {
            assert!(matches!(of(status, Some(9)), Err(Undelivered::Later { after_ms: None, .. })));
        }
        assert!(matches!(of(429, Some(9)), Err(Undelivered::Later { after_ms: Some(9), .. })));
    }

    #[test]
    fn an_app_takes_it_in_refuses_it_or_is_asked_again() {
        let of = |status: u16| judge_app(StatusCode::from_u16(status).unwrap(), None);
        assert_eq!((of(200), of(204)), (Ok(AppAnswer::Done), Ok(AppAnswer::Done)));
        assert_eq!(of(202), Ok(AppAnswer::Accepted));
        assert_eq!(of(410), Err(Undelivered::Gone));
        for status in [400, 409, 422] {
            assert!(matches!(of(status), Err(Undelivered::Refused(_))), "{status}");
        }
        for status in [301, 401, 403, 404, 405, 408, 425, 429, 500, 503] {
            assert!(matches!(of(status), Err(Undelivered::Later { .. })), "{status}");
        }
    }
}
