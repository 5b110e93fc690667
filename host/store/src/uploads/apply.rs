//! Makes an upload the list: everything in the caller's one transaction, or nothing.

use grantry_authz::{Permit, actions};
use grantry_model::fingerprint::{Domain, Keys, row_hash};
use grantry_model::ids::{AppId, DataSourceId, ReadingId};
use grantry_model::upload::UPLOAD_UNDO_MS;

use crate::apps::own_source;
use crate::catalogue::{Class, ObjectRow};
use crate::db::{Tx, args, json};
use crate::uploads::{SET_APPLIED, Upload};
use crate::{Result, StoreError, statements};

statements! {
    TAKE_USERS = "UPDATE data_sources SET revision = revision + $3, columns = $4 WHERE id = $1 AND revision = $2";
    REMOVE_USERS = "UPDATE identities SET removed_ms = $3 WHERE data_source_id = $2 AND removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = identities.id)";
    WRITE_USERS = "INSERT INTO identities (id, data_source_id, external_id, external_id_key, user_name, user_name_key, email, email_key, display, is_active, manager_external_id, details, search, row_hash, first_seen_ms, removed_ms) \
        SELECT u.id, CAST($2 AS TEXT), u.external_id, u.external_id_key, u.user_name, u.user_name_key, u.email, u.email_key, u.display, u.is_active, u.manager_external_id, u.details, u.search, u.row_hash, CAST($3 AS BIGINT), NULL FROM upload_people u WHERE u.reading_id = $1 \
        ON CONFLICT (id) DO UPDATE SET external_id_key = excluded.external_id_key, user_name = excluded.user_name, user_name_key = excluded.user_name_key, email = excluded.email, email_key = excluded.email_key, display = excluded.display, is_active = excluded.is_active, manager_external_id = excluded.manager_external_id, details = excluded.details, search = excluded.search, row_hash = excluded.row_hash, removed_ms = NULL \
        WHERE identities.row_hash <> excluded.row_hash OR identities.removed_ms IS NOT NULL";

    TAKE_MEMBERS = "UPDATE apps SET revision = revision + $3, columns = $4 WHERE id = $1 AND revision = $2 AND NOT EXISTS (SELECT 1 FROM integrations i WHERE i.app_id = apps.id)";
    REMOVE_GRANTS = "UPDATE assignments SET removed_ms = $3 WHERE removed_ms IS NULL AND entitlement_id IN (SELECT e.id FROM entitlements e WHERE e.integration_id = $2) AND NOT EXISTS (SELECT 1 FROM upload_grants u WHERE u.reading_id = $1 AND u.role_id = assignments.entitlement_id AND u.account_id = assignments.holder_id)";
    REMOVE_ROLES = "UPDATE entitlements SET removed_ms = $3, changed_ms = $3 WHERE integration_id = $2 AND removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_roles u WHERE u.reading_id = $1 AND u.id = entitlements.id)";
    REMOVE_MEMBERS = "UPDATE objects SET removed_ms = $3 WHERE integration_id = $2 AND class = 'account' AND removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = objects.id)";
    WRITE_MEMBERS = "INSERT INTO objects (id, integration_id, class, kind, native_id, name, display, search, status, details, row_hash, first_seen_ms, removed_ms) \
        SELECT u.id, CAST($2 AS TEXT), 'account', 'Account', u.external_id, u.user_name, u.display, u.search, CASE u.is_active WHEN 1 THEN 'enabled' ELSE 'disabled' END, u.details, u.row_hash, CAST($3 AS BIGINT), NULL FROM upload_people u WHERE u.reading_id = $1 \
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, display = excluded.display, search = excluded.search, status = excluded.status, details = excluded.details, row_hash = excluded.row_hash, removed_ms = NULL \
        WHERE objects.row_hash <> excluded.row_hash OR objects.removed_ms IS NOT NULL";
    WRITE_ROLES = "INSERT INTO entitlements (id, integration_id, app_id, resource_id, kind, native_id, slug, display, search, is_privileged, is_immutable, details, row_hash, first_seen_ms, source_key, name_key, changed_ms, removed_ms) \
        SELECT u.id, CAST($2 AS TEXT), CAST($2 AS TEXT), CAST($4 AS TEXT), 'Role', u.name, u.name, u.name, u.search, 0, 0, u.details, u.row_hash, CAST($3 AS BIGINT), SUBSTR(u.search, 1, 100), SUBSTR(u.search, 1, 100), CAST($3 AS BIGINT), NULL FROM upload_roles u WHERE u.reading_id = $1 \
        ON CONFLICT (id) DO UPDATE SET removed_ms = NULL, changed_ms = excluded.changed_ms WHERE entitlements.removed_ms IS NOT NULL";
    /// What is removed takes its assignments along; a list of entitlements names none.
    REMOVE_ENTITLEMENTS = "UPDATE entitlements SET removed_ms = $3, changed_ms = $3 WHERE integration_id = $2 AND removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = entitlements.id)";
    WRITE_ENTITLEMENTS = "INSERT INTO entitlements (id, integration_id, app_id, resource_id, kind, native_id, slug, display, search, is_privileged, is_immutable, details, row_hash, first_seen_ms, source_key, name_key, changed_ms, removed_ms) \
        SELECT u.id, CAST($2 AS TEXT), CAST($2 AS TEXT), CAST($4 AS TEXT), 'Entitlement', u.external_id, COALESCE(u.user_name, u.external_id), u.display, u.search, 0, 0, u.details, u.row_hash, CAST($3 AS BIGINT), COALESCE(u.user_name_key, ''), COALESCE(u.user_name_key, ''), CAST($3 AS BIGINT), NULL FROM upload_people u WHERE u.reading_id = $1 \
        ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, display = excluded.display, search = excluded.search, details = excluded.details, row_hash = excluded.row_hash, source_key = excluded.source_key, name_key = CASE WHEN entitlements.said_display IS NULL THEN excluded.source_key ELSE entitlements.name_key END, changed_ms = excluded.changed_ms, removed_ms = NULL \
        WHERE entitlements.row_hash <> excluded.row_hash OR entitlements.removed_ms IS NOT NULL";
    /// As long as it can be undone, it is there.
    KEEP_FOR_UNDO = "UPDATE uploads SET expires_ms = $2 WHERE id = $1";
    CHANGE_LIST = "UPDATE apps SET revision = revision + 1 WHERE id = $1";
    SET_UNDONE = "UPDATE uploads SET undone_ms = $2 WHERE id = $1 AND status = 'applied' AND undone_ms IS NULL AND expires_ms > $2";
    /// Exactly what it removed, and nothing that was removed otherwise since.
    RESTORE_ENTITLEMENTS = "UPDATE entitlements SET removed_ms = NULL, changed_ms = $3 WHERE integration_id = $1 AND removed_ms = $2";
    WRITE_GRANTS = "INSERT INTO assignments (entitlement_id, holder_id, details, removed_ms) SELECT u.role_id, u.account_id, NULL, NULL FROM upload_grants u WHERE u.reading_id = $1 \
        ON CONFLICT (entitlement_id, holder_id) DO UPDATE SET removed_ms = NULL WHERE assignments.removed_ms IS NOT NULL";
}

