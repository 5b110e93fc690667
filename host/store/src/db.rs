//! The connection to one database, transactions, and the thin layer that lets one SQL text run on
//! both: arguments and rows of a few plain types.

use std::sync::Arc;

use grantry_authz::Provenance;
use grantry_model::clock::{Clock, Random, UnixMs};
use grantry_model::ids::{EntitlementTypeId, ExternalChangeId, NoticeId};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr, SqlStr};

use crate::Result;
use crate::audit::{self, AuditEntry};
use crate::dialect::{self, Pools};
use crate::error::StoreError;
use crate::held::Remembered;
use crate::open::{Open, Transactions};
use crate::tokens::Tokens;

/// One database.
#[derive(Clone)]
pub struct Db {
    pub(crate) pools: Pools,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pub(crate) remembered: Arc<Remembered>,
    pub(crate) tokens: Arc<Tokens>,
    open: Transactions,
}

/// A bound argument. `None` is NULL of that type.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// TEXT.
    Text(Option<&'a str>),
    /// BIGINT.
    Int(Option<i64>),
    /// BLOB.
    Blob(&'a [u8]),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(value))
    }
}
impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Some(value))
    }
}
impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value)
    }
}
impl<'a> From<&'a Option<String>> for Arg<'a> {
    fn from(value: &'a Option<String>) -> Self {
        Self::Text(value.as_deref())
    }
}
impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}
impl From<Option<i64>> for Arg<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}
impl From<u32> for Arg<'_> {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}
impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}
impl From<UnixMs> for Arg<'_> {
    fn from(value: UnixMs) -> Self {
        Self::Int(Some(value.0))
    }
}
impl From<Option<UnixMs>> for Arg<'_> {
    fn from(value: Option<UnixMs>) -> Self {
        Self::Int(value.map(|ms| ms.0))
    }
}
impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

/// The arguments of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

/// A value as the JSON that [`Row::json`] reads.
pub(crate) fn json(what: &'static str, value: &(impl serde::Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Corrupt { what, reason: error.to_string() })
}

/// A fetched row, read by position.
pub enum Row {
    /// From SQLite.
    Sqlite(sqlx::sqlite::SqliteRow),
    /// From PostgreSQL.
    Postgres(sqlx::postgres::PgRow),
}

macro_rules! get {
    ($row:expr, $index:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get($index),
            Row::Postgres(row) => row.try_get($index),
        }
        .map_err(StoreError::from)
    };
}

impl Row {
    /// A TEXT column.
    pub fn text(&self, index: usize) -> Result<String> {
        get!(self, index)
    }
    /// A TEXT column that may be NULL.
    pub fn text_or_null(&self, index: usize) -> Result<Option<String>> {
        get!(self, index)
    }
    /// A BIGINT column.
    pub fn int(&self, index: usize) -> Result<i64> {
        get!(self, index)
    }
    /// A BIGINT column that may be NULL.
    pub fn int_or_null(&self, index: usize) -> Result<Option<i64>> {
        get!(self, index)
    }
    /// A BLOB column.
    pub fn blob(&self, index: usize) -> Result<Vec<u8>> {
        get!(self, index)
    }
    /// A truth value.
    pub fn is_true(&self, index: usize) -> Result<bool> {
        Ok(self.int(index)? != 0)
    }
    /// A moment.
    pub fn time(&self, index: usize) -> Result<UnixMs> {
        self.int(index).map(UnixMs)
    }
    /// A moment that may be NULL.
    pub fn time_or_null(&self, index: usize) -> Result<Option<UnixMs>> {
        Ok(self.int_or_null(index)?.map(UnixMs))
    }
    /// A TEXT column that holds JSON.
    pub fn json<T: serde::de::DeserializeOwned>(
        &self,
        index: usize,
        what: &'static str,
    ) -> Result<T> {
        let text = self.text(index)?;
        serde_json::from_str(&text)
            .map_err(|error| StoreError::Corrupt { what, reason: error.to_string() })
    }
    /// A TEXT column that holds something parseable.
    pub fn parsed<T>(
        &self,
        index: usize,
        what: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let text = self.text(index)?;
        parse(&text).ok_or_else(|| StoreError::Corrupt { what, reason: format!("`{text}`") })
    }
}

macro_rules! bind {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match *arg {
                Arg::Text(value) => query.bind(value),
                Arg::Int(value) => query.bind(value),
                Arg::Blob(value) => query.bind(value),
            };
        }
        query
    }};
}

