//! Grantry's directory for an integration's plugin: the same use cases as for an HTTP client, with
//! the permissions of the integration's principal, read anew for every call.

use async_trait::async_trait;
use grantry_authz::Refusal;
use grantry_model::clock::UnixMs;
use grantry_model::csv::LineError;
use grantry_model::ids::{AccountId, AppId, EntitlementId, MembershipId, PrincipalId};
use grantry_model::membership::Membership;

use grantry_model::platform::{
    MembershipChange, Platform, PlatformApp, PlatformError, PlatformMembership, PlatformPage,
    PlatformResult, PlatformRole,
};

use crate::{Answer, Ctx, Engine, EngineError, GrantInput, Idempotent, PageQuery};

/// Items of a page.
const PAGE_ITEMS: u32 = 100;

/// The platform, bound to one integration's principal.
pub(crate) struct IntegrationPlatform {
    engine: Engine,
    principal: PrincipalId,
    request_id: String,
}

impl IntegrationPlatform {
    /// Binds the platform to a principal.
    pub(crate) fn new(engine: Engine, principal: PrincipalId, request_id: String) -> Self {
        Self { engine, principal, request_id }
    }

    async fn ctx(&self) -> PlatformResult<Ctx> {
        let actor = self.engine.plugin_actor(&self.principal, &self.request_id).await;
        match actor {
            Ok(Some(actor)) => Ok(Ctx { actor, engine: self.engine.clone() }),
            Ok(None) => Err(PlatformError::NotFound),
            Err(error) => Err(refused(error)),
        }
    }
}

/// The engine's error as a plugin sees it.
fn refused(error: EngineError) -> PlatformError {
    match error {
        EngineError::Refused(Refusal::ActionNotGranted { action, entity }) => {
            PlatformError::Denied { action, entity: Some(entity) }
        }
        EngineError::Refused(
            Refusal::AdminActionNotGranted { .. } | Refusal::NotSignedIn | Refusal::Hidden,
        )
        | EngineError::NotFound { .. } => PlatformError::NotFound,
        EngineError::Invalid(issues) => PlatformError::Invalid(
            issues.into_iter().map(|issue| (issue.path, issue.message)).collect(),
        ),
        EngineError::CsvInvalid { errors, .. } => {
            PlatformError::Invalid(errors.into_iter().map(line_error).collect())
        }
        EngineError::UploadTooLarge | EngineError::TooManyUploads => {
            PlatformError::QuotaExceeded(error.to_string())
        }
        EngineError::InvalidCursor => {
            PlatformError::Invalid(vec![("after".to_owned(), error.to_string())])
        }
        EngineError::InvalidDuration(_) => {
            PlatformError::Invalid(vec![("ends-ms".to_owned(), error.to_string())])
        }
        EngineError::MembershipNotActive(_)
        | EngineError::IdempotencyKeyReused
        | EngineError::RequestInProgress
        | EngineError::SyncRunning
        | EngineError::GateClosed(_)
        | EngineError::AsksForMore(_)
        | EngineError::NoPreviousVersion
        | EngineError::PluginInUse
        | EngineError::LastAdmin
        | EngineError::UploadNotReady { .. }
        | EngineError::DiffChanged
        | EngineError::MassRemoval { .. }
        | EngineError::FedByIntegration
        | EngineError::NotProvisioned
        | EngineError::PluginInstalled(_)
        | EngineError::Quarantined => PlatformError::Conflict(error.to_string()),
        EngineError::Rejected(_)
        | EngineError::Plugin(_)
        | EngineError::Store(_)
        | EngineError::AuditBroken
        | EngineError::Interrupted => PlatformError::Unavailable("try again later".to_owned()),
    }
}

/// An error of a file, with its place as the path.
fn line_error(error: LineError) -> (String, String) {
    let place = match error.column {
        Some(column) => format!("line {}, {column}", error.line),
        None => format!("line {}", error.line),
    };
    (place, error.message)
}

fn invalid(path: &str) -> PlatformError {
    PlatformError::Invalid(vec![(path.to_owned(), "is not an id".to_owned())])
}

/// An id that cannot be one names nothing.
fn app_id(app: &str) -> PlatformResult<AppId> {
    AppId::parse(app).map_err(|_| PlatformError::NotFound)
}

fn query(after: Option<String>) -> PageQuery {
    PageQuery { cursor: after, limit: PAGE_ITEMS, ..PageQuery::default() }
}