/// The kind of the one resource of an app that uploads feed: the app itself.
const APP_KIND: &str = "App";

impl Tx {
    /// Makes an upload the users of its data source, if nothing changed since it was compared.
    pub async fn apply_users(
        &mut self,
        permit: &Permit<actions::DataSourceUsersUpdate>,
        source: &DataSourceId,
        upload: &Upload,
    ) -> Result<()> {
        if permit.data_source() != Some(source) {
            return Err(StoreError::NotFound { what: "data source" });
        }
        self.take(TAKE_USERS, source.as_str(), upload).await?;
        let (now, reading) = (self.now(), reading_of(upload)?);
        let args = args![reading.as_str(), source.as_str(), now];
        self.execute(REMOVE_USERS, args).await?;
        self.execute(WRITE_USERS, args).await?;
        self.identities_changed().await
    }

    /// Makes an upload the members of its app, if nothing changed since it was compared.
    pub async fn apply_members(
        &mut self,
        permit: &Permit<actions::CsvAppUserUpload>,
        app: &AppId,
        upload: &Upload,
    ) -> Result<()> {
        if permit.app() != Some(app) {
            return Err(StoreError::NotFound { what: "app" });
        }
        self.take(TAKE_MEMBERS, app.as_str(), upload).await?;
        let (now, reading) = (self.now(), reading_of(upload)?);
        let resource = self.write_own_resource(app).await?;
        let args = args![reading.as_str(), app.as_str(), now];
        for sql in [REMOVE_GRANTS, REMOVE_ROLES, REMOVE_MEMBERS] {
            self.execute(sql, args).await?;
        }
        // Before anybody comes back.
        self.unmap_gone(app).await?;
        self.execute(WRITE_MEMBERS, args).await?;
        let with_resource = args![reading.as_str(), app.as_str(), now, &resource];
        self.execute(WRITE_ROLES, with_resource).await?;
        self.execute(WRITE_GRANTS, args![reading.as_str()]).await.map(drop)
    }

