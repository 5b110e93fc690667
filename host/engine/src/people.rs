//! People and their roles (PRM-6). How they sign in is another file's matter.

use grantry_authz::{Role, actions};
use grantry_model::ids::PrincipalId;
use grantry_store::{AuditEntry, Person, search_pattern};
use serde_json::json;

use crate::{Ctx, EngineError, Page, PageQuery, Result};

/// A change of a person; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PersonChange {
    pub role: Option<Role>,
    pub is_disabled: Option<bool>,
}

const NO_PERSON: EngineError = EngineError::NotFound { what: "person" };

impl Ctx {
    /// People, in order of creation.
    pub async fn list_people(&self, query: &PageQuery) -> Result<Page<Person>> {
        self.permit_admin::<actions::PersonRead>().await?;
        let list = format!("people {}", query.search);
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let pattern = search_pattern(&query.search);
        let rows = self.db().list_people(&pattern, &after, query.limit + 1).await?;
        let position = |row: &Person| row.record.principal.id.to_string();
        Ok(self.engine.page(&list, rows, query.limit, position))
    }

    /// One person.
    pub async fn person(&self, id: &PrincipalId) -> Result<Person> {
        self.permit_admin::<actions::PersonRead>().await?;
        self.db().person(id).await?.ok_or(NO_PERSON)
    }

    /// Sets a person's role, disables or enables a person. A disabled person's sessions end, and
    /// their tokens are refused. Somebody who can administer always remains.
    pub async fn update_person(
        &self,
        id: &PrincipalId,
        version: i64,
        change: PersonChange,
    ) -> Result<Person> {
        let permit = self.permit_admin::<actions::PersonWrite>().await?;
        let before = self.db().person(id).await?.ok_or(NO_PERSON)?.record;
        let role = change.role.or(before.role).unwrap_or(Role::User);
        let is_disabled = change.is_disabled.unwrap_or(before.is_disabled);
        let mut tx = self.db().begin(permit.provenance()).await?;
        if !tx.update_person(&permit, id, version, (role, is_disabled)).await? {
            return Err(EngineError::LastAdmin);
        }
        let ended = if is_disabled { tx.end_sessions_of(&permit, id).await? } else { 0 };
        let detail = json!({
            "before": { "role": before.role.map(Role::name), "is_disabled": before.is_disabled },
            "after": { "role": role.name(), "is_disabled": is_disabled },
            "sessions_ended": ended,
        });
        tx.commit(AuditEntry::about("person.updated", "person", id.as_str(), detail)).await?;
        self.db().person(id).await?.ok_or(NO_PERSON)
    }
}
