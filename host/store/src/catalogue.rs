//! The catalogue: accounts, resources, entitlements and assignments, written a page at a time and
//! listed with search, filter and cursor.

use grantry_model::clock::UnixMs;
use grantry_model::fingerprint::Key;
use grantry_model::ids::{AccountId, AppId, EntitlementId, IntegrationId};

use crate::db::{Arg, Db, HousekeepingTx, Row, args};
use crate::entitlement_words::Said;
use crate::mappings::StoredMapping;
use crate::{Result, dialect, statements};

/// Rows of one multi-row INSERT.
pub(crate) const BATCH_ROWS: usize = 200;
/// Characters of a name that lists are ordered by.
const NAME_KEY_CHARACTERS: usize = 100;

/// Accounts and resources share a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Logins of people and machines.
    Account,
    /// Everything that entitlements are on.
    Resource,
}

impl Class {
    /// The class's name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Resource => "resource",
        }
    }
}

/// An account or resource to be stored.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct ObjectRow {
    pub key: Key,
    pub class: Class,
    pub kind: String,
    pub native_id: String,
    pub name: Option<String>,
    pub display: String,
    pub search: String,
    pub status: &'static str,
    /// The object as JSON.
    pub details: String,
    pub row_hash: i64,
}

/// An entitlement to be stored.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct EntitlementRow {
    pub key: Key,
    pub resource: Key,
    pub kind: String,
    pub native_id: String,
    pub slug: String,
    pub display: String,
    pub search: String,
    pub is_privileged: bool,
    pub is_immutable: bool,
    /// What its holders are recommended as.
    pub recommends: Option<&'static str>,
    /// What it is known by; nothing for its native id.
    pub known_as: Option<String>,
    /// The entitlement as JSON.
    pub details: String,
    pub row_hash: i64,
}

/// An assignment to be stored.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct AssignmentRow {
    pub entitlement: Key,
    pub holder: Key,
    /// What is beyond the plain fact, as JSON.
    pub details: Option<String>,
}

/// A stored account or resource.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredObject {
    pub id: String,
    pub kind: String,
    pub native_id: String,
    pub name: Option<String>,
    pub display: String,
    pub status: String,
    pub details: String,
    pub first_seen: UnixMs,
    pub removed: Option<UnixMs>,
    /// Whose it is; says nothing of a resource.
    pub mapping: StoredMapping,
}

/// A stored entitlement.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredEntitlement {
    pub id: EntitlementId,
    pub integration_id: IntegrationId,
    pub app_id: AppId,
    pub resource_id: String,
    pub kind: String,
    pub native_id: String,
    pub slug: String,
    pub display: String,
    pub is_privileged: bool,
    pub is_immutable: bool,
    pub details: String,
    pub first_seen: UnixMs,
    pub removed: Option<UnixMs>,
    /// What an admin says of it.
    pub said: Said,
    /// What people and files know it by.
    pub known_as: String,
    /// Whether its type was deleted: it is kept, and no sync touches it.
    pub is_frozen: bool,
}

impl StoredEntitlement {
    /// What people call it: by an admin's word, else by the source's.
    pub fn name(&self) -> &str {
        self.said.display.as_deref().unwrap_or(&self.display)
    }

    /// Whether it is privileged: by an admin's word, else by the source's.
    pub fn is_privileged_here(&self) -> bool {
        self.said.is_privileged.unwrap_or(self.is_privileged)
    }
}

/// A stored assignment with the names of both ends.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct StoredAssignment {
    pub entitlement_id: String,
    pub holder_id: String,
    pub entitlement_display: String,
    pub holder_kind: String,
    pub holder_display: String,
    pub details: Option<String>,
    /// Of the entitlement.
    pub is_privileged: bool,
}

