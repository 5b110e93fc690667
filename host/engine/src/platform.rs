//! Grantry's directory for an integration's plugin: the same use cases as for an HTTP client, with
//! the permissions of the integration's principal, read anew for every call.

use async_trait::async_trait;
use grantry_authz::Refusal;
use grantry_model::clock::UnixMs;
use grantry_model::csv::LineError;
use grantry_model::ids::{
    AccountId, AppId, DataSourceId, EntitlementId, MembershipId, PrincipalId, UploadId,
};
use grantry_model::membership::Membership;

use grantry_model::permission::Entity;
use grantry_model::platform::{
    ListOf, MembershipChange, Platform, PlatformApp, PlatformDataSource, PlatformDiff,
    PlatformError, PlatformMembership, PlatformPage, PlatformResult, PlatformRole,
};

use crate::{Answer, Ctx, Engine, EngineError, GrantInput, Grantee, Idempotent, PageQuery, Upload};

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
            Ok(Some(actor)) => Ok(Ctx { actor, engine: self.engine.clone(), session: None }),
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
            Refusal::AdminActionNotGranted { .. }
            | Refusal::ResourceActionNotGranted { .. }
            | Refusal::NotSignedIn
            | Refusal::Hidden,
        )
        | EngineError::NotFound { .. } => PlatformError::NotFound,
        EngineError::Invalid(issues) => PlatformError::Invalid(
            issues.into_iter().map(|issue| (issue.path, issue.message)).collect(),
        ),
        EngineError::CsvInvalid { errors, .. } => {
            PlatformError::Invalid(errors.into_iter().map(line_error).collect())
        }
        EngineError::UploadTooLarge | EngineError::TooManyUploads | EngineError::UploadQuota => {
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
        | EngineError::SyncRunning
        | EngineError::TypeDeleted(_)
        | EngineError::AccountsNotRead
        | EngineError::DiffChanged
        | EngineError::RemovalDecided { .. }
        | EngineError::UndoExpired
        | EngineError::NotUndoable
        | EngineError::GateClosed(_)
        | EngineError::AsksForMore(_)
        | EngineError::SecretNotKept(_)
        | EngineError::NoPreviousVersion
        | EngineError::PluginInUse
        | EngineError::DeskInUse(_)
        | EngineError::IntegrationInUse(_)
        | EngineError::AppInUse(_)
        | EngineError::AccountsReadOnly
        | EngineError::AccountTaken
        | EngineError::IntegrationBusy(_)
        | EngineError::LastAdmin
        | EngineError::WorkflowMissing(_)
        | EngineError::WorkflowInUse(_)
        | EngineError::NotRequester
        | EngineError::NoIdentity
        | EngineError::TaskOver(_)
        | EngineError::RequestNotPossible(_)
        | EngineError::OwnPerson
        | EngineError::PersonOwnsIntegrations(_)
        | EngineError::UploadNotReady { .. }
        | EngineError::MassRemoval { .. }
        | EngineError::FedByIntegration
        | EngineError::AccountUnmapped
        | EngineError::SeveralAccounts(_)
        | EngineError::IssuerInUse
        | EngineError::Directory(_)
        | EngineError::SignInRefused(_)
        | EngineError::PluginInstalled(_)
        | EngineError::Quarantined => PlatformError::Conflict(error.to_string()),
        EngineError::NotVouched(_)
        | EngineError::Registry(_)
        | EngineError::Rejected(_)
        | EngineError::Plugin(_)
        | EngineError::Store(_)
        | EngineError::AuditBroken
        | EngineError::RequestInProgress
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

fn upload_id(upload: &str) -> PlatformResult<UploadId> {
    UploadId::parse(upload).map_err(|_| PlatformError::NotFound)
}

fn entity(of: &ListOf) -> PlatformResult<Entity> {
    match of {
        ListOf::App(app) => app_id(app).map(Entity::App),
        ListOf::DataSource(source) => {
            let source = DataSourceId::parse(source).map_err(|_| PlatformError::NotFound)?;
            Ok(Entity::DataSource(source))
        }
    }
}

fn diff(upload: &Upload) -> PlatformDiff {
    PlatformDiff {
        hash: upload.diff_hash.clone(),
        before: upload.diff.before,
        added: upload.diff.added,
        changed: upload.diff.changed,
        removed: upload.diff.removed,
        is_empty: upload.diff.is_empty(),
        is_mass_removal: upload.diff.is_mass_removal(),
    }
}

fn check_key(key: &str) -> PlatformResult<()> {
    let is_visible = |byte: u8| byte.is_ascii_graphic();
    if (1..=255).contains(&key.len()) && key.bytes().all(is_visible) {
        return Ok(());
    }
    let message = "must be 1 to 255 visible ASCII characters".to_owned();
    Err(PlatformError::Invalid(vec![("idempotency-key".to_owned(), message)]))
}

fn read_answer<T: serde::de::DeserializeOwned>(answer: &Answer) -> PlatformResult<T> {
    serde_json::from_str(&answer.body)
        .map_err(|_| PlatformError::Unavailable("the stored answer cannot be read".to_owned()))
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
        let mut items = Vec::with_capacity(page.items.len());
        for role in page.items {
            items.push(PlatformRole {
                is_requestable: ctx.is_requestable(&role).await.map_err(refused)?,
                id: role.id.to_string(),
                name: role.name().to_owned(),
            });
        }
        Ok(PlatformPage { items, next: page.next })
    }

    async fn change_membership(
        &self,
        app: &str,
        change: MembershipChange,
        idempotency_key: &str,
    ) -> PlatformResult<PlatformMembership> {
        check_key(idempotency_key)?;
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
                    to: Grantee::Account(
                        AccountId::parse(&account).map_err(|_| invalid("account"))?,
                    ),
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
        read_answer(&outcome.map_err(refused)?)
    }

    async fn list_data_sources(
        &self,
        after: Option<String>,
    ) -> PlatformResult<PlatformPage<PlatformDataSource>> {
        let ctx = self.ctx().await?;
        let page = ctx.list_data_sources(&query(after)).await.map_err(refused)?;
        let items = page.items.into_iter().map(|source| PlatformDataSource {
            id: source.id.to_string(),
            name: source.name,
            identities: source.identities,
        });
        Ok(PlatformPage { items: items.collect(), next: page.next })
    }

    async fn begin_upload(&self, of: ListOf) -> PlatformResult<String> {
        let id = self.ctx().await?.begin_pieces(&entity(&of)?).await.map_err(refused)?;
        Ok(id.to_string())
    }

    async fn append_upload(
        &self,
        of: ListOf,
        upload: &str,
        begins: u64,
        content: Vec<u8>,
    ) -> PlatformResult<u64> {
        let (entity, id) = (entity(&of)?, upload_id(upload)?);
        let ctx = self.ctx().await?;
        ctx.append_piece(&entity, &id, begins, &content).await.map_err(refused)
    }

    async fn preview_upload(&self, of: ListOf, upload: &str) -> PlatformResult<PlatformDiff> {
        let (entity, id) = (entity(&of)?, upload_id(upload)?);
        let upload = self.ctx().await?.preview_upload(&entity, &id).await.map_err(refused)?;
        Ok(diff(&upload))
    }

    async fn apply_upload(
        &self,
        of: ListOf,
        upload: &str,
        hash: &str,
        approved: Option<&str>,
        idempotency_key: &str,
    ) -> PlatformResult<PlatformDiff> {
        check_key(idempotency_key)?;
        let (entity, id) = (entity(&of)?, upload_id(upload)?);
        let request = format!("platform apply {of:?} {id} {hash} {approved:?}");
        let answer = |upload: &Upload| Answer {
            status: 200,
            body: serde_json::to_string(&diff(upload)).unwrap_or_default(),
        };
        let request =
            Idempotent { key: idempotency_key, request: request.as_bytes(), answer: &answer };
        let ctx = self.ctx().await?;
        let applied = ctx.apply_upload(&entity, &id, (hash, approved), &request).await;
        read_answer(&applied.map_err(refused)?)
    }
}

/// The platform's own denials name an action of the four on an app.
#[cfg(test)]
mod tests {
    use grantry_model::permission::Action;

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
