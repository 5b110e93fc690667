//! What an upload would change, compared with the list as it is now.

use grantry_model::csv::{ListKind, ListedPerson};
use grantry_model::deletion_guard::WINDOW_MS;
use grantry_model::ids::ReadingId;
use grantry_model::permission::Entity;
use grantry_model::upload::{Diff, Taken};

use crate::db::{Db, Row, args};
use crate::uploads::{named, rows};
use crate::{Result, StoreError, statements};

/// A person about whom an upload would change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListChange {
    /// Of the identity, or the account.
    pub id: String,
    /// As the list has it; `None` for somebody who comes.
    pub before: Option<ListedPerson>,
    /// As the file has it; `None` for somebody who goes.
    pub after: Option<ListedPerson>,
}

statements! {
    APPLIED_SINCE = "SELECT diff FROM uploads WHERE entity_kind = $1 AND entity_id = $2 AND status = 'applied' AND is_approved = 0 AND applied_ms > $3";
    USERS_REVISION = "SELECT revision FROM data_sources WHERE id = $1";
    USERS_BEFORE = "SELECT COUNT(*) FROM identities WHERE data_source_id = $1 AND removed_ms IS NULL";
    USERS_ADDED = "SELECT COUNT(*) FROM upload_people u WHERE u.reading_id = $1 AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.id = u.id AND i.removed_ms IS NULL)";
    USERS_CHANGED = "SELECT COUNT(*) FROM upload_people u JOIN identities i ON i.id = u.id WHERE u.reading_id = $1 AND i.removed_ms IS NULL AND i.row_hash <> u.row_hash";
    USERS_REMOVED = "SELECT COUNT(*) FROM identities i WHERE i.data_source_id = $2 AND i.removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = i.id)";
    USERS_ACTIVE = "SELECT COUNT(*) FROM identities WHERE data_source_id = $1 AND removed_ms IS NULL AND is_active = 1";
    USERS_DEACTIVATED = "SELECT COUNT(*) FROM identities i WHERE i.data_source_id = $2 AND i.removed_ms IS NULL AND i.is_active = 1 AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = i.id AND u.is_active = 1)";
    LIST_USERS_ADDED = "SELECT u.id, NULL, u.details FROM upload_people u WHERE u.reading_id = $1 AND u.id > $2 AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.id = u.id AND i.removed_ms IS NULL) ORDER BY u.id LIMIT $3";
    LIST_USERS_CHANGED = "SELECT u.id, i.details, u.details FROM upload_people u JOIN identities i ON i.id = u.id WHERE u.reading_id = $1 AND u.id > $2 AND i.removed_ms IS NULL AND i.row_hash <> u.row_hash ORDER BY u.id LIMIT $3";
    LIST_USERS_REMOVED = "SELECT i.id, i.details, NULL FROM identities i WHERE i.data_source_id = $4 AND i.id > $2 AND i.removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = i.id) ORDER BY i.id LIMIT $3";

    MEMBERS_REVISION = "SELECT revision FROM apps WHERE id = $1";
    MEMBERS_BEFORE = "SELECT COUNT(*) FROM objects WHERE integration_id = $1 AND class = 'account' AND removed_ms IS NULL";
    MEMBERS_ADDED = "SELECT COUNT(*) FROM upload_people u WHERE u.reading_id = $1 AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.id = u.id AND o.removed_ms IS NULL)";
    MEMBERS_CHANGED = "SELECT COUNT(*) FROM upload_people u JOIN objects o ON o.id = u.id WHERE u.reading_id = $1 AND o.removed_ms IS NULL AND o.row_hash <> u.row_hash";
    MEMBERS_REMOVED = "SELECT COUNT(*) FROM objects o WHERE o.integration_id = $2 AND o.class = 'account' AND o.removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = o.id)";
    MEMBERS_ACTIVE = "SELECT COUNT(*) FROM objects WHERE integration_id = $1 AND class = 'account' AND removed_ms IS NULL AND status = 'enabled'";
    MEMBERS_DEACTIVATED = "SELECT COUNT(*) FROM objects o WHERE o.integration_id = $2 AND o.class = 'account' AND o.removed_ms IS NULL AND o.status = 'enabled' AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = o.id AND u.is_active = 1)";
    LIST_MEMBERS_ADDED = "SELECT u.id, NULL, u.details FROM upload_people u WHERE u.reading_id = $1 AND u.id > $2 AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.id = u.id AND o.removed_ms IS NULL) ORDER BY u.id LIMIT $3";
    LIST_MEMBERS_CHANGED = "SELECT u.id, o.details, u.details FROM upload_people u JOIN objects o ON o.id = u.id WHERE u.reading_id = $1 AND u.id > $2 AND o.removed_ms IS NULL AND o.row_hash <> u.row_hash ORDER BY u.id LIMIT $3";
    LIST_MEMBERS_REMOVED = "SELECT o.id, o.details, NULL FROM objects o WHERE o.integration_id = $4 AND o.class = 'account' AND o.id > $2 AND o.removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = o.id) ORDER BY o.id LIMIT $3";

    ENTITLEMENTS_BEFORE = "SELECT COUNT(*) FROM entitlements WHERE integration_id = $1 AND removed_ms IS NULL";
    ENTITLEMENTS_CHANGED = "SELECT COUNT(*) FROM upload_people u JOIN entitlements e ON e.id = u.id WHERE u.reading_id = $1 AND e.removed_ms IS NULL AND e.row_hash <> u.row_hash";
    ENTITLEMENTS_ADDED = "SELECT COUNT(*) FROM upload_people u WHERE u.reading_id = $1 AND NOT EXISTS (SELECT 1 FROM entitlements e WHERE e.id = u.id AND e.removed_ms IS NULL)";
    ENTITLEMENTS_REMOVED = "SELECT COUNT(*) FROM entitlements e WHERE e.integration_id = $2 AND e.removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = e.id)";
    LIST_ENTITLEMENTS_ADDED = "SELECT u.id, NULL, u.details FROM upload_people u WHERE u.reading_id = $1 AND u.id > $2 AND NOT EXISTS (SELECT 1 FROM entitlements e WHERE e.id = u.id AND e.removed_ms IS NULL) ORDER BY u.id LIMIT $3";
    LIST_ENTITLEMENTS_CHANGED = "SELECT u.id, e.details, u.details FROM upload_people u JOIN entitlements e ON e.id = u.id WHERE u.reading_id = $1 AND u.id > $2 AND e.removed_ms IS NULL AND e.row_hash <> u.row_hash ORDER BY u.id LIMIT $3";
    LIST_ENTITLEMENTS_REMOVED = "SELECT e.id, e.details, NULL FROM entitlements e WHERE e.integration_id = $4 AND e.id > $2 AND e.removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = e.id) ORDER BY e.id LIMIT $3";
    /// Those that an undo brought back last, and nothing has changed since.
    ENTITLEMENTS_RESTORED = "SELECT COUNT(*) FROM entitlements e WHERE e.integration_id = $2 AND e.removed_ms IS NULL AND e.changed_ms IN (SELECT a.undone_ms FROM uploads a WHERE a.entity_kind = 'app' AND a.entity_id = $2 AND a.undone_ms IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $1 AND u.id = e.id)";
    USERS_KNOWN = "SELECT COUNT(*) FROM identities WHERE data_source_id = $1 AND removed_ms IS NULL AND first_seen_ms <= $2";
    USERS_KNOWN_REMOVED = "SELECT COUNT(*) FROM identities i WHERE i.data_source_id = $1 AND i.removed_ms IS NULL AND i.first_seen_ms <= $2 AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $3 AND u.id = i.id)";
    USERS_KNOWN_ACTIVE = "SELECT COUNT(*) FROM identities WHERE data_source_id = $1 AND removed_ms IS NULL AND first_seen_ms <= $2 AND is_active = 1";
    USERS_KNOWN_OFF = "SELECT COUNT(*) FROM identities i WHERE i.data_source_id = $1 AND i.removed_ms IS NULL AND i.first_seen_ms <= $2 AND i.is_active = 1 AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $3 AND u.id = i.id AND u.is_active = 1)";
    MEMBERS_KNOWN = "SELECT COUNT(*) FROM objects WHERE integration_id = $1 AND class = 'account' AND removed_ms IS NULL AND first_seen_ms <= $2";
    MEMBERS_KNOWN_REMOVED = "SELECT COUNT(*) FROM objects o WHERE o.integration_id = $1 AND o.class = 'account' AND o.removed_ms IS NULL AND o.first_seen_ms <= $2 AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $3 AND u.id = o.id)";
    MEMBERS_KNOWN_ACTIVE = "SELECT COUNT(*) FROM objects WHERE integration_id = $1 AND class = 'account' AND removed_ms IS NULL AND first_seen_ms <= $2 AND status = 'enabled'";
    MEMBERS_KNOWN_OFF = "SELECT COUNT(*) FROM objects o WHERE o.integration_id = $1 AND o.class = 'account' AND o.removed_ms IS NULL AND o.first_seen_ms <= $2 AND o.status = 'enabled' AND NOT EXISTS (SELECT 1 FROM upload_people u WHERE u.reading_id = $3 AND u.id = o.id AND u.is_active = 1)";

    GRANTS_BEFORE = "SELECT COUNT(*) FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id WHERE e.integration_id = $1 AND a.removed_ms IS NULL";
    GRANTS_ADDED = "SELECT COUNT(*) FROM upload_grants u WHERE u.reading_id = $1 AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.entitlement_id = u.role_id AND a.holder_id = u.account_id AND a.removed_ms IS NULL)";
    GRANTS_REMOVED = "SELECT COUNT(*) FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id WHERE e.integration_id = $2 AND a.removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_grants u WHERE u.reading_id = $1 AND u.role_id = a.entitlement_id AND u.account_id = a.holder_id)";
    ROLES_ADDED = "SELECT COUNT(*) FROM upload_roles u WHERE u.reading_id = $1 AND NOT EXISTS (SELECT 1 FROM entitlements e WHERE e.id = u.id AND e.removed_ms IS NULL)";
    ROLES_REMOVED = "SELECT COUNT(*) FROM entitlements e WHERE e.integration_id = $2 AND e.removed_ms IS NULL AND NOT EXISTS (SELECT 1 FROM upload_roles u WHERE u.reading_id = $1 AND u.id = e.id)";
}

