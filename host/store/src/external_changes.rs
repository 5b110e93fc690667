//! Access that changed in a target without Grantry: found by a run, explained or not at its end.

use std::collections::HashSet;

use grantry_model::clock::UnixMs;
use grantry_model::fingerprint::Key;
use grantry_model::ids::{ExternalChangeId, IntegrationId, MembershipId, RunId};
use grantry_model::membership::Status;

use crate::catalogue::AssignmentRow;
use crate::db::{Arg, Db, Row, Tx, args};
use crate::runs::{Run, Seen};
use crate::{Result, dialect, statements};

/// Pairs that are looked up at once.
const BATCH_PAIRS: usize = 200;

/// In which direction access changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is there, and was not at the last run.
    Appeared,
    /// It was there at the last run, and is not any more.
    Vanished,
}

impl Change {
    /// The change's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Vanished => "vanished",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Appeared, Self::Vanished].into_iter().find(|change| change.name() == name)
    }
}

/// A change that nothing explains.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct ExternalChange {
    pub id: ExternalChangeId,
    pub run_id: RunId,
    pub change: Change,
    pub entitlement_id: String,
    pub holder_id: String,
    pub entitlement_display: Option<String>,
    pub holder_display: Option<String>,
    /// A membership that says otherwise than the target now.
    pub membership_id: Option<MembershipId>,
    pub found: UnixMs,
}

statements! {
    IS_BASELINE = "SELECT COUNT(*) FROM runs WHERE integration_id = $1 AND status = 'succeeded'";
    INSERT = "INSERT INTO external_changes (id, integration_id, run_id, change, entitlement_id, holder_id, membership_id, found_ms, is_concluded) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    /// How much appeared since it was last concluded, also what is not listed.
    APPEARED = "INSERT INTO appeared_changes (integration_id, appeared) VALUES ($1, $2) ON CONFLICT (integration_id) DO UPDATE SET appeared = appeared_changes.appeared + excluded.appeared RETURNING appeared";
    ALL_APPEARED = "DELETE FROM appeared_changes WHERE integration_id = $1 RETURNING appeared";
    NAME_OF_ENTITLEMENT = "SELECT COALESCE(said_display, display) FROM entitlements WHERE id = $1";
    NAME_OF_HOLDER = "SELECT display FROM objects WHERE id = $1";
    UNCONCLUDED = "SELECT id, entitlement_id, holder_id FROM external_changes WHERE integration_id = $1 AND is_concluded = 0 ORDER BY id LIMIT $2";
    FORGET = "DELETE FROM external_changes WHERE id = $1";
    LIVING = "SELECT id, status FROM memberships WHERE role_id = $1 AND account_id = $2 AND status IN ('provisioning', 'active', 'failed', 'deprovisioning')";
    IS_HELD = "SELECT 1 FROM assignments WHERE entitlement_id = $1 AND holder_id = $2 AND removed_ms IS NULL";
    LIST = "SELECT c.id, c.run_id, c.change, c.entitlement_id, c.holder_id, e.display, o.display, c.membership_id, c.found_ms FROM external_changes c \
        LEFT JOIN entitlements e ON e.id = c.entitlement_id LEFT JOIN objects o ON o.id = c.holder_id \
        WHERE c.integration_id = $1 AND c.is_concluded = 1 AND ($2 = '' OR c.id < $2) ORDER BY c.id DESC LIMIT $3";
}

const HELD: &str = "SELECT entitlement_id, holder_id FROM assignments WHERE removed_ms IS NULL AND (entitlement_id, holder_id) IN (VALUES ";

fn held_text(is_postgres: bool, pairs: usize) -> String {
    format!("{HELD}{})", dialect::values(is_postgres, pairs, 2, ""))
}

fn change(row: &Row) -> Result<ExternalChange> {
    let membership_id = match row.text_or_null(7)? {
        Some(_) => Some(row.parsed(7, "membership id", |id| MembershipId::parse(id).ok())?),
        None => None,
    };
    Ok(ExternalChange {
        id: row.parsed(0, "external change id", |id| ExternalChangeId::parse(id).ok())?,
        run_id: row.parsed(1, "run id", |id| RunId::parse(id).ok())?,
        change: row.parsed(2, "external change", Change::parse)?,
        entitlement_id: row.text(3)?,
        holder_id: row.text(4)?,
        entitlement_display: row.text_or_null(5)?,
        holder_display: row.text_or_null(6)?,
        membership_id,
        found: row.time(8)?,
    })
}

impl Db {
    /// Whether no run of the integration has read everything yet: the first one explains itself.
    pub async fn is_baseline(&self, integration: &IntegrationId) -> Result<bool> {
        let row = self.fetch_one(IS_BASELINE, args![integration.as_str()]).await?;
        Ok(!row.map_or(Ok(false), |row| row.is_true(0))?)
    }

    /// External changes of an integration before the given id, newest first.
    pub async fn list_external_changes(
        &self,
        integration: &IntegrationId,
        before: &str,
        limit: u32,
    ) -> Result<Vec<ExternalChange>> {
        let args = args![integration.as_str(), before, limit];
        self.fetch(LIST, args).await?.iter().map(change).collect()
    }
}