/// Which rows to list. An empty text means "any".
#[derive(Debug, Clone, Default)]
pub struct RowQuery {
    /// Words to look for; `*` stands for anything.
    pub search: String,
    /// Only of this kind.
    pub kind: String,
    /// Only with this status.
    pub status: String,
    /// Only accounts that are somebody's, or nobody's.
    pub mapped: Option<bool>,
    /// Only accounts of this identity.
    pub identity: String,
    /// Only accounts of which the rules say what takes a person's word, or not.
    pub proposed: Option<bool>,
    /// Only entitlements that are privileged, or not.
    pub privileged: Option<bool>,
    /// Only roles on this resource.
    pub resource: String,
    /// Only entitlements that are known by this id.
    pub known_as: String,
    /// Rows after this id.
    pub after: String,
    /// At most this many.
    pub limit: u32,
}

const OBJECT_INSERT: &str = "INSERT INTO objects (id, integration_id, class, kind, native_id, name, display, search, status, details, row_hash, first_seen_ms, removed_ms) VALUES ";
const OBJECT_UPSERT: &str = " ON CONFLICT (id) DO UPDATE SET name = excluded.name, display = excluded.display, search = excluded.search, status = excluded.status, details = excluded.details, row_hash = excluded.row_hash, removed_ms = NULL \
    WHERE objects.row_hash <> excluded.row_hash OR objects.removed_ms IS NOT NULL";
const ENTITLEMENT_INSERT: &str = "INSERT INTO entitlements (id, integration_id, app_id, resource_id, kind, native_id, slug, display, search, is_privileged, is_immutable, recommends, known_as, details, row_hash, first_seen_ms, source_key, name_key, changed_ms, removed_ms) VALUES ";
/// A living entitlement keeps its kind: its loss counts where it was counted before.
const ENTITLEMENT_UPSERT: &str = " ON CONFLICT (id) DO UPDATE SET resource_id = excluded.resource_id, kind = CASE WHEN entitlements.removed_ms IS NULL THEN entitlements.kind ELSE excluded.kind END, slug = excluded.slug, display = excluded.display, source_key = excluded.source_key, name_key = CASE WHEN entitlements.said_display IS NULL THEN excluded.source_key ELSE entitlements.name_key END, changed_ms = excluded.changed_ms, search = excluded.search, is_privileged = excluded.is_privileged, is_immutable = excluded.is_immutable, recommends = excluded.recommends, known_as = excluded.known_as, details = excluded.details, row_hash = excluded.row_hash, removed_ms = NULL \
    WHERE entitlements.row_hash <> excluded.row_hash OR entitlements.removed_ms IS NOT NULL";
const ASSIGNMENT_INSERT: &str =
    "INSERT INTO assignments (entitlement_id, holder_id, details, removed_ms) VALUES ";
const ASSIGNMENT_UPSERT: &str = " ON CONFLICT (entitlement_id, holder_id) DO UPDATE SET details = excluded.details, removed_ms = NULL \
    WHERE assignments.removed_ms IS NOT NULL OR assignments.details IS DISTINCT FROM excluded.details";

