//! Memberships of apps that lists feed: what an applied list shows of them, and what becomes of the
//! list where a person says that it was done.

use grantry_authz::{Permit, actions};
use grantry_model::clock::UnixMs;
use grantry_model::csv::ListedPerson;
use grantry_model::fingerprint::{Key, row_hash};
use grantry_model::ids::AppId;
use grantry_model::membership::{Membership, Transition};

use super::membership;
use crate::catalogue::AssignmentRow;
use crate::db::{Tx, args, json};
use crate::{Result, StoreError, statements};

statements! {
    /// Those that wait, and of which the list says what they wait for. A file that came before a
    /// membership was changed says nothing about the change.
    SHOWN = "SELECT m.id, m.app_id, m.role_id, m.account_id, m.status, m.ending, m.starts_ms, m.ends_ms, m.failure, m.version, m.effect_number, m.waiting, m.overdue_ms FROM memberships m JOIN operations o ON o.id = m.id || '-' || m.effect_number \
        WHERE m.app_id = $1 AND m.waiting = 'manual' AND m.status IN ('provisioning', 'deprovisioning') AND o.started_ms <= $2 \
        AND (m.status = 'provisioning') = EXISTS (SELECT 1 FROM assignments a WHERE a.entitlement_id = m.role_id AND a.holder_id = m.account_id AND a.removed_ms IS NULL) ORDER BY m.id LIMIT $3";
    /// A diff that somebody looks at is one of the list before.
    TAKE_LIST = "UPDATE apps SET revision = revision + 1 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM integrations i WHERE i.app_id = apps.id)";
    COLUMNS = "SELECT columns FROM apps WHERE id = $1";
    SET_COLUMNS = "UPDATE apps SET columns = $2 WHERE id = $1";
    LISTED = "SELECT o.details, e.native_id FROM objects o, entitlements e WHERE o.id = $2 AND o.integration_id = $1 AND o.class = 'account' AND o.removed_ms IS NULL AND e.id = $3 AND e.app_id = $1 AND e.removed_ms IS NULL";
    SET_LISTED = "UPDATE objects SET details = $3, row_hash = $4 WHERE id = $2 AND integration_id = $1";
}

/// The column that holds the roles.
const ROLES: &str = "roles";

impl Tx {
    /// Memberships of an app that the list as it is now confirms, with the numbers of their effects: it
    /// was received at that moment.
    pub async fn memberships_shown(
        &mut self,
        app: &AppId,
        received: UnixMs,
        limit: u32,
    ) -> Result<Vec<(Membership, i64)>> {
        let rows = self.fetch(SHOWN, args![app.as_str(), received, limit]).await?;
        rows.iter().map(membership).collect()
    }

    /// Moves on a membership that a list of the permit's app confirms.
    pub async fn confirm_by_list(
        &mut self,
        permit: &Permit<actions::CsvAppUserUpload>,
        membership: &Membership,
        to: &Transition,
    ) -> Result<()> {
        if permit.app() != Some(&membership.app) {
            return Err(StoreError::NotFound { what: "membership" });
        }
        self.move_membership(membership, to, None).await
    }

    /// Takes the lock of the list of the permit's app, before anything of it is changed by a person's
    /// word.
    pub async fn take_list<A: actions::Settles>(&mut self, permit: &Permit<A>) -> Result<()> {
        let app = permit.app().ok_or(StoreError::NotFound { what: "app" })?.clone();
        match self.execute(TAKE_LIST, args![app.as_str()]).await? {
            0 => Err(StoreError::VersionConflict { what: "list" }),
            _ => Ok(()),
        }
    }

    /// Brings the list of the permit's app in line with what a person says of a membership, so that
    /// an export and the next diff know it. An account or role that is not on the list any more stays
    /// so.
    pub async fn write_into_list<A: actions::Settles>(
        &mut self,
        permit: &Permit<A>,
        membership: &Membership,
        is_held: bool,
    ) -> Result<()> {
        let app = permit.app().filter(|app| **app == membership.app);
        let app = app.ok_or(StoreError::NotFound { what: "membership" })?.clone();
        let (role, account) = (membership.role.as_str(), membership.account.as_str());
        let Some(row) = self.fetch_one(LISTED, args![app.as_str(), account, role]).await? else {
            return Ok(());
        };
        let person: ListedPerson = row.json(0, "person")?;
        let person = person.with_role(&row.text(1)?, is_held);
        let details = json("list", &person)?;
        let hash = row_hash(details.as_bytes());
        self.execute(SET_LISTED, args![app.as_str(), account, &details, hash]).await?;
        if let Some((entitlement, holder)) = Key::parse(role).zip(Key::parse(account)) {
            let now = self.now();
            if is_held {
                let row = AssignmentRow { entitlement, holder, details: None };
                self.upsert_assignments(&[row]).await?;
            } else {
                self.revoke_assignment(entitlement, holder, now).await?;
            }
        }
        self.name_roles(&app).await
    }

    /// From now on the list tells roles: without that column every member would hold the same one.
    async fn name_roles(&mut self, app: &AppId) -> Result<()> {
        let row = self.fetch_one(COLUMNS, args![app.as_str()]).await?;
        let row = row.ok_or(StoreError::NotFound { what: "app" })?;
        let mut columns: Vec<String> = row.json(0, "columns")?;
        if columns.is_empty() || columns.iter().any(|column| column == ROLES) {
            return Ok(());
        }
        columns.push(ROLES.to_owned());
        let columns = json("list", &columns)?;
        self.execute(SET_COLUMNS, args![app.as_str(), &columns]).await.map(drop)
    }
}
