//! What admins say of entitlements: their own names and descriptions, and what is privileged (CAT-2,
//! CAT-9). It stands beside what the source says, and no sync touches it.

use grantry_authz::{Permit, actions};
use grantry_model::ids::{EntitlementId, IntegrationId};

use crate::catalogue::{name_key, search_pattern};
use crate::db::{Row, Tx, args};
use crate::{Result, StoreError, statements};

/// What an admin says of one entitlement. `None` leaves the source's word.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Said {
    pub display: Option<String>,
    pub description: Option<String>,
    pub is_privileged: Option<bool>,
    /// 1 until somebody says something.
    pub version: i64,
}

impl Said {
    /// From four columns: display name, description, privileged, version.
    pub(crate) fn of(row: &Row, first: usize) -> Result<Self> {
        Ok(Self {
            display: row.text_or_null(first)?,
            description: row.text_or_null(first + 1)?,
            is_privileged: row.int_or_null(first + 2)?.map(|said| said != 0),
            version: row.int(first + 3)?,
        })
    }
}

statements! {
    SAY = "UPDATE entitlements SET said_display = $4, said_description = $5, said_search = $6, said_privileged = $7, name_key = COALESCE($8, source_key), changed_ms = $9, said_version = said_version + 1 WHERE id = $1 AND integration_id = $2 AND said_version = $3";
    MATCHING = "SELECT COUNT(*) FROM entitlements WHERE integration_id = $1 AND ($2 = '' OR search LIKE $2 ESCAPE '\\' OR said_search LIKE $2 ESCAPE '\\') AND ($3 = '' OR kind = $3) AND removed_ms IS NULL";
    SAY_PRIVILEGED = "UPDATE entitlements SET said_privileged = $4, changed_ms = $5, said_version = said_version + 1 \
        WHERE integration_id = $1 AND ($2 = '' OR search LIKE $2 ESCAPE '\\' OR said_search LIKE $2 ESCAPE '\\') AND ($3 = '' OR kind = $3) AND removed_ms IS NULL AND said_privileged IS DISTINCT FROM $4";
    IS_THERE = "SELECT 1 FROM entitlements WHERE id = $1 AND integration_id = $2 AND removed_ms IS NULL";
    SAY_ONE_PRIVILEGED = "UPDATE entitlements SET said_privileged = $3, changed_ms = $4, said_version = said_version + 1 WHERE id = $1 AND integration_id = $2 AND removed_ms IS NULL AND said_privileged IS DISTINCT FROM $3";
}

fn as_int(said: Option<bool>) -> crate::Arg<'static> {
    crate::Arg::Int(said.map(i64::from))
}

impl Tx {
    /// Says something of an entitlement whose words are still at that version.
    pub async fn say_of_entitlement(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        integration: &IntegrationId,
        id: &EntitlementId,
        said: &Said,
    ) -> Result<()> {
        let words = [&said.display, &said.description].map(|text| text.as_deref().unwrap_or(""));
        let search = words.join(" ").trim().to_lowercase();
        let (name_key, now) = (said.display.as_deref().map(name_key), self.now());
        let args = args![
            id.as_str(),
            integration.as_str(),
            said.version,
            &said.display,
            &said.description,
            &search,
            as_int(said.is_privileged),
            &name_key,
            now
        ];
        match self.execute(SAY, args).await? {
            0 => Err(StoreError::VersionConflict { what: "entitlement" }),
            _ => Ok(()),
        }
    }

    /// Says of all entitlements that a search finds whether they are privileged. Returns how many
    /// were found, and of how many it was not said before.
    pub async fn say_privileged_of_found(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        integration: &IntegrationId,
        (search, kind): (&str, &str),
        said: Option<bool>,
    ) -> Result<(u64, u64)> {
        let (of, pattern) = (integration.as_str(), search_pattern(search));
        let row = self.fetch_one(MATCHING, args![of, &pattern, kind]).await?;
        let found = u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0);
        let now = self.now();
        let args = args![of, &pattern, kind, as_int(said), now];
        Ok((found, self.execute(SAY_PRIVILEGED, args).await?))
    }

    /// Says of one entitlement whether it is privileged: `None` if it is not there, else whether that
    /// was not said before.
    pub async fn say_privileged(
        &mut self,
        _: &Permit<actions::IntegrationWrite>,
        integration: &IntegrationId,
        id: &EntitlementId,
        said: Option<bool>,
    ) -> Result<Option<bool>> {
        let (id, of, now) = (id.as_str(), integration.as_str(), self.now());
        if self.fetch_one(IS_THERE, args![id, of]).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.execute(SAY_ONE_PRIVILEGED, args![id, of, as_int(said), now]).await? == 1))
    }
}