statements! {
    LIST_OBJECTS = "SELECT o.id, o.kind, o.native_id, o.name, o.display, o.status, o.details, o.first_seen_ms, o.removed_ms, i.id, i.display, m.origin, m.rule, CASE WHEN m.identity_id IS NOT NULL AND i.id IS NULL THEN 'identity_gone' ELSE m.reason END, m.changed_ms, m.version, i.data_source_id, m.proposed_id, m.proposal \
        FROM objects o LEFT JOIN mappings m ON m.account_id = o.id LEFT JOIN identities i ON i.id = m.identity_id AND i.removed_ms IS NULL \
        WHERE o.integration_id = $1 AND o.class = $2 AND o.id > $3 AND ($4 = '' OR o.search LIKE $4 ESCAPE '\\') AND ($5 = '' OR o.kind = $5) AND ($6 = '' OR o.status = $6) \
        AND ($8 = '' OR ($8 = 'true' AND i.id IS NOT NULL) OR ($8 = 'false' AND i.id IS NULL)) AND ($9 = '' OR i.id = $9) AND ($10 = '' OR ($10 = 'true' AND m.proposal IS NOT NULL) OR ($10 = 'false' AND m.proposal IS NULL)) AND o.removed_ms IS NULL ORDER BY o.id LIMIT $7";
    GET_OBJECT = "SELECT o.id, o.kind, o.native_id, o.name, o.display, o.status, o.details, o.first_seen_ms, o.removed_ms, i.id, i.display, m.origin, m.rule, CASE WHEN m.identity_id IS NOT NULL AND i.id IS NULL THEN 'identity_gone' ELSE m.reason END, m.changed_ms, m.version, i.data_source_id, m.proposed_id, m.proposal \
        FROM objects o LEFT JOIN mappings m ON m.account_id = o.id LEFT JOIN identities i ON i.id = m.identity_id AND i.removed_ms IS NULL WHERE o.id = $1 AND o.integration_id = $2 AND o.class = $3";
    LIST_ENTITLEMENTS = "SELECT id, integration_id, app_id, resource_id, kind, native_id, slug, display, is_privileged, is_immutable, details, first_seen_ms, removed_ms, said_display, said_description, said_privileged, said_version, COALESCE(known_as, native_id), (SELECT COUNT(*) FROM entitlement_types t WHERE t.integration_id = entitlements.integration_id AND t.name = entitlements.kind AND t.deleted_ms IS NOT NULL) FROM entitlements \
        WHERE integration_id = $1 AND id > $2 AND ($3 = '' OR search LIKE $3 ESCAPE '\\' OR said_search LIKE $3 ESCAPE '\\') AND ($4 = '' OR kind = $4) AND ($6 = '' OR COALESCE(said_privileged, is_privileged) = CASE $6 WHEN 'true' THEN 1 ELSE 0 END) AND ($7 = '' OR COALESCE(known_as, native_id) = $7) AND removed_ms IS NULL ORDER BY id LIMIT $5";
    LIST_ROLES = "SELECT id, integration_id, app_id, resource_id, kind, native_id, slug, display, is_privileged, is_immutable, details, first_seen_ms, removed_ms, said_display, said_description, said_privileged, said_version, COALESCE(known_as, native_id), (SELECT COUNT(*) FROM entitlement_types t WHERE t.integration_id = entitlements.integration_id AND t.name = entitlements.kind AND t.deleted_ms IS NOT NULL) FROM entitlements \
        WHERE app_id = $1 AND id > $2 AND ($3 = '' OR search LIKE $3 ESCAPE '\\' OR said_search LIKE $3 ESCAPE '\\') AND ($4 = '' OR kind = $4) AND ($6 = '' OR COALESCE(said_privileged, is_privileged) = CASE $6 WHEN 'true' THEN 1 ELSE 0 END) AND ($7 = '' OR COALESCE(known_as, native_id) = $7) AND ($8 = '' OR resource_id = $8) AND removed_ms IS NULL ORDER BY id LIMIT $5";
    RESOURCE = "SELECT o.id, o.kind, o.native_id, o.name, o.display, o.status, o.details, o.first_seen_ms, o.removed_ms, NULL, NULL, NULL, NULL, NULL, NULL, CAST(NULL AS BIGINT), o.integration_id FROM objects o WHERE o.id = $1 AND o.class = 'resource'";
    GET_ROLE = "SELECT id, integration_id, app_id, resource_id, kind, native_id, slug, display, is_privileged, is_immutable, details, first_seen_ms, removed_ms, said_display, said_description, said_privileged, said_version, COALESCE(known_as, native_id), (SELECT COUNT(*) FROM entitlement_types t WHERE t.integration_id = entitlements.integration_id AND t.name = entitlements.kind AND t.deleted_ms IS NOT NULL) FROM entitlements WHERE id = $1 AND app_id = $2";
    LIST_ASSIGNMENTS = "SELECT a.entitlement_id, a.holder_id, COALESCE(e.said_display, e.display), o.kind, o.display, a.details, COALESCE(e.said_privileged, e.is_privileged) FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id JOIN objects o ON o.id = a.holder_id \
        WHERE e.integration_id = $1 AND (a.entitlement_id > $2 OR (a.entitlement_id = $2 AND a.holder_id > $3)) AND ($4 = '' OR a.entitlement_id = $4) AND ($5 = '' OR o.search LIKE $5 ESCAPE '\\' OR e.search LIKE $5 ESCAPE '\\') AND a.removed_ms IS NULL AND e.removed_ms IS NULL \
        ORDER BY a.entitlement_id, a.holder_id LIMIT $6";
    /// Probes the key with each entitlement of the integration.
    LIST_ASSIGNMENTS_OF_HOLDER = "SELECT a.entitlement_id, a.holder_id, COALESCE(e.said_display, e.display), o.kind, o.display, a.details, COALESCE(e.said_privileged, e.is_privileged) FROM entitlements e JOIN assignments a ON a.entitlement_id = e.id AND a.holder_id = $6 JOIN objects o ON o.id = a.holder_id \
        WHERE e.integration_id = $1 AND e.id > $2 AND ($3 = '' OR e.id = $3) AND ($4 = '' OR o.search LIKE $4 ESCAPE '\\' OR e.search LIKE $4 ESCAPE '\\') AND a.removed_ms IS NULL AND e.removed_ms IS NULL \
        ORDER BY e.id LIMIT $5";
    OBJECT_KEYS = "SELECT id FROM objects WHERE integration_id = $1 AND removed_ms IS NULL";
    ENTITLEMENT_KEYS = "SELECT id FROM entitlements WHERE integration_id = $1 AND removed_ms IS NULL";
    GET_ASSIGNMENT = "SELECT details FROM assignments WHERE entitlement_id = $1 AND holder_id = $2 AND removed_ms IS NULL";
}

