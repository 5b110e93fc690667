//! `platform`: Grantry's directory, for the integration's principal.
//!
//! Two gates: what was approved for this integration (here), and what its principal may do (the
//! same function as for an HTTP client, behind [`Platform`]).

use std::sync::Arc;

use grantry_model::permission::Action;
use grantry_model::platform::{ListOf, MembershipChange, Platform, PlatformResult};

use crate::bindings::grantry::plugin::platform::{
    AppPage, DataSourcePage, Denial, Entity, Host, Membership, PlatformError, RolePage, UploadDiff,
};
use crate::call::{CallState, Capabilities};
use crate::convert::platform as convert;

/// Longest id, cursor or key from a guest, in bytes.
const ARGUMENT_BYTES_MAX: usize = 512;

type Answer<T> = wasmtime::Result<Result<T, PlatformError>>;

impl CallState {
    /// Enters, bounds the arguments, asks for the approval, records a refusal.
    async fn enter_platform(
        &mut self,
        action: Action,
        arguments: &[&str],
    ) -> Answer<Arc<dyn Platform>> {
        self.enter()?;
        if arguments.iter().any(|argument| argument.len() > ARGUMENT_BYTES_MAX) {
            return Ok(Err(PlatformError::NotFound));
        }
        if let Some(own) = &self.capabilities
            && own.scope.granted.platform_actions.contains(&action)
        {
            return Ok(Ok(own.scope.platform.clone()));
        }
        let detail = format!("platform action `{}` is not approved", action.name());
        self.deny("platform_denied", detail).await?;
        let denial = Denial { action: convert::to_action(action), entity: None };
        Ok(Err(PlatformError::Denied(denial)))
    }

    async fn answer<From: Send + 'static, To>(
        &mut self,
        work: impl Future<Output = PlatformResult<From>> + Send + 'static,
        to: impl FnOnce(From) -> To,
    ) -> Answer<To> {
        let result = Self::on_io(&self.services.io, work).await?;
        Ok(result.map(to).map_err(convert::to_platform_error))
    }

    async fn change_membership(
        &mut self,
        app: String,
        change: MembershipChange,
        key: String,
    ) -> Answer<Membership> {
        let (first, second) = match &change {
            MembershipChange::Grant { role, account, .. } => (role.as_str(), account.as_str()),
            MembershipChange::Extend { id, .. }
            | MembershipChange::Renew { id, .. }
            | MembershipChange::Delete { id } => (id.as_str(), ""),
        };
        let arguments = [app.as_str(), key.as_str(), first, second];
        let entered = self.enter_platform(Action::AppMembershipWrite, &arguments).await?;
        let platform = match entered {
            Ok(platform) => platform,
            Err(error) => return Ok(Err(error)),
        };
        let work = async move { platform.change_membership(&app, change, &key).await };
        self.answer(work, convert::to_membership).await
    }
}

/// The id that a list is asked for by.
fn id_of(of: &ListOf) -> &str {
    match of {
        ListOf::App(id) | ListOf::DataSource(id) => id,
    }
}

impl Host for CallState {
    async fn list_data_sources(&mut self, after: Option<String>) -> Answer<DataSourcePage> {
        let cursor = after.as_deref().unwrap_or_default();
        // Any of the four lets read a data source; one that was approved is asked for.
        let approved = |own: &Capabilities| own.scope.granted.platform_actions.first().copied();
        let approved = self.capabilities.as_ref().and_then(approved);
        let action = approved.unwrap_or(Action::DataSourceUsersUpdate);
        match self.enter_platform(action, &[cursor]).await? {
            Ok(platform) => {
                let work = async move { platform.list_data_sources(after).await };
                self.answer(work, convert::to_data_source_page).await
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn begin_upload(&mut self, of: Entity) -> Answer<String> {
        let (of, action) = convert::list_of(of);
        match self.enter_platform(action, &[id_of(&of)]).await? {
            Ok(platform) => {
                let work = async move { platform.begin_upload(of).await };
                self.answer(work, |id| id).await
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn append_upload(
        &mut self,
        of: Entity,
        upload: String,
        begins: u64,
        content: Vec<u8>,
    ) -> Answer<u64> {
        let (of, action) = convert::list_of(of);
        match self.enter_platform(action, &[id_of(&of), &upload]).await? {
            Ok(platform) => {
                let work =
                    async move { platform.append_upload(of, &upload, begins, content).await };
                self.answer(work, |next| next).await
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn preview_upload(&mut self, of: Entity, upload: String) -> Answer<UploadDiff> {
        let (of, action) = convert::list_of(of);
        match self.enter_platform(action, &[id_of(&of), &upload]).await? {
            Ok(platform) => {
                let work = async move { platform.preview_upload(of, &upload).await };
                self.answer(work, convert::to_diff).await
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn apply_upload(
        &mut self,
        of: Entity,
        upload: String,
        diff: String,
        approve_diff: Option<String>,
        idempotency_key: String,
    ) -> Answer<UploadDiff> {
        let (of, action) = convert::list_of(of);
        let approved = approve_diff.as_deref().unwrap_or_default();
        let arguments = [id_of(&of), &upload, &diff, approved, &idempotency_key];
        match self.enter_platform(action, &arguments).await? {
            Ok(platform) => {
                let work = async move {
                    let approved = approve_diff.as_deref();
                    platform.apply_upload(of, &upload, &diff, approved, &idempotency_key).await
                };
                self.answer(work, convert::to_diff).await
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn list_apps(&mut self, after: Option<String>) -> Answer<AppPage> {
        let cursor = after.as_deref().unwrap_or_default();
        match self.enter_platform(Action::AppAndRoleRead, &[cursor]).await? {
            Ok(platform) => {
                let work = async move { platform.list_apps(after).await };
                self.answer(work, convert::to_app_page).await
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn list_roles(&mut self, app: String, after: Option<String>) -> Answer<RolePage> {
        let arguments = [app.as_str(), after.as_deref().unwrap_or_default()];
        match self.enter_platform(Action::AppAndRoleRead, &arguments).await? {
            Ok(platform) => {
                let work = async move { platform.list_roles(&app, after).await };
                self.answer(work, convert::to_role_page).await
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn grant_membership(
        &mut self,
        app: String,
        role: String,
        account: String,
        ends_ms: Option<i64>,
        idempotency_key: String,
    ) -> Answer<Membership> {
        let change = MembershipChange::Grant { role, account, ends_ms };
        self.change_membership(app, change, idempotency_key).await
    }

    async fn extend_membership(
        &mut self,
        app: String,
        id: String,
        ends_ms: i64,
        idempotency_key: String,
    ) -> Answer<Membership> {
        self.change_membership(app, MembershipChange::Extend { id, ends_ms }, idempotency_key).await
    }

    async fn renew_membership(
        &mut self,
        app: String,
        id: String,
        ends_ms: Option<i64>,
        idempotency_key: String,
    ) -> Answer<Membership> {
        self.change_membership(app, MembershipChange::Renew { id, ends_ms }, idempotency_key).await
    }

    async fn delete_membership(
        &mut self,
        app: String,
        id: String,
        idempotency_key: String,
    ) -> Answer<Membership> {
        self.change_membership(app, MembershipChange::Delete { id }, idempotency_key).await
    }
}
