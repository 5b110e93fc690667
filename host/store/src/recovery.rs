//! An admin is let in again by whoever operates the machine.

use grantry_authz::{Permit, Role, actions};
use grantry_model::ids::PrincipalId;
use grantry_model::permission::PrincipalKind;
use serde_json::json;

use crate::db::{Db, args};
use crate::principals::{self, NewPrincipal, PrincipalRecord};
use crate::tokens::{self, TokenRecord};
use crate::{AuditEntry, Result, statements};

statements! {
    LOCAL_ADMIN = "SELECT principal_id FROM first_admin WHERE id = 1";
    PROMOTE = "UPDATE principals SET role = 'admin', is_disabled = 0, version = version + 1 WHERE id = $1";
}

impl Db {
    /// The admin of the first start, if that person is still there.
    pub async fn local_admin(&self) -> Result<Option<PrincipalRecord>> {
        let Some(row) = self.fetch_one(LOCAL_ADMIN, &[]).await? else { return Ok(None) };
        let id = row.parsed(0, "principal id", |text| PrincipalId::parse(text).ok())?;
        let found = self.principal(&id).await?;
        Ok(found.filter(|found| found.principal.kind == PrincipalKind::Person))
    }

    /// Makes a person an admin who is not disabled and has this token; made now where it is nobody yet.
    pub async fn recover_admin(
        &self,
        permit: &Permit<actions::PersonWrite>,
        admin: &NewPrincipal,
        before: Option<&PrincipalRecord>,
        token: &TokenRecord,
    ) -> Result<()> {
        let mut tx = self.begin(permit.provenance()).await?;
        let (id, now) = (admin.id.as_str(), tx.now());
        if tx.execute(PROMOTE, args![id]).await? == 0 {
            principals::insert(&mut tx, admin, now).await?;
        }
        tokens::insert(&mut tx, token).await?;
        let before = before.map(|before| {
            json!({ "role": before.role.map(Role::name), "is_disabled": before.is_disabled })
        });
        let detail = json!({ "before": before, "token": token.id });
        tx.commit(AuditEntry::about("admin.recovered", "person", id, detail)).await
    }
}