/// A filter that may be left out.
pub(crate) fn wanted(filter: Option<bool>) -> &'static str {
    filter.map_or("", |is_wanted| if is_wanted { "true" } else { "false" })
}

/// Makes a text safe inside a LIKE pattern whose escape character is the backslash.
pub(crate) fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// What lists by name are ordered by: the name's first characters, folded. Short enough for an index.
pub(crate) fn name_key(name: &str) -> String {
    name.to_lowercase().chars().take(NAME_KEY_CHARACTERS).collect()
}

/// The LIKE pattern of a search text: lower case, `*` stands for anything, found anywhere.
pub fn search_pattern(search: &str) -> String {
    if search.trim().is_empty() {
        return String::new();
    }
    like_anywhere(&search.trim().to_lowercase())
}

/// The LIKE pattern that finds a text anywhere, with `*` for anything; empty for an empty text.
pub(crate) fn like_anywhere(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("%{}%", escape_like(text).replace('*', "%"))
}

fn object(row: &Row) -> Result<StoredObject> {
    Ok(StoredObject {
        id: row.text(0)?,
        kind: row.text(1)?,
        native_id: row.text(2)?,
        name: row.text_or_null(3)?,
        display: row.text(4)?,
        status: row.text(5)?,
        details: row.text(6)?,
        first_seen: row.time(7)?,
        removed: row.time_or_null(8)?,
        mapping: StoredMapping::of(row, 9)?,
    })
}

/// From the nineteen columns of an entitlement.
pub(crate) fn entitlement(row: &Row) -> Result<StoredEntitlement> {
    Ok(StoredEntitlement {
        id: row.parsed(0, "entitlement id", |text| EntitlementId::parse(text).ok())?,
        integration_id: row.parsed(1, "integration id", |text| IntegrationId::parse(text).ok())?,
        app_id: row.parsed(2, "app id", |text| AppId::parse(text).ok())?,
        resource_id: row.text(3)?,
        kind: row.text(4)?,
        native_id: row.text(5)?,
        slug: row.text(6)?,
        display: row.text(7)?,
        is_privileged: row.is_true(8)?,
        is_immutable: row.is_true(9)?,
        details: row.text(10)?,
        first_seen: row.time(11)?,
        removed: row.time_or_null(12)?,
        said: Said::of(row, 13)?,
        known_as: row.text(17)?,
        is_frozen: row.is_true(18)?,
    })
}