fn change(row: &Row, kind: ListKind) -> Result<ListChange> {
    let person = |index| -> Result<Option<ListedPerson>> {
        row.text_or_null(index)?.map(|text| rows::line(kind, &text)).transpose()
    };
    Ok(ListChange { id: row.text(0)?, before: person(1)?, after: person(2)? })
}

impl Db {
    /// Compares a reading of a file with the list. The revision is read first: what changes meanwhile makes
    /// the result one of an older revision, which is never applied.
    pub async fn compare_upload(
        &self,
        (entity, kind): (&Entity, ListKind),
        id: &ReadingId,
    ) -> Result<(i64, Diff)> {
        let (_, of) = named(entity);
        let is_app = matches!(entity, Entity::App(_));
        let pick = |members, users| if is_app { members } else { users };
        let row = self.fetch_one(pick(MEMBERS_REVISION, USERS_REVISION), args![of]).await?;
        let row = row.ok_or(StoreError::NotFound { what: "list" })?;
        let (revision, id) = (row.int(0)?, id.as_str());
        if kind == ListKind::Entitlements {
            let diff = Diff {
                before: self.count(ENTITLEMENTS_BEFORE, &[of]).await?,
                added: self.count(ENTITLEMENTS_ADDED, &[id]).await?,
                changed: self.count(ENTITLEMENTS_CHANGED, &[id]).await?,
                removed: self.count(ENTITLEMENTS_REMOVED, &[id, of]).await?,
                restored: self.count(ENTITLEMENTS_RESTORED, &[id, of]).await?,
                recent: self.taken_recently(entity).await?,
                ..Diff::default()
            };
            return Ok((revision, diff));
        }
        let mut diff = Diff {
            before: self.count(pick(MEMBERS_BEFORE, USERS_BEFORE), &[of]).await?,
            added: self.count(pick(MEMBERS_ADDED, USERS_ADDED), &[id]).await?,
            changed: self.count(pick(MEMBERS_CHANGED, USERS_CHANGED), &[id]).await?,
            removed: self.count(pick(MEMBERS_REMOVED, USERS_REMOVED), &[id, of]).await?,
            active_before: self.count(pick(MEMBERS_ACTIVE, USERS_ACTIVE), &[of]).await?,
            deactivated: self
                .count(pick(MEMBERS_DEACTIVATED, USERS_DEACTIVATED), &[id, of])
                .await?,
            recent: self.taken_recently(entity).await?,
            ..Diff::default()
        };
        let since = self.now().plus_ms(-WINDOW_MS);
        for (count, members, users, is_compared) in [
            (&mut diff.known_before, MEMBERS_KNOWN, USERS_KNOWN, false),
            (&mut diff.known_removed, MEMBERS_KNOWN_REMOVED, USERS_KNOWN_REMOVED, true),
            (&mut diff.known_active, MEMBERS_KNOWN_ACTIVE, USERS_KNOWN_ACTIVE, false),
            (&mut diff.known_deactivated, MEMBERS_KNOWN_OFF, USERS_KNOWN_OFF, true),
        ] {
            let all = args![of, since, id];
            let args = if is_compared { &all[..] } else { &all[..2] };
            let row = self.fetch_one(pick(members, users), args).await?;
            *count = u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0);
        }
        if is_app {
            diff.grants_before = self.count(GRANTS_BEFORE, &[of]).await?;
            diff.grants_added = self.count(GRANTS_ADDED, &[id]).await?;
            diff.grants_removed = self.count(GRANTS_REMOVED, &[id, of]).await?;
            diff.roles_added = self.count(ROLES_ADDED, &[id]).await?;
            diff.roles_removed = self.count(ROLES_REMOVED, &[id, of]).await?;
        }
        Ok((revision, diff))
    }

    /// What applied lists of an entity took away within a day, without a person's word.
    pub async fn taken_recently(&self, entity: &Entity) -> Result<Taken> {
        let (kind, of) = named(entity);
        let since = self.now().plus_ms(-WINDOW_MS);
        let rows = self.fetch(APPLIED_SINCE, args![kind, of, since]).await?;
        let diffs = rows.iter().map(|row| Ok(row.json::<Diff>(0, "diff")?.taken()));
        diffs.sum()
    }

    async fn count(&self, sql: &'static str, texts: &[&str]) -> Result<u64> {
        let args: Vec<_> = texts.iter().map(|&text| crate::Arg::from(text)).collect();
        let row = self.fetch_one(sql, &args).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0))
    }

    /// People who would come (`added`), change (`changed`) or go (`removed`), after the given id.
    pub async fn list_upload_changes(
        &self,
        (entity, list): (&Entity, ListKind),
        id: &ReadingId,
        kind: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ListChange>> {
        let (_, of) = named(entity);
        let sql = match (list, kind) {
            (ListKind::Members, "added") => LIST_MEMBERS_ADDED,
            (ListKind::Members, "changed") => LIST_MEMBERS_CHANGED,
            (ListKind::Members, _) => LIST_MEMBERS_REMOVED,
            (ListKind::Users, "added") => LIST_USERS_ADDED,
            (ListKind::Users, "changed") => LIST_USERS_CHANGED,
            (ListKind::Users, _) => LIST_USERS_REMOVED,
            (ListKind::Entitlements, "added") => LIST_ENTITLEMENTS_ADDED,
            (ListKind::Entitlements, "changed") => LIST_ENTITLEMENTS_CHANGED,
            (ListKind::Entitlements, _) => LIST_ENTITLEMENTS_REMOVED,
        };
        let rows = if matches!(kind, "added" | "changed") {
            self.fetch(sql, args![id.as_str(), after, limit]).await?
        } else {
            self.fetch(sql, args![id.as_str(), after, limit, of]).await?
        };
        rows.iter().map(|row| change(row, list)).collect()
    }
}
