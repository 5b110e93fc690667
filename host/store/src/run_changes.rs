//! What a run added and changed, by name: the first so many rows of each run (CAT-11). What a run
//! removed is in `removals`; how much there was of everything, the run itself counts.
//!
//! Only a page with rows that may differ gets here. Its rows are compared with what the catalogue holds
//! before they are written, and no more once enough is named: the first run of a million rows pays for
//! its first pages alone.

use std::collections::HashMap;

use grantry_model::clock::UnixMs;
use grantry_model::fingerprint::Key;
use grantry_model::ids::RunId;
use grantry_model::removal::What;

use crate::catalogue::{AssignmentRow, BATCH_ROWS, Class, EntitlementRow, ObjectRow};
use crate::db::{Arg, Db, Row, Tx, args};
use crate::runs::Run;
use crate::{Result, dialect, statements};

/// Rows of one run that are named.
pub const NAMED_MAX: usize = 5_000;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is new, or was gone.
    Added,
    /// It was there and says something else now.
    Changed,
}

impl Written {
    /// The name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Added, Self::Changed].into_iter().find(|written| written.name() == name)
    }
}

/// A row that a run wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenRow {
    what: What,
    written: Written,
    key: Key,
    holder: Option<Key>,
}

/// A row that a run wrote, with its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunChange {
    /// Where it stands among the run's.
    pub position: i64,
    /// What became of it.
    pub written: Written,
    /// What it is.
    pub what: What,
    /// The source's own word for its type; empty where the row is gone for good.
    pub kind: String,
    /// Its id; an assignment's is its entitlement's.
    pub id: String,
    /// Its name; an assignment's is its entitlement's.
    pub display: String,
    /// Who holds it: id and name; assignments only.
    pub holder: Option<(String, String)>,
}

statements! {
    NEXT = "SELECT COALESCE(MAX(position), -1) + 1 FROM run_changes WHERE run_id = $1";
    FORGET_OLD = "DELETE FROM run_changes WHERE run_id IN (SELECT id FROM runs WHERE integration_id = $1 AND created_ms < $2)";
    LIST = "SELECT c.position, c.change, c.what, COALESCE(e.kind, o.kind, ''), c.row_id, COALESCE(e.said_display, e.display, o.display, c.row_id), c.holder_id, COALESCE(h.display, c.holder_id) FROM run_changes c \
        LEFT JOIN entitlements e ON e.id = c.row_id LEFT JOIN objects o ON o.id = c.row_id LEFT JOIN objects h ON h.id = c.holder_id \
        WHERE c.run_id = $1 AND c.position > $2 AND ($3 = '' OR c.change = $3) AND ($4 = '' OR c.what = $4) ORDER BY c.position LIMIT $5";
}

const OBJECTS: &str =
    "SELECT id, row_hash FROM objects WHERE removed_ms IS NULL AND id IN (VALUES ";
const ENTITLEMENTS: &str =
    "SELECT id, row_hash FROM entitlements WHERE removed_ms IS NULL AND id IN (VALUES ";
const ASSIGNMENTS: &str = "SELECT entitlement_id, holder_id, details FROM assignments WHERE removed_ms IS NULL AND (entitlement_id, holder_id) IN (VALUES ";
const INSERT: &str =
    "INSERT INTO run_changes (run_id, position, change, what, row_id, holder_id) VALUES ";

fn read(is_postgres: bool, sql: &str, rows: usize, columns: usize) -> String {
    format!("{sql}{})", dialect::values(is_postgres, rows, columns, ""))
}

fn insert(is_postgres: bool, rows: usize) -> String {
    format!("{INSERT}{}", dialect::values(is_postgres, rows, 6, ""))
}

/// What a row is against the one that is there.
fn against<T: PartialEq>(there: Option<&T>, new: &T) -> Option<Written> {
    match there {
        None => Some(Written::Added),
        Some(there) if there != new => Some(Written::Changed),
        Some(_) => None,
    }
}

fn change(row: &Row) -> Result<RunChange> {
    let what = row.parsed(2, "row", What::parse)?;
    let holder = match what {
        What::Assignment => Some((row.text(6)?, row.text(7)?)),
        What::Account | What::Resource | What::Entitlement => None,
    };
    Ok(RunChange {
        position: row.int(0)?,
        written: row.parsed(1, "change of a row", Written::parse)?,
        what,
        kind: row.text(3)?,
        id: row.text(4)?,
        display: row.text(5)?,
        holder,
    })
}

impl Db {
    /// What a run added and changed, after a position; of one change and one sort of row, if so.
    pub async fn list_run_changes(
        &self,
        run: &RunId,
        after: i64,
        (written, what): (Option<Written>, Option<What>),
        limit: u32,
    ) -> Result<Vec<RunChange>> {
        let (written, what) = (written.map_or("", Written::name), what.map_or("", What::name));
        let rows = self.fetch(LIST, args![run.as_str(), after, written, what, limit]).await?;
        rows.iter().map(change).collect()
    }
}

impl Tx {
    /// How many more rows of a run are named.
    pub async fn room_for_changes(&mut self, run: &Run) -> Result<usize> {
        let row = self.fetch_one(NEXT, args![run.id.as_str()]).await?;
        let next = usize::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(NAMED_MAX);
        Ok(NAMED_MAX.saturating_sub(next))
    }