impl Db {
    /// Accounts or resources of an integration.
    pub async fn list_objects(
        &self,
        integration: &IntegrationId,
        class: Class,
        query: &RowQuery,
    ) -> Result<Vec<StoredObject>> {
        let pattern = search_pattern(&query.search);
        let args = args![
            integration.as_str(),
            class.name(),
            &query.after,
            &pattern,
            &query.kind,
            &query.status,
            query.limit,
            wanted(query.mapped),
            &query.identity,
            wanted(query.proposed)
        ];
        self.fetch(LIST_OBJECTS, args).await?.iter().map(object).collect()
    }

    /// One account of an integration; removed ones too.
    pub async fn account(
        &self,
        integration: &IntegrationId,
        id: &AccountId,
    ) -> Result<Option<StoredObject>> {
        let args = args![id.as_str(), integration.as_str(), Class::Account.name()];
        self.fetch_one(GET_OBJECT, args).await?.as_ref().map(object).transpose()
    }

    /// One resource of an integration; removed ones too.
    pub async fn resource(
        &self,
        integration: &IntegrationId,
        id: &str,
    ) -> Result<Option<StoredObject>> {
        let args = args![id, integration.as_str(), Class::Resource.name()];
        self.fetch_one(GET_OBJECT, args).await?.as_ref().map(object).transpose()
    }

    /// The resource with that id, and under which id the catalogue keeps it: its integration's, or that
    /// of the app that lists feed; removed ones too.
    pub async fn resource_with_source(
        &self,
        id: &str,
    ) -> Result<Option<(StoredObject, IntegrationId)>> {
        let Some(row) = self.fetch_one(RESOURCE, args![id]).await? else { return Ok(None) };
        let source = row.parsed(16, "integration id", |id| IntegrationId::parse(id).ok())?;
        Ok(Some((object(&row)?, source)))
    }

    /// Entitlements of an integration.
    pub async fn list_entitlements(
        &self,
        integration: &IntegrationId,
        query: &RowQuery,
    ) -> Result<Vec<StoredEntitlement>> {
        let pattern = search_pattern(&query.search);
        let args = args![
            integration.as_str(),
            &query.after,
            &pattern,
            &query.kind,
            query.limit,
            wanted(query.privileged),
            &query.known_as
        ];
        self.fetch(LIST_ENTITLEMENTS, args).await?.iter().map(entitlement).collect()
    }

    /// Roles of an app.
    pub async fn list_roles(
        &self,
        app: &AppId,
        query: &RowQuery,
    ) -> Result<Vec<StoredEntitlement>> {
        let pattern = search_pattern(&query.search);
        let args = args![
            app.as_str(),
            &query.after,
            &pattern,
            &query.kind,
            query.limit,
            wanted(query.privileged),
            &query.known_as,
            &query.resource
        ];
        self.fetch(LIST_ROLES, args).await?.iter().map(entitlement).collect()
    }

    /// One role of an app; removed ones too.
    pub async fn role(&self, app: &AppId, id: &EntitlementId) -> Result<Option<StoredEntitlement>> {
        let row = self.fetch_one(GET_ROLE, args![id.as_str(), app.as_str()]).await?;
        row.as_ref().map(entitlement).transpose()
    }