impl Tx {
    /// Which of these rows the catalogue does not hold yet.
    pub async fn not_held(&mut self, rows: &[AssignmentRow]) -> Result<Vec<Seen>> {
        let mut missing = Vec::new();
        for chunk in rows.chunks(BATCH_PAIRS) {
            let texts: Vec<(String, String)> =
                chunk.iter().map(|row| (row.entitlement.text(), row.holder.text())).collect();
            let args: Vec<Arg<'_>> =
                texts.iter().flat_map(|(one, two)| [Arg::from(one), Arg::from(two)]).collect();
            let sql = held_text(self.is_postgres(), chunk.len());
            let mut held = HashSet::with_capacity(chunk.len());
            for row in &self.fetch_built(&sql, &args).await? {
                let key = |index| row.parsed(index, "catalogue key", Key::parse);
                held.insert((key(0)?, key(1)?));
            }
            let pairs = chunk.iter().map(|row| (row.entitlement, row.holder));
            missing.extend(pairs.filter(|pair| !held.contains(pair)));
        }
        Ok(missing)
    }

    /// Notes a change that the run found. One that is not concluded waits for the end of a run that
    /// reads everything.
    pub async fn note_external_change(
        &mut self,
        run: &Run,
        change: Change,
        (entitlement, holder): Seen,
        membership: Option<&MembershipId>,
        is_concluded: bool,
    ) -> Result<()> {
        let id = self.fresh_external_change_id();
        let (entitlement, holder, now) = (entitlement.text(), holder.text(), self.now());
        let args = args![
            id.as_str(),
            run.integration_id.as_str(),
            run.id.as_str(),
            change.name(),
            &entitlement,
            &holder,
            membership.map(MembershipId::as_str),
            now,
            is_concluded
        ];
        self.execute(INSERT, args).await.map(drop)
    }

    /// Counts what appeared and waits for its conclusion; tells how much waited before.
    pub async fn count_appeared(&mut self, integration: &IntegrationId, more: u64) -> Result<u64> {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        let row = self.fetch_one(APPEARED, args![integration.as_str(), more]).await?;
        let all = row.map_or(Ok(more), |row| row.int(0))?;
        Ok(u64::try_from(all - more).unwrap_or(0))
    }

    /// Takes what waits for its conclusion: the first of it, and how much more that is.
    pub async fn take_unconcluded_changes(
        &mut self,
        integration: &IntegrationId,
        limit: usize,
    ) -> Result<(Vec<Seen>, u64)> {
        let id = integration.as_str();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.fetch(UNCONCLUDED, args![id, limit]).await?;
        let key = |row: &Row, index| row.parsed(index, "catalogue key", Key::parse);
        let mut taken = Vec::with_capacity(rows.len());
        for row in &rows {
            self.execute(FORGET, args![&row.text(0)?]).await?;
            taken.push((key(row, 1)?, key(row, 2)?));
        }
        let all = self.fetch_one(ALL_APPEARED, args![id]).await?.map_or(Ok(0), |row| row.int(0))?;
        let more = u64::try_from(all).unwrap_or(0).saturating_sub(taken.len() as u64);
        Ok((taken, more))
    }

    /// What people call an entitlement and its holder, as far as the catalogue knows.
    pub async fn names_of(
        &mut self,
        (entitlement, holder): Seen,
    ) -> Result<(Option<String>, Option<String>)> {
        let entitlement = self.fetch_one(NAME_OF_ENTITLEMENT, args![&entitlement.text()]).await?;
        let holder = self.fetch_one(NAME_OF_HOLDER, args![&holder.text()]).await?;
        let name = |row: Option<Row>| row.map(|row| row.text(0)).transpose();
        Ok((name(entitlement)?, name(holder)?))
    }

    /// The living membership of an entitlement and a holder, with its status.
    pub async fn membership_behind(
        &mut self,
        (entitlement, holder): Seen,
    ) -> Result<Option<(MembershipId, Status)>> {
        let row = self.fetch_one(LIVING, args![&entitlement.text(), &holder.text()]).await?;
        let Some(row) = row else { return Ok(None) };
        let id = row.parsed(0, "membership id", |id| MembershipId::parse(id).ok())?;
        Ok(Some((id, row.parsed(1, "membership status", Status::parse)?)))
    }

    /// Whether the catalogue holds the assignment, as this transaction sees it.
    pub async fn is_held(&mut self, (entitlement, holder): Seen) -> Result<bool> {
        let (entitlement, holder) = (entitlement.text(), holder.text());
        Ok(self.fetch_one(IS_HELD, args![&entitlement, &holder]).await?.is_some())
    }
}

/// The multi-row statement, of two rows.
#[cfg(test)]
pub(crate) fn built_statements(is_postgres: bool) -> Vec<(&'static str, String)> {
    vec![("HELD", held_text(is_postgres, 2))]
}
