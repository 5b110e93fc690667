//! Apps with their roles, and what an integration's catalogue holds.

use grantry_authz::actions;
use grantry_model::csv::ListKind;
use grantry_model::ids::{AppId, IntegrationId};
use grantry_model::settings::Settings;
use grantry_store::{
    App, AuditEntry, CatalogueSource, Class, NewApp, RowQuery, StoredAssignment, StoredEntitlement,
    StoredObject, search_pattern,
};
use serde_json::json;

use crate::error::{check_description, check_name};
use crate::idempotency::Turn;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

const NO_APP: EngineError = EngineError::NotFound { what: "app" };

impl PageQuery {
    pub(crate) fn rows(&self, after: String) -> RowQuery {
        RowQuery {
            search: self.search.clone(),
            kind: self.kind.clone(),
            status: self.status.clone(),
            mapped: self.mapped,
            proposed: self.proposed,
            privileged: self.privileged,
            known_as: self.known_as.clone(),
            identity: self.identity.clone(),
            resource: String::new(),
            after,
            limit: self.limit + 1,
        }
    }
}

impl Ctx {
    /// The apps on which the caller holds *app & role read*.
    pub async fn list_apps(&self, query: &PageQuery) -> Result<Page<App>> {
        let after = self.engine.position("apps", query.cursor.as_deref())?;
        let visible = self.actor.permissions.visible_apps();
        let pattern = search_pattern(&query.search);
        let rows = self.db().list_apps(&visible, &pattern, &after, query.limit + 1).await?;
        Ok(self.engine.page("apps", rows, query.limit, |row| row.id.to_string()))
    }

    /// One app.
    pub async fn app(&self, id: &AppId) -> Result<App> {
        self.permit_app::<actions::AppAndRoleRead>(id).await?;
        self.db().app(id).await?.ok_or(NO_APP)
    }