    /// Assignments of an integration after the given pair, optionally of one entitlement or holder.
    pub async fn list_assignments(
        &self,
        integration: &IntegrationId,
        after: (&str, &str),
        entitlement: &str,
        holder: &str,
        search: &str,
        limit: u32,
    ) -> Result<Vec<StoredAssignment>> {
        let (pattern, id) = (search_pattern(search), integration.as_str());
        let rows = if holder.is_empty() {
            let args = args![id, after.0, after.1, entitlement, &pattern, limit];
            self.fetch(LIST_ASSIGNMENTS, args).await?
        } else {
            let args = args![id, after.0, entitlement, &pattern, limit, holder];
            self.fetch(LIST_ASSIGNMENTS_OF_HOLDER, args).await?
        };
        rows.iter()
            .map(|row| {
                Ok(StoredAssignment {
                    entitlement_id: row.text(0)?,
                    holder_id: row.text(1)?,
                    entitlement_display: row.text(2)?,
                    holder_kind: row.text(3)?,
                    holder_display: row.text(4)?,
                    details: row.text_or_null(5)?,
                    is_privileged: row.is_true(6)?,
                })
            })
            .collect()
    }

    /// Whether the catalogue has the assignment.
    pub async fn has_assignment(
        &self,
        entitlement: &EntitlementId,
        holder: &AccountId,
    ) -> Result<bool> {
        let args = args![entitlement.as_str(), holder.as_str()];
        Ok(self.fetch_one(GET_ASSIGNMENT, args).await?.is_some())
    }

    pub(crate) async fn has_assignment_key(&self, entitlement: Key, holder: Key) -> Result<bool> {
        let (entitlement, holder) = (entitlement.text(), holder.text());
        let row = self.fetch_one(GET_ASSIGNMENT, args![&entitlement, &holder]).await?;
        Ok(row.is_some())
    }

    /// Keys of the living objects (accounts and resources) of an integration.
    pub async fn object_keys(&self, integration: &IntegrationId) -> Result<Vec<Key>> {
        keys(self.fetch(OBJECT_KEYS, args![integration.as_str()]).await?)
    }

    /// Keys of the living entitlements of an integration.
    pub async fn entitlement_keys(&self, integration: &IntegrationId) -> Result<Vec<Key>> {
        keys(self.fetch(ENTITLEMENT_KEYS, args![integration.as_str()]).await?)
    }
}

fn keys(rows: Vec<Row>) -> Result<Vec<Key>> {
    rows.iter().map(|row| row.parsed(0, "catalogue key", Key::parse)).collect()
}

/// A multi-row statement, rebuilt only when the number of rows changes.
pub(crate) struct Batch {
    insert: &'static str,
    upsert: &'static str,
    columns: usize,
    /// What ends each row, behind the bound columns.
    tail: &'static str,
    built: (usize, String),
}

impl Batch {
    /// For rows of the catalogue: the last column, `removed_ms`, is NULL and is not bound.
    fn new(insert: &'static str, upsert: &'static str, columns: usize) -> Self {
        Self { tail: ", NULL", ..Self::plain(insert, upsert, columns) }
    }

    /// For rows that all end with the same, behind the bound columns.
    pub(crate) fn with_tail(
        insert: &'static str,
        upsert: &'static str,
        columns: usize,
        tail: &'static str,
    ) -> Self {
        Self { tail, ..Self::plain(insert, upsert, columns) }
    }

    /// For rows of which every column is bound.
    pub(crate) fn plain(insert: &'static str, upsert: &'static str, columns: usize) -> Self {
        Self { insert, upsert, columns, tail: "", built: (0, String::new()) }
    }

    pub(crate) fn text(&self, is_postgres: bool, rows: usize) -> String {
        let values = dialect::values(is_postgres, rows, self.columns, self.tail);
        format!("{}{values}{}", self.insert, self.upsert)
    }