    /// Which of these objects the catalogue does not hold as they are.
    pub async fn differing_objects(&mut self, rows: &[ObjectRow]) -> Result<Vec<WrittenRow>> {
        let keys: Vec<Key> = rows.iter().map(|row| row.key).collect();
        let there = self.hashes(OBJECTS, &keys).await?;
        let differing = rows.iter().filter_map(|row| {
            let what = match row.class {
                Class::Account => What::Account,
                Class::Resource => What::Resource,
            };
            let written = against(there.get(&row.key), &row.row_hash)?;
            Some(WrittenRow { what, written, key: row.key, holder: None })
        });
        Ok(differing.collect())
    }

    /// Which of these entitlements the catalogue does not hold as they are.
    pub async fn differing_entitlements(
        &mut self,
        rows: &[EntitlementRow],
    ) -> Result<Vec<WrittenRow>> {
        let keys: Vec<Key> = rows.iter().map(|row| row.key).collect();
        let there = self.hashes(ENTITLEMENTS, &keys).await?;
        let differing = rows.iter().filter_map(|row| {
            let written = against(there.get(&row.key), &row.row_hash)?;
            Some(WrittenRow { what: What::Entitlement, written, key: row.key, holder: None })
        });
        Ok(differing.collect())
    }

    /// Which of these assignments the catalogue does not hold as they are.
    pub async fn differing_assignments(
        &mut self,
        rows: &[AssignmentRow],
    ) -> Result<Vec<WrittenRow>> {
        let mut differing = Vec::new();
        for chunk in rows.chunks(BATCH_ROWS) {
            let texts: Vec<(String, String)> =
                chunk.iter().map(|row| (row.entitlement.text(), row.holder.text())).collect();
            let args: Vec<Arg<'_>> =
                texts.iter().flat_map(|(one, two)| [Arg::from(one), Arg::from(two)]).collect();
            let sql = read(self.is_postgres(), ASSIGNMENTS, chunk.len(), 2);
            let mut there = HashMap::with_capacity(chunk.len());
            for row in &self.fetch_built(&sql, &args).await? {
                let key = |index| row.parsed(index, "catalogue key", Key::parse);
                there.insert((key(0)?, key(1)?), row.text_or_null(2)?);
            }
            differing.extend(chunk.iter().filter_map(|row| {
                let pair = (row.entitlement, row.holder);
                let written = against(there.get(&pair), &row.details)?;
                let (key, holder) = (row.entitlement, Some(row.holder));
                Some(WrittenRow { what: What::Assignment, written, key, holder })
            }));
        }
        Ok(differing)
    }

    async fn hashes(&mut self, sql: &str, keys: &[Key]) -> Result<HashMap<Key, i64>> {
        let mut hashes = HashMap::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH_ROWS) {
            let texts: Vec<String> = chunk.iter().map(Key::text).collect();
            let args: Vec<Arg<'_>> = texts.iter().map(Arg::from).collect();
            let sql = read(self.is_postgres(), sql, chunk.len(), 1);
            for row in &self.fetch_built(&sql, &args).await? {
                hashes.insert(row.parsed(0, "catalogue key", Key::parse)?, row.int(1)?);
            }
        }
        Ok(hashes)
    }

    /// Names what a run writes, as far as there is room. The first of a run lets go of what runs from
    /// before `forgotten` named.
    pub async fn name_changes(
        &mut self,
        run: &Run,
        rows: &[WrittenRow],
        forgotten: UnixMs,
    ) -> Result<()> {
        let room = self.room_for_changes(run).await?;
        if room == NAMED_MAX && !rows.is_empty() {
            let of = run.integration_id.as_str();
            self.execute(FORGET_OLD, args![of, forgotten]).await?;
        }
        let mut position = i64::try_from(NAMED_MAX - room).unwrap_or(i64::MAX);
        for chunk in rows[..rows.len().min(room)].chunks(BATCH_ROWS) {
            let texts: Vec<(String, String)> = chunk
                .iter()
                .map(|row| (row.key.text(), row.holder.map(|key| key.text()).unwrap_or_default()))
                .collect();
            let mut args: Vec<Arg<'_>> = Vec::with_capacity(chunk.len() * 6);
            for (row, (id, holder)) in chunk.iter().zip(&texts) {
                let (written, what) = (row.written.name(), row.what.name());
                args.extend_from_slice(args![run.id.as_str(), position, written, what, id, holder]);
                position += 1;
            }
            let sql = insert(self.is_postgres(), chunk.len());
            self.execute_built(&sql, &args).await?;
        }
        Ok(())
    }
}

/// The multi-row statements, of two rows each.
#[cfg(test)]
pub(crate) fn built_statements(is_postgres: bool) -> Vec<(&'static str, String)> {
    vec![
        ("CHANGED_OBJECTS", read(is_postgres, OBJECTS, 2, 1)),
        ("CHANGED_ENTITLEMENTS", read(is_postgres, ENTITLEMENTS, 2, 1)),
        ("CHANGED_ASSIGNMENTS", read(is_postgres, ASSIGNMENTS, 2, 2)),
        // `INSERT`.
        ("NAME_CHANGES", insert(is_postgres, 2)),
    ]
}