    /// Creates an app that no integration feeds, with an empty list.
    pub async fn create_app(
        &self,
        (name, description): (&str, &str),
        list: ListKind,
        request: &Idempotent<'_, App>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::AppWrite>().await?;
        check_name("/name", name)?;
        check_description("/description", description)?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let new = NewApp {
            id: AppId::fresh(db.clock(), db.random()),
            name: name.trim().to_owned(),
            description: description.to_owned(),
            list,
        };
        let work = async {
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_app(&permit, &new).await?;
            let app = App {
                id: new.id.clone(),
                name: new.name.clone(),
                description: new.description.clone(),
                integration_id: None,
                roles: 0,
                list,
                columns: Vec::new(),
                revision: 0,
                created: tx.now(),
                version: 1,
            };
            let answer = claimed.finish(&mut tx, &app).await?;
            let detail = json!({ "name": new.name, "list": list.name() });
            tx.commit(AuditEntry::about("app.created", "app", new.id.as_str(), detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Changes the name or description of an app that is still at that version. What is `None`
    /// stays.
    pub async fn update_app(
        &self,
        id: &AppId,
        version: i64,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<App> {
        let permit = self.permit_admin::<actions::AppWrite>().await?;
        let before = self.db().app(id).await?.ok_or(NO_APP)?;
        let mut changed = App { version, ..before.clone() };
        if let Some(name) = name {
            check_name("/name", name)?;
            changed.name = name.trim().to_owned();
        }
        if let Some(description) = description {
            check_description("/description", description)?;
            changed.description = description.to_owned();
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.update_app(&permit, &changed).await?;
        let detail = json!({
            "before": { "name": before.name, "description": before.description },
            "after": { "name": changed.name, "description": changed.description },
        });
        tx.commit(AuditEntry::about("app.updated", "app", id.as_str(), detail)).await?;
        Ok(App { version: version + 1, ..changed })
    }

    /// Removes an app that no integration feeds, with its accounts and roles, if it is still at that
    /// version. Refused while memberships of it are living.
    pub async fn delete_app(&self, id: &AppId, version: i64) -> Result<()> {
        let permit = self.permit_admin::<actions::AppWrite>().await?;
        let app = self.db().app(id).await?.ok_or(NO_APP)?;
        if app.integration_id.is_some() {
            return Err(EngineError::FedByIntegration);
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        match tx.delete_app(&permit, id, version).await? {
            0 => {}
            living => return Err(EngineError::AppInUse(living)),
        }
        let detail = json!({ "before": { "name": app.name, "description": app.description } });
        tx.commit(AuditEntry::about("app.deleted", "app", id.as_str(), detail)).await?;
        Ok(())
    }

    /// What feeds an app is there: the integration, or the app itself, which lists feed. Returns the
    /// settings; lists have those that every integration begins with.
    pub(crate) async fn load_source(&self, source: &CatalogueSource) -> Result<Settings> {
        match source {
            CatalogueSource::Integration(id) => {
                Ok(self.load_integration(id).await?.integration.settings)
            }
            CatalogueSource::List(app) => match self.db().is_app_fed(app).await?.ok_or(NO_APP)? {
                true => Err(EngineError::FedByIntegration),
                false => Ok(Settings::default()),
            },
        }
    }

    /// An app's accounts.
    pub async fn list_app_accounts(
        &self,
        app: &AppId,
        query: &PageQuery,
    ) -> Result<Page<StoredObject>> {
        let source = self.app(app).await?.source();
        let list = format!("app-accounts/{app}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_objects(&source, Class::Account, &query.rows(after)).await?;
        let rows = self.shown_objects(rows);
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.clone()))
    }

    /// Who holds which role of an app; optionally of one role or one account.
    pub async fn list_app_assignments(
        &self,
        app: &AppId,
        role: &str,
        account: &str,
        query: &PageQuery,
    ) -> Result<Page<StoredAssignment>> {
        let source = self.app(app).await?.source();
        self.assignments_of(format!("app-assignments/{app}"), &source, role, account, query).await
    }

    /// An app's roles.
    pub async fn list_roles(
        &self,
        app: &AppId,
        query: &PageQuery,
    ) -> Result<Page<StoredEntitlement>> {
        self.permit_app::<actions::AppAndRoleRead>(app).await?;
        self.db().app(app).await?.ok_or(NO_APP)?;
        let list = format!("roles/{app}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_roles(app, &query.rows(after)).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// Accounts or resources of an integration.
    pub async fn list_objects(
        &self,
        integration: &IntegrationId,
        class: Class,
        query: &PageQuery,
    ) -> Result<Page<StoredObject>> {
        self.permit_catalogue(integration).await?;
        let list = format!("{}/{integration}", class.name());
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_objects(integration, class, &query.rows(after)).await?;
        let rows = self.shown_objects(rows);
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.clone()))
    }

    fn shown_objects(&self, rows: Vec<StoredObject>) -> Vec<StoredObject> {
        let shown = |row: StoredObject| StoredObject { mapping: self.shown(row.mapping), ..row };
        rows.into_iter().map(shown).collect()
    }

    /// Entitlements of an integration.
    pub async fn list_entitlements(
        &self,
        integration: &IntegrationId,
        query: &PageQuery,
    ) -> Result<Page<StoredEntitlement>> {
        self.permit_catalogue(integration).await?;
        let list = format!("entitlements/{integration}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_entitlements(integration, &query.rows(after)).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }

    /// Assignments of an integration, optionally of one entitlement or one holder.
    pub async fn list_assignments(
        &self,
        integration: &IntegrationId,
        entitlement: &str,
        holder: &str,
        query: &PageQuery,
    ) -> Result<Page<StoredAssignment>> {
        self.permit_catalogue(integration).await?;
        let list = format!("assignments/{integration}");
        self.assignments_of(list, integration, entitlement, holder, query).await
    }

    async fn assignments_of(
        &self,
        list: String,
        integration: &IntegrationId,
        entitlement: &str,
        holder: &str,
        query: &PageQuery,
    ) -> Result<Page<StoredAssignment>> {
        let position = self.engine.position(&list, query.cursor.as_deref())?;
        let after = position.split_once('.').unwrap_or(("", ""));
        let (search, limit) = (&query.search, query.limit + 1);
        let rows = self
            .db()
            .list_assignments(integration, after, entitlement, holder, search, limit)
            .await?;
        let position = |row: &StoredAssignment| format!("{}.{}", row.entitlement_id, row.holder_id);
        Ok(self.engine.page(&list, rows, query.limit, position))
    }

    async fn permit_catalogue(&self, integration: &IntegrationId) -> Result<()> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        let found = self.db().integration(integration).await?;
        found.map(drop).ok_or(EngineError::NotFound { what: "integration" })
    }
}
