//! Clients, tokens, and who calls.

use grantry_api::clients as wire;
use grantry_authz::Actor;
use grantry_engine::{Answer, NewToken, PrincipalRecord, TokenRecord};

use super::permissions;

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

/// A token without its text.
pub(crate) fn token(record: &TokenRecord) -> wire::Token {
    wire::Token {
        id: record.id.to_string(),
        created_ms: record.created.0,
        expires_ms: record.expires.map(|at| at.0),
        revoked_ms: record.revoked.map(|at| at.0),
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

/// Who calls.
pub(crate) fn me(actor: &Actor) -> wire::Me {
    wire::Me {
        principal_id: actor.principal.id.to_string(),
        kind: actor.principal.kind.name().to_owned(),
        name: actor.principal.name.clone(),
        role: actor.permissions.role.map(|role| role.name().to_owned()),
        global: permissions::global(&actor.permissions),
        entities: permissions::entities(&actor.permissions),
    }
}
