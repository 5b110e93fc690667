//! Whether the parents of a staged list of entitlements fit: they are there, and lead to a top.

use grantry_model::ids::ReadingId;

use crate::db::{Db, args};
use crate::{Result, statements};

/// Levels of a hierarchy.
const LEVELS_MAX: u32 = 50;

statements! {
    DANGLING = "SELECT u.line FROM upload_people u WHERE u.reading_id = $1 AND u.parent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM upload_people p WHERE p.reading_id = $1 AND p.id = u.parent_id) ORDER BY u.line LIMIT $2";
    /// Walks down from what is at the top and has something below it.
    UNREACHED = "WITH RECURSIVE tree (id, level) AS (SELECT p.id, CAST(1 AS BIGINT) FROM upload_people p WHERE p.reading_id = $1 AND p.parent_id IS NULL AND EXISTS (SELECT 1 FROM upload_people c WHERE c.reading_id = $1 AND c.parent_id = p.id) \
        UNION ALL SELECT c.id, t.level + 1 FROM tree t JOIN upload_people c ON c.reading_id = $1 AND c.parent_id = t.id WHERE t.level < $3) \
        SELECT u.line FROM upload_people u WHERE u.reading_id = $1 AND u.parent_id IS NOT NULL AND u.id NOT IN (SELECT id FROM tree) ORDER BY u.line LIMIT $2";
}

/// What is wrong with lines' parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HierarchyFault {
    /// The file does not have the parents of these lines.
    Dangling(Vec<u64>),
    /// The parents of these lines lead in a circle, or too far up.
    Circular(Vec<u64>),
}

impl Db {
    /// What is wrong with the hierarchy of a staged list: the first lines.
    pub async fn hierarchy_fault(
        &self,
        reading: &ReadingId,
        limit: u32,
    ) -> Result<Option<HierarchyFault>> {
        let id = reading.as_str();
        let lines = |rows: Vec<crate::Row>| -> Result<Vec<u64>> {
            rows.iter().map(|row| Ok(u64::try_from(row.int(0)?).unwrap_or(0))).collect()
        };
        let dangling = lines(self.fetch(DANGLING, args![id, limit]).await?)?;
        if !dangling.is_empty() {
            return Ok(Some(HierarchyFault::Dangling(dangling)));
        }
        let circular = lines(self.fetch(UNREACHED, args![id, limit, LEVELS_MAX]).await?)?;
        Ok(Some(circular).filter(|lines| !lines.is_empty()).map(HierarchyFault::Circular))
    }
}