    pub(crate) async fn run(&mut self, tx: &mut HousekeepingTx, args: &[Arg<'_>]) -> Result<u64> {
        let rows = args.len() / self.columns;
        if self.built.0 != rows {
            self.built = (rows, self.text(tx.is_postgres(), rows));
        }
        tx.execute_built(&self.built.1, args).await
    }
}

impl HousekeepingTx {
    /// Writes objects that are new or differ; returns how many.
    pub async fn upsert_objects(
        &mut self,
        integration: &IntegrationId,
        now: UnixMs,
        rows: &[ObjectRow],
    ) -> Result<u64> {
        let mut batch = Batch::new(OBJECT_INSERT, OBJECT_UPSERT, 12);
        let mut written = 0;
        for chunk in rows.chunks(BATCH_ROWS) {
            let ids: Vec<String> = chunk.iter().map(|row| row.key.text()).collect();
            let mut args: Vec<Arg<'_>> = Vec::with_capacity(chunk.len() * 12);
            for (row, id) in chunk.iter().zip(&ids) {
                args.extend_from_slice(args![
                    id,
                    integration.as_str(),
                    row.class.name(),
                    &row.kind,
                    &row.native_id,
                    &row.name,
                    &row.display,
                    &row.search,
                    row.status,
                    &row.details,
                    row.row_hash,
                    now
                ]);
            }
            written += batch.run(self, &args).await?;
        }
        Ok(written)
    }

    /// Writes entitlements that are new or differ; returns how many.
    pub async fn upsert_entitlements(
        &mut self,
        integration: &IntegrationId,
        app: &AppId,
        now: UnixMs,
        rows: &[EntitlementRow],
    ) -> Result<u64> {
        let mut batch = Batch::new(ENTITLEMENT_INSERT, ENTITLEMENT_UPSERT, 19);
        let mut written = 0;
        for chunk in rows.chunks(BATCH_ROWS) {
            let ids: Vec<(String, String, String)> = chunk
                .iter()
                .map(|row| (row.key.text(), row.resource.text(), name_key(&row.display)))
                .collect();
            let mut args: Vec<Arg<'_>> = Vec::with_capacity(chunk.len() * 19);
            for (row, (id, resource, name_key)) in chunk.iter().zip(&ids) {
                args.extend_from_slice(args![
                    id,
                    integration.as_str(),
                    app.as_str(),
                    resource,
                    &row.kind,
                    &row.native_id,
                    &row.slug,
                    &row.display,
                    &row.search,
                    row.is_privileged,
                    row.is_immutable,
                    row.recommends,
                    &row.known_as,
                    &row.details,
                    row.row_hash,
                    now,
                    name_key,
                    name_key,
                    now
                ]);
            }
            written += batch.run(self, &args).await?;
        }
        Ok(written)
    }

    /// Writes assignments that are new or differ; returns how many.
    pub async fn upsert_assignments(&mut self, rows: &[AssignmentRow]) -> Result<u64> {
        let mut batch = Batch::new(ASSIGNMENT_INSERT, ASSIGNMENT_UPSERT, 3);
        let mut written = 0;
        for chunk in rows.chunks(BATCH_ROWS) {
            let ids: Vec<(String, String)> =
                chunk.iter().map(|row| (row.entitlement.text(), row.holder.text())).collect();
            let mut args: Vec<Arg<'_>> = Vec::with_capacity(chunk.len() * 3);
            for (row, (entitlement, holder)) in chunk.iter().zip(&ids) {
                args.extend_from_slice(args![entitlement, holder, &row.details]);
            }
            written += batch.run(self, &args).await?;
        }
        Ok(written)
    }
}

/// The multi-row statements, of two rows each.
#[cfg(test)]
pub(crate) fn built_statements(is_postgres: bool) -> Vec<(&'static str, String)> {
    let build = |insert, upsert, columns| Batch::new(insert, upsert, columns).text(is_postgres, 2);
    vec![
        ("OBJECT_UPSERT", build(OBJECT_INSERT, OBJECT_UPSERT, 12)),
        ("ENTITLEMENT_UPSERT", build(ENTITLEMENT_INSERT, ENTITLEMENT_UPSERT, 19)),
        ("ASSIGNMENT_UPSERT", build(ASSIGNMENT_INSERT, ASSIGNMENT_UPSERT, 3)),
    ]
}
