//! Clients and their tokens.

use grantry_api::clients as wire;
use grantry_engine::{Answer, ClientChange, NewToken, PrincipalRecord, TokenRecord};

/// A client.
pub(crate) fn client(record: &PrincipalRecord) -> wire::Client {
    wire::Client {
        id: record.principal.id.to_string(),
        name: record.principal.name.clone(),
        description: record.description.clone(),
        is_disabled: record.is_disabled,
        created_ms: record.created.0,
    }
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
