//! Access that changed in the target without Grantry (INT-10).
//!
//! A run looks only at what differs: assignments that its changed pages bring anew, and those that
//! vanished. At its complete end they are explained by memberships; what nothing explains is listed,
//! audited and told, each up to a bound, and beyond it in one sum. The first complete run of an
//! integration is the baseline and explains itself.

use std::collections::HashSet;

use grantry_authz::actions;
use grantry_model::ids::{IntegrationId, MembershipId};
use grantry_model::membership::Status;
use grantry_model::notification::{Notice, NoticeKind};
use grantry_store::{
    AssignmentRow, AuditEntry, Change, ExternalChange, Integration, Run, Seen, Tx,
};
use serde_json::json;

use crate::{Ctx, Page, PageQuery, Result};

/// Changes that are listed when a run ends; more are counted.
const LISTED_MAX: usize = 1_000;
/// Changes of one run with an audit entry of their own.
const AUDITED_MAX: usize = 100;
/// Changes of one run with a notice of their own.
const NOTICES_MAX: usize = 20;
/// Changes that the sum names.
const NAMED_MAX: usize = 10;

/// Notes what a page brings anew, in the page's transaction. Whatever becomes of the run, it waits for
/// one that reads everything.
pub(crate) async fn note_appeared(tx: &mut Tx, run: &Run, rows: &[AssignmentRow]) -> Result<()> {
    let appeared = tx.not_held(rows).await?;
    if appeared.is_empty() {
        return Ok(());
    }
    let before = tx.count_appeared(&run.integration_id, appeared.len() as u64).await?;
    let room = LISTED_MAX.saturating_sub(usize::try_from(before).unwrap_or(LISTED_MAX));
    for pair in appeared.iter().take(room) {
        tx.note_external_change(run, Change::Appeared, *pair, None, false).await?;
    }
    Ok(())
}

/// What a complete run found, and nothing explains.
#[derive(Default)]
struct Unexplained {
    listed: Vec<(Change, Seen, Option<MembershipId>)>,
    /// Beyond those that are listed; not looked at one by one.
    more: u64,
}

/// What a run looks at when it ends.
#[derive(Default)]
pub(crate) struct Ended {
    /// Whether it has read everything: what appeared since the last such run is concluded.
    pub(crate) has_read_all: bool,
    /// What vanished, where that is removed.
    pub(crate) vanished: HashSet<Seen>,
}

/// Explains what a run found, in the run's last transaction; tells how much is left.
pub(crate) async fn conclude(
    tx: &mut Tx,
    integration: &Integration,
    run: &Run,
    ended: &Ended,
) -> Result<u64> {
    let found = explain(tx, run, ended).await?;
    for (change, pair, membership) in &found.listed {
        tx.note_external_change(run, *change, *pair, membership.as_ref(), true).await?;
    }
    let count = found.listed.len() as u64 + found.more;
    if count > 0 {
        audit(tx, run, &found, count);
        if integration.settings.notifies_external_changes {
            tell(tx, integration, &found, count).await?;
        }
    }
    Ok(count)
}

async fn explain(tx: &mut Tx, run: &Run, ended: &Ended) -> Result<Unexplained> {
    let mut found = Unexplained::default();
    let noted = if ended.has_read_all {
        let (noted, more) = tx.take_unconcluded_changes(&run.integration_id, LISTED_MAX).await?;
        found.more += more;
        noted
    } else {
        Vec::new()
    };
    for pair in noted {
        // A membership may be behind it, also one that was ordered after it was found.
        if tx.membership_behind(pair).await?.is_none() && tx.is_held(pair).await? {
            found.listed.push((Change::Appeared, pair, None));
        }
    }
    let mut vanished: Vec<Seen> = ended.vanished.iter().copied().collect();
    vanished.sort_unstable();
    let room = LISTED_MAX.saturating_sub(found.listed.len());
    found.more += vanished.len().saturating_sub(room) as u64;
    for pair in vanished.into_iter().take(room) {
        match tx.membership_behind(pair).await? {
            // It was to go, and a person has taken it away.
            Some((_, Status::Deprovisioning)) => {}
            behind => {
                let membership = behind.map(|(membership, _)| membership);
                found.listed.push((Change::Vanished, pair, membership));
            }
        }
    }
    Ok(found)
}

fn audit(tx: &mut Tx, run: &Run, found: &Unexplained, count: u64) {
    const EVENT: &str = "access.changed_externally";
    let id = run.integration_id.as_str();
    for (change, (entitlement, holder), membership) in found.listed.iter().take(AUDITED_MAX) {
        let detail = json!({
            "run": run.id, "change": change.name(), "entitlement": entitlement.text(),
            "account": holder.text(), "membership": membership,
        });
        tx.record(AuditEntry::about(EVENT, "integration", id, detail));
    }
    if count > AUDITED_MAX as u64 {
        let beyond = found.listed.iter().skip(AUDITED_MAX).take(NAMED_MAX);
        let first: Vec<_> = beyond
            .map(|(change, (entitlement, holder), _)| {
                json!({
                    "change": change.name(), "entitlement": entitlement.text(),
                    "account": holder.text(),
                })
            })
            .collect();
        let more = count - AUDITED_MAX as u64;
        let detail = json!({ "run": run.id, "more": more, "first": first });
        tx.record(AuditEntry::about(EVENT, "integration", id, detail));
    }
}

async fn tell(
    tx: &mut Tx,
    integration: &Integration,
    found: &Unexplained,
    count: u64,
) -> Result<()> {
    for (change, pair, membership) in found.listed.iter().take(NOTICES_MAX) {
        let (role, account) = tx.names_of(*pair).await?;
        let (entitlement, holder) = (pair.0.text(), pair.1.text());
        let explanation = match membership {
            Some(membership) => format!("the membership `{membership}` says otherwise"),
            None => "no membership explains it".to_owned(),
        };
        let names = (role.unwrap_or(entitlement), account.unwrap_or(holder));
        tx.queue_notice(&notice(integration, verb(*change), names, explanation)).await?;
    }
    if count > NOTICES_MAX as u64 {
        let more = count - NOTICES_MAX as u64;
        let names = (format!("{more} more entitlements"), "several accounts".to_owned());
        let explanation = "the integration's list of external changes has them".to_owned();
        tx.queue_notice(&notice(integration, "changed", names, explanation)).await?;
    }
    Ok(())
}

fn verb(change: Change) -> &'static str {
    match change {
        Change::Appeared => "granted",
        Change::Vanished => "revoked",
    }
}

fn notice(
    integration: &Integration,
    change: &str,
    (entitlement, account): (String, String),
    explanation: String,
) -> Notice {
    Notice::new(NoticeKind::ExternalChange, Some(&integration.id))
        .with("integration", &integration.name)
        .with("change", change)
        .with("entitlement", &entitlement)
        .with("account", &account)
        .with("explanation", &explanation)
}

impl Ctx {
    /// Access of an integration that changed without Grantry, newest first.
    pub async fn list_external_changes(
        &self,
        integration: &IntegrationId,
        query: &PageQuery,
    ) -> Result<Page<ExternalChange>> {
        self.permit_integration::<actions::IntegrationRead>(integration).await?;
        self.load_integration(integration).await?;
        let list = format!("external_changes/{integration}");
        let before = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_external_changes(integration, &before, query.limit + 1).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.id.to_string()))
    }
}
