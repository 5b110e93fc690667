//! The caller, and a person's own tokens.

use std::collections::BTreeSet;

use grantry_api::me as wire;
use grantry_authz::{Actor, Scope};
use grantry_engine::{Answer, NewOwnToken, NewToken, OwnAccount, TokenRecord};
use grantry_model::clock::UnixMs;
use grantry_model::ids::IdentityId;
use grantry_model::permission::AdminAction;

use super::permissions;
use super::sign_in::current;
use crate::context::Ctx;
use crate::problem::Problem;

/// Who calls.
pub(crate) async fn me(ctx: &Ctx) -> Result<wire::Me, Problem> {
    let session = ctx.current_session();
    let session = session.zip(ctx.1.session()).map(|(view, secret)| current(&view, secret));
    Ok(wire::Me { session, mail: ctx.own_mail().await?, ..of(&ctx.actor) })
}

/// Who has just signed in, with the new session.
pub(crate) async fn signed_in(
    ctx: &grantry_engine::Ctx,
    secret: &str,
) -> Result<wire::Me, Problem> {
    let session = ctx.current_session().map(|view| current(&view, secret));
    Ok(wire::Me { session, mail: ctx.own_mail().await?, ..of(&ctx.actor) })
}

fn of(actor: &Actor) -> wire::Me {
    let held = &actor.permissions;
    let mut global: Vec<_> = held.actions_everywhere().iter().map(permissions::action).collect();
    global.sort();
    wire::Me {
        principal_id: actor.principal.id.to_string(),
        kind: actor.principal.kind.name().to_owned(),
        name: actor.principal.name.clone(),
        role: held.role.map(|role| role.name().to_owned()),
        global,
        entities: permissions::entities(held),
        admin_actions: held.admin_actions().iter().map(|action| action.name().to_owned()).collect(),
        mail: None,
        session: None,
        scope: held.scope.as_ref().map(scope),
    }
}

/// An account of the caller's, or one that could be.
pub(crate) fn own_account(own: &OwnAccount) -> wire::OwnAccount {
    wire::OwnAccount {
        account: super::mappings::account(&own.account),
        identity_id: own.identity.as_ref().map(ToString::to_string),
        is_mapped: own.is_mapped,
        is_waiting: own.is_waiting,
        is_editable: own.is_editable,
    }
}

/// Which identity claims an account, from the wire.
pub(crate) fn read_claim(claim: wire::ClaimAccount) -> Result<Option<IdentityId>, Problem> {
    let id = claim.identity_id.map(|id| IdentityId::parse(&id)).transpose();
    id.map_err(|error| Problem::field("/identity_id", "invalid_id", error.to_string()))
}

/// What a token is limited to.
fn scope(scope: &Scope) -> wire::Scope {
    wire::Scope {
        actions: scope.actions.iter().map(permissions::action).collect(),
        admin_actions: scope.admin_actions.iter().map(|held| held.name().to_owned()).collect(),
    }
}

/// What a token is to be, from the wire.
pub(crate) fn read_token(new: wire::CreateOwnToken) -> Result<NewOwnToken, Problem> {
    let action = |(index, name): (usize, &String)| {
        AdminAction::parse(name).ok_or_else(|| {
            let path = format!("/scope/admin_actions/{index}");
            Problem::field(path, "invalid_value", format!("there is no admin action `{name}`"))
        })
    };
    let admin_actions: Result<BTreeSet<_>, _> =
        new.scope.admin_actions.iter().enumerate().map(action).collect();
    let actions = new.scope.actions.iter().map(permissions::read_action).collect();
    let scope = Scope { actions, admin_actions: admin_actions? };
    Ok(NewOwnToken { name: new.name, scope, expires: UnixMs(new.expires_ms) })
}

/// A token without its text.
pub(crate) fn token(record: &TokenRecord) -> wire::OwnToken {
    wire::OwnToken {
        id: record.id.to_string(),
        name: record.name.clone(),
        scope: record.scope.as_ref().map(scope),
        created_ms: record.created.0,
        expires_ms: record.expires.map(|at| at.0),
        revoked_ms: record.revoked.map(|at| at.0),
        used_ms: record.used.map(|at| at.0),
    }
}

/// A new token.
pub(crate) fn new_token(record: &TokenRecord) -> wire::NewOwnToken {
    wire::NewOwnToken { token: None, stored: token(record) }
}

/// The answer for a new token, with its text where it is told.
pub(crate) fn with_text(new: NewToken) -> Answer {
    let Some(text) = &new.text else { return new.answer };
    let body = match serde_json::from_str::<wire::NewOwnToken>(&new.answer.body) {
        Ok(kept) => wire::NewOwnToken { token: Some(text.expose().to_owned()), ..kept },
        Err(_) => return new.answer,
    };
    Answer { body: serde_json::to_string(&body).unwrap_or(new.answer.body), ..new.answer }
}
