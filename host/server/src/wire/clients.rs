//! Clients and their tokens.

use grantry_api::clients as wire;
use grantry_engine::{
    Answer, ClientChange, ClientView, Issuer, NewClient, NewRegistration, NewToken, Registration,
    TokenRecord,
};
use grantry_model::ids::IssuerId;

use super::token_requests::token_request;
use crate::problem::Problem;

/// A client.
pub(crate) fn client(view: &ClientView) -> wire::Client {
    let record = &view.record;
    wire::Client {
        id: record.principal.id.to_string(),
        name: record.principal.name.clone(),
        description: record.description.clone(),
        is_disabled: record.is_disabled,
        registration: view.registration.as_ref().map(registration),
        created_ms: record.created.0,
    }
}

fn registration((own, issuer): &(Registration, Issuer)) -> wire::Registration {
    wire::Registration {
        issuer_id: own.issuer_id.to_string(),
        tenant_id: issuer.trusted.tenant_id.clone(),
        application_id: own.application_id.clone(),
        object_id: own.object_id.clone(),
        token_request: token_request(own, issuer),
    }
}

/// A client, from the wire.
pub(crate) fn read_create(new: wire::CreateClient) -> Result<NewClient, Problem> {
    let wire::CreateClient { name, description, registration } = new;
    let read = |new: wire::CreateRegistration| {
        let issuer_id = IssuerId::parse(&new.issuer_id).map_err(|error| {
            Problem::field("/registration/issuer_id", "invalid_id", error.to_string())
        })?;
        let wire::CreateRegistration { application_id, object_id, .. } = new;
        Ok::<_, Problem>(NewRegistration { issuer_id, application_id, object_id })
    };
    Ok(NewClient { name, description, registration: registration.map(read).transpose()? })
}

/// A change, from the wire.
pub(crate) fn read_change(change: wire::UpdateClient) -> ClientChange {
    let wire::UpdateClient { name, description, is_disabled } = change;
    ClientChange { name, description, is_disabled }
}

/// A token without its text.
pub(crate) fn token(record: &TokenRecord) -> wire::Token {
    wire::Token {
        id: record.id.to_string(),
        created_ms: record.created.0,
        expires_ms: record.expires.map(|at| at.0),
        revoked_ms: record.revoked.map(|at| at.0),
        used_ms: record.used.map(|at| at.0),
    }
}

/// A new token.
pub(crate) fn new_token(record: &TokenRecord) -> wire::NewToken {
    wire::NewToken { token: None, stored: token(record) }
}

/// The answer for a new token, with its text where it is told.
pub(crate) fn with_text(new: NewToken) -> Answer {
    let Some(text) = &new.text else { return new.answer };
    let body = match serde_json::from_str::<wire::NewToken>(&new.answer.body) {
        Ok(kept) => wire::NewToken { token: Some(text.expose().to_owned()), ..kept },
        Err(_) => return new.answer,
    };
    Answer { body: serde_json::to_string(&body).unwrap_or(new.answer.body), ..new.answer }
}