enum Transaction {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Transaction {
    async fn execute(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<u64> {
        Ok(match self {
            Self::Sqlite(tx) => {
                bind!(sqlx::query(sql), args).execute(&mut **tx).await?.rows_affected()
            }
            Self::Postgres(tx) => {
                bind!(sqlx::query(sql), args).execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    async fn fetch(&mut self, sql: SqlStr, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let rows = bind!(sqlx::query(sql), args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(tx) => {
                let rows = bind!(sqlx::query(sql), args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl Db {
    /// Opens `sqlite://PATH` (the file is made if missing) or `postgres://…`.
    pub async fn connect(
        url: &str,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self> {
        let pools = dialect::connect(url).await?;
        Ok(Self {
            pools,
            clock,
            random,
            remembered: Arc::default(),
            tokens: Arc::default(),
            open: Transactions::default(),
        })
    }

    /// The current moment, by the clock that the database was opened with.
    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The source of randomness.
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// Asks the database whether it answers.
    pub async fn ping(&self) -> Result<()> {
        self.fetch("SELECT 1", &[]).await.map(drop)
    }

    pub(crate) async fn fetch(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.fetch_sql(sql.into_sql_str(), args).await
    }

    /// Reads with a statement whose text was assembled from constants.
    pub(crate) async fn fetch_built(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.fetch_sql(AssertSqlSafe(sql.to_owned()).into_sql_str(), args).await
    }

    async fn fetch_sql(&self, sql: SqlStr, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.open.assert_none();
        Ok(match &self.pools {
            Pools::Sqlite { readers, .. } => {
                let rows = bind!(sqlx::query(sql), args).fetch_all(readers).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Pools::Postgres(pool) => {
                let rows = bind!(sqlx::query(sql), args).fetch_all(pool).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(crate) async fn fetch_one(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    async fn transaction(&self) -> Result<HousekeepingTx> {
        self.open.assert_none();
        let transaction = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                Transaction::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Pools::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        };
        Ok(HousekeepingTx { transaction, _open: self.open.begin() })
    }

    /// Begins a change that somebody was permitted to make. It is committed with its audit entries
    /// or not at all; dropping it rolls back.
    pub async fn begin(&self, provenance: &Provenance) -> Result<Tx> {
        let inner = self.transaction().await?;
        let (provenance, now, db) = (provenance.clone(), self.now(), self.clone());
        Ok(Tx { inner, provenance, now, db, entries: Vec::new() })
    }

    /// Begins a change of the machinery that needs no audit entry: leases, migrations, idempotency
    /// keys. Nothing that a person would call a change goes this way.
    pub(crate) async fn begin_housekeeping(&self) -> Result<HousekeepingTx> {
        self.transaction().await
    }
}

/// A transaction of the machinery.
pub struct HousekeepingTx {
    transaction: Transaction,
    _open: Open,
}

impl HousekeepingTx {
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.transaction, Transaction::Postgres(_))
    }

    /// Runs a statement; returns how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64> {
        self.transaction.execute(sql.into_sql_str(), args).await
    }

    /// Runs a statement whose text was assembled from constants (multi-row VALUES).
    pub(crate) async fn execute_built(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64> {
        self.transaction.execute(AssertSqlSafe(sql.to_owned()).into_sql_str(), args).await
    }

    pub(crate) async fn fetch(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.transaction.fetch(sql.into_sql_str(), args).await
    }

    /// Reads with a statement whose text was assembled from constants (multi-row VALUES).
    pub(crate) async fn fetch_built(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.transaction.fetch(AssertSqlSafe(sql.to_owned()).into_sql_str(), args).await
    }

    pub(crate) async fn fetch_one(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    pub(crate) async fn commit(self) -> Result<()> {
        self.transaction.commit().await
    }
}

/// A change that somebody was permitted to make.
pub struct Tx {
    inner: HousekeepingTx,
    provenance: Provenance,
    now: UnixMs,
    db: Db,
    /// Written at the end: whoever writes to the chain holds everybody else up until the commit.
    entries: Vec<AuditEntry>,
}

impl std::ops::Deref for Tx {
    type Target = HousekeepingTx;
    fn deref(&self) -> &HousekeepingTx {
        &self.inner
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut HousekeepingTx {
        &mut self.inner
    }
}

impl Tx {
    /// When the change began.
    pub fn now(&self) -> UnixMs {
        self.now
    }

    /// An id for an external change that this change notes.
    pub(crate) fn fresh_external_change_id(&self) -> ExternalChangeId {
        ExternalChangeId::fresh(self.db.clock(), self.db.random())
    }

    /// An id for an entitlement type that this change makes.
    pub(crate) fn fresh_type_id(&self) -> EntitlementTypeId {
        EntitlementTypeId::fresh(self.db.clock(), self.db.random())
    }

    /// An id for a notice that begins in this change.
    pub(crate) fn fresh_notice_id(&self) -> NoticeId {
        NoticeId::fresh(self.db.clock(), self.db.random())
    }

    /// Adds an audit entry, where a change tells of several things. It is written with the commit.
    pub fn record(&mut self, entry: AuditEntry) {
        self.entries.push(entry);
    }

    /// Writes the audit entries, this one last, and commits, all or nothing.
    pub async fn commit(mut self, entry: AuditEntry) -> Result<()> {
        self.entries.push(entry);
        for entry in &self.entries {
            audit::append(&mut self.inner, self.now, &self.provenance, entry).await?;
        }
        self.inner.still_held(&self.provenance).await?;
        self.inner.commit().await
    }
}
