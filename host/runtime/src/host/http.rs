//! `http`: hands a request to the call's [`HttpSession`] and its answer back.

use std::sync::Arc;

use crate::bindings::grantry::plugin::http as wit;
use crate::call::CallState;
use crate::http::{HttpSession, Refusal, Request, Response};

fn to_response(from: Response) -> wit::Response {
    wit::Response { status: from.status, headers: from.headers, body: from.body }
}

fn to_http_error(from: Refusal) -> wit::HttpError {
    match from {
        Refusal::Denied { code, .. } => wit::HttpError::Denied(code.to_owned()),
        Refusal::Connect(why) => wit::HttpError::Connect(why),
        Refusal::TimedOut => wit::HttpError::TimedOut,
        Refusal::Protocol(why) => wit::HttpError::Protocol(why),
        Refusal::TooLarge => wit::HttpError::TooLarge,
        Refusal::RateWaitExceeded { ms } => wit::HttpError::RateWaitExceeded(ms),
        Refusal::QuotaExceeded(what) => wit::HttpError::QuotaExceeded(what),
    }
}

impl wit::Host for CallState {
    async fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<wit::Response, wit::HttpError>> {
        self.enter()?;
        let Some(own) = &self.capabilities else {
            return Ok(Err(wit::HttpError::Denied("no_capability".to_owned())));
        };
        let session: Arc<HttpSession> = own.http.clone();
        let request = Request {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            auth: request.auth,
            timeout_ms: request.timeout_ms,
        };
        let send = async move { session.send(request).await };
        match Self::on_io(&self.services.io, send).await? {
            Ok(response) => Ok(Ok(to_response(response))),
            Err(refusal) => {
                if let Refusal::Denied { code, detail } = &refusal {
                    self.deny(code, detail.clone()).await?;
                }
                Ok(Err(to_http_error(refusal)))
            }
        }
    }
}