fn membership(membership: &Membership) -> PlatformMembership {
    PlatformMembership {
        id: membership.id.to_string(),
        app: membership.app.to_string(),
        role: membership.role.to_string(),
        account: membership.account.to_string(),
        starts_ms: membership.starts.0,
        ends_ms: membership.ends.map(|ends| ends.0),
        status: membership.status.name().to_owned(),
    }
}

fn answer(result: &Membership) -> Answer {
    let body = serde_json::to_string(&membership(result)).unwrap_or_default();
    Answer { status: 200, body }
}

#[async_trait]
impl Platform for IntegrationPlatform {
    async fn list_apps(&self, after: Option<String>) -> PlatformResult<PlatformPage<PlatformApp>> {
        let ctx = self.ctx().await?;
        let page = ctx.list_apps(&query(after)).await.map_err(refused)?;
        let items = page.items.into_iter().map(|app| PlatformApp {
            id: app.id.to_string(),
            name: app.name,
            roles: app.roles,
        });
        Ok(PlatformPage { items: items.collect(), next: page.next })
    }

    async fn list_roles(
        &self,
        app: &str,
        after: Option<String>,
    ) -> PlatformResult<PlatformPage<PlatformRole>> {
        let ctx = self.ctx().await?;
        let page = ctx.list_roles(&app_id(app)?, &query(after)).await.map_err(refused)?;
        let items = page.items.into_iter().map(|role| PlatformRole {
            id: role.id.to_string(),
            name: role.display,
            // Requestable settings come with access requests; until then what can be granted is.
            is_requestable: !role.is_immutable,
        });
        Ok(PlatformPage { items: items.collect(), next: page.next })
    }

    async fn change_membership(
        &self,
        app: &str,
        change: MembershipChange,
        idempotency_key: &str,
    ) -> PlatformResult<PlatformMembership> {
        let is_visible = |byte: u8| byte.is_ascii_graphic();
        if !(1..=255).contains(&idempotency_key.len()) || !idempotency_key.bytes().all(is_visible) {
            let message = "must be 1 to 255 visible ASCII characters".to_owned();
            return Err(PlatformError::Invalid(vec![("idempotency-key".to_owned(), message)]));
        }
        let ctx = self.ctx().await?;
        let app = app_id(app)?;
        let request = format!("platform {app} {change:?}");
        let request =
            Idempotent { key: idempotency_key, request: request.as_bytes(), answer: &answer };
        let membership_id = |id: &str| MembershipId::parse(id).map_err(|_| PlatformError::NotFound);
        let outcome = match change {
            MembershipChange::Grant { role, account, ends_ms } => {
                let input = GrantInput {
                    role: EntitlementId::parse(&role).map_err(|_| invalid("role"))?,
                    account: AccountId::parse(&account).map_err(|_| invalid("account"))?,
                    ends: ends_ms.map(UnixMs),
                };
                ctx.grant_membership(&app, &input, &request).await
            }
            MembershipChange::Extend { id, ends_ms } => {
                let id = membership_id(&id)?;
                ctx.extend_membership(&app, &id, UnixMs(ends_ms), &request).await
            }
            MembershipChange::Renew { id, ends_ms } => {
                let id = membership_id(&id)?;
                ctx.renew_membership(&app, &id, ends_ms.map(UnixMs), &request).await
            }
            MembershipChange::Delete { id } => {
                let id = membership_id(&id)?;
                ctx.delete_membership(&app, &id, &request).await
            }
        };
        let answer = outcome.map_err(refused)?;
        serde_json::from_str(&answer.body)
            .map_err(|_| PlatformError::Unavailable("the stored answer cannot be read".to_owned()))
    }
}

/// The platform's own denials name an action of the four on an app.
#[cfg(test)]
mod tests {
    use grantry_model::permission::{Action, Entity};

    use super::*;

    #[test]
    fn a_missing_action_is_named_and_a_hidden_entity_is_not_found() {
        let entity = Entity::App(AppId::parse("a").unwrap());
        let action = Action::AppMembershipWrite;
        let denied =
            EngineError::Refused(Refusal::ActionNotGranted { action, entity: entity.clone() });
        assert_eq!(refused(denied), PlatformError::Denied { action, entity: Some(entity) });
        assert_eq!(refused(EngineError::Refused(Refusal::Hidden)), PlatformError::NotFound);
    }
}
