//! Apps with their roles, and what an integration's catalogue holds.

use grantry_authz::actions;
use grantry_model::ids::{AppId, IntegrationId};
use grantry_store::{
    App, Class, RowQuery, StoredAssignment, StoredEntitlement, StoredObject, search_pattern,
};

use crate::{Ctx, EngineError, Page, PageQuery, Result};

const NO_APP: EngineError = EngineError::NotFound { what: "app" };

impl PageQuery {
    pub(crate) fn rows(&self, after: String) -> RowQuery {
        RowQuery {
            search: self.search.clone(),
            kind: self.kind.clone(),
            status: self.status.clone(),
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
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.clone()))
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