    /// Makes an upload the entitlements of its app, if nothing changed since it was compared (CAT-7).
    pub async fn apply_entitlements(
        &mut self,
        permit: &Permit<actions::CsvAppUserUpload>,
        app: &AppId,
        upload: &Upload,
    ) -> Result<()> {
        if permit.app() != Some(app) {
            return Err(StoreError::NotFound { what: "app" });
        }
        self.take(TAKE_MEMBERS, app.as_str(), upload).await?;
        let (now, reading) = (self.now(), reading_of(upload)?);
        let resource = self.write_own_resource(app).await?;
        let args = args![reading.as_str(), app.as_str(), now];
        self.execute(REMOVE_ENTITLEMENTS, args).await?;
        let kept = now.plus_ms(UPLOAD_UNDO_MS);
        self.execute(KEEP_FOR_UNDO, args![upload.id.as_str(), kept]).await?;
        let with_resource = args![reading.as_str(), app.as_str(), now, &resource];
        self.execute(WRITE_ENTITLEMENTS, with_resource).await.map(drop)
    }

    /// Brings back the entitlements that an applied upload removed; returns how many. A conflict if it
    /// was undone before, or its time is over.
    pub async fn undo_entitlements(
        &mut self,
        permit: &Permit<actions::CsvAppUserUpload>,
        app: &AppId,
        upload: &Upload,
    ) -> Result<u64> {
        if permit.app() != Some(app) {
            return Err(StoreError::NotFound { what: "app" });
        }
        // What was compared before is compared with another list.
        self.execute(CHANGE_LIST, args![app.as_str()]).await?;
        let now = self.now();
        let (id, applied) = (upload.id.as_str(), upload.applied);
        let is_ours = self.execute(SET_UNDONE, args![id, now]).await? == 1;
        let Some(applied) = applied.filter(|_| is_ours) else {
            return Err(StoreError::VersionConflict { what: "upload" });
        };
        self.execute(RESTORE_ENTITLEMENTS, args![app.as_str(), applied, now]).await
    }

    /// Takes the list's lock: the first of two uploads that were compared with the same revision
    /// wins. A file that changes nobody leaves the revision as it is.
    async fn take(&mut self, sql: &'static str, id: &str, upload: &Upload) -> Result<()> {
        let step = i64::from(!upload.diff.is_empty());
        let columns = json("upload", &upload.columns)?;
        let now = self.now();
        let is_current = self.execute(sql, args![id, upload.revision, step, &columns]).await? == 1;
        let reading = reading_of(upload)?.as_str();
        let diff = json("upload", &upload.diff)?;
        let (id_of, hash) = (upload.id.as_str(), &upload.diff_hash);
        let applied = args![id_of, hash, now, reading, upload.is_approved, &diff];
        if !is_current || self.execute(SET_APPLIED, applied).await? == 0 {
            return Err(StoreError::VersionConflict { what: "list" });
        }
        Ok(())
    }

    /// What the app's roles are on.
    async fn write_own_resource(&mut self, app: &AppId) -> Result<String> {
        let source = own_source(app);
        let key = Keys::of(&source).object(Domain::Resource, APP_KIND, app.as_str());
        let row = ObjectRow {
            key,
            class: Class::Resource,
            kind: APP_KIND.to_owned(),
            native_id: app.to_string(),
            name: None,
            display: APP_KIND.to_owned(),
            search: APP_KIND.to_lowercase(),
            status: "enabled",
            details: "{}".to_owned(),
            row_hash: row_hash(app.as_str().as_bytes()),
        };
        let now = self.now();
        self.upsert_objects(&source, now, &[row]).await?;
        Ok(key.text())
    }
}

/// The reading that was compared: its lines, and no others, become the list.
fn reading_of(upload: &Upload) -> Result<&ReadingId> {
    upload.reading.as_ref().ok_or(StoreError::VersionConflict { what: "list" })
}
