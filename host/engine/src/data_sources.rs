//! Data sources and their identities. What changes the identities is in `uploads`.

use grantry_authz::{Permit, actions};
use grantry_model::identity::{KnownBy, SignIn};
use grantry_model::ids::{DataSourceId, IdentityId};
use grantry_model::oidc::IssuerKind;
use grantry_store::{AuditEntry, DataSource, NewDataSource, StoredIdentity, search_pattern};
use serde_json::json;

use crate::error::{check_description, check_name};
use crate::idempotency::Turn;
use crate::mappings::How;
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result, mappings};

/// A data source to be created.
#[derive(Debug, Clone)]
pub struct DataSourceInput {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
}

/// A change of a data source. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct DataSourceChange {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// Whose people its identities are; `Some(None)` for nobody's.
    pub sign_in: Option<Option<SignIn>>,
}

pub(crate) const NO_DATA_SOURCE: EngineError = EngineError::NotFound { what: "data source" };

impl Ctx {
    /// Creates a data source without identities.
    pub async fn create_data_source(
        &self,
        input: &DataSourceInput,
        request: &Idempotent<'_, DataSource>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::DataSourceWrite>().await?;
        check_name("/name", &input.name)?;
        check_description("/description", &input.description)?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let new = NewDataSource {
            id: DataSourceId::fresh(db.clock(), db.random()),
            name: input.name.trim().to_owned(),
            description: input.description.clone(),
        };
        let work = async {
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_data_source(&permit, &new).await?;
            let source = DataSource {
                id: new.id.clone(),
                name: new.name.clone(),
                description: new.description.clone(),
                columns: Vec::new(),
                revision: 0,
                identities: 0,
                created: tx.now(),
                version: 1,
                sign_in: None,
            };
            let answer = claimed.finish(&mut tx, &source).await?;
            let (event, id) = ("data_source.created", new.id.as_str());
            let detail = json!({ "name": new.name });
            tx.commit(AuditEntry::about(event, "data_source", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// The data sources on which the caller holds any action.
    pub async fn list_data_sources(&self, query: &PageQuery) -> Result<Page<DataSource>> {
        let after = self.engine.position("data_sources", query.cursor.as_deref())?;
        let visible = self.actor.permissions.visible_data_sources();
        let pattern = search_pattern(&query.search);
        let limit = query.limit + 1;
        let rows = self.db().list_data_sources(&visible, &pattern, &after, limit).await?;
        Ok(self.engine.page("data_sources", rows, query.limit, |row| row.id.to_string()))
    }

    /// One data source.
    pub async fn data_source(&self, id: &DataSourceId) -> Result<DataSource> {
        self.permit_data_source_read(id).await?;
        self.db().data_source(id).await?.ok_or(NO_DATA_SOURCE)
    }

    /// Changes the name, the description or the sign-in of a data source that is still at that
    /// version.
    pub async fn update_data_source(
        &self,
        id: &DataSourceId,
        version: i64,
        change: &DataSourceChange,
    ) -> Result<DataSource> {
        let permit = self.permit_admin::<actions::DataSourceWrite>().await?;
        let before = self.db().data_source(id).await?.ok_or(NO_DATA_SOURCE)?;
        let mut changed = DataSource { version, ..before.clone() };
        if let Some(name) = &change.name {
            check_name("/name", name)?;
            changed.name = name.trim().to_owned();
        }
        if let Some(description) = &change.description {
            check_description("/description", description)?;
            changed.description = description.clone();
        }
        if let Some(sign_in) = &change.sign_in {
            if let Some(sign_in) = sign_in {
                self.check_sign_in(sign_in).await?;
            }
            changed.sign_in = sign_in.clone();
        }
        let said = |source: &DataSource| {
            json!({
                "name": source.name, "description": source.description, "sign_in": source.sign_in,
            })
        };
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.update_data_source(&permit, &changed).await?;
        let detail = json!({ "before": said(&before), "after": said(&changed) });
        let event = "data_source.updated";
        tx.commit(AuditEntry::about(event, "data_source", id.as_str(), detail)).await?;
        Ok(DataSource { version: version + 1, ..changed })
    }

    /// The issuer is one that people sign in by, and vouches for what they are to be known by.
    async fn check_sign_in(&self, sign_in: &SignIn) -> Result<()> {
        let issuer = self.db().issuer(&sign_in.issuer).await?;
        let issuer = issuer.filter(|issuer| issuer.trusted.client_id.is_some());
        let Some(issuer) = issuer else {
            let message =
                "must be the id of an issuer that people sign in by: one with a `client_id`";
            return Err(EngineError::field("/sign_in/issuer_id", "unknown_issuer", message));
        };
        if (issuer.trusted.kind, sign_in.known_by) == (IssuerKind::Entra, KnownBy::VerifiedMail) {
            let message = "Entra ID proves no mail address: upload object ids as `external_id`, and \
                           send `subject`";
            return Err(EngineError::field("/sign_in/known_by", "not_proven", message));
        }
        Ok(())
    }

    /// Removes a data source with all its identities, if it is still at that version.
    pub async fn delete_data_source(&self, id: &DataSourceId, version: i64) -> Result<()> {
        let permit = self.permit_admin::<actions::DataSourceWrite>().await?;
        let source = self.db().data_source(id).await?.ok_or(NO_DATA_SOURCE)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.lock_mappings().await?;
        tx.delete_data_source(&permit, id, version).await?;
        let before = json!({
            "name": source.name, "description": source.description, "identities": source.identities,
        });
        let detail = json!({ "before": before });
        let event = "data_source.deleted";
        tx.commit(AuditEntry::about(event, "data_source", id.as_str(), detail)).await?;
        let how = How::because("data_source_deleted");
        mappings::apply_all(self.db(), permit.provenance(), how).await;
        Ok(())
    }

    /// A data source's identities; `query.status` is `active`, `inactive` or empty.
    pub async fn list_identities(
        &self,
        source: &DataSourceId,
        query: &PageQuery,
    ) -> Result<Page<StoredIdentity>> {
        self.data_source(source).await?;
        let list = format!("identities/{source}");
        let after = self.engine.position(&list, query.cursor.as_deref())?;
        let rows = self.db().list_identities(source, &query.rows(after)).await?;
        Ok(self.engine.page(&list, rows, query.limit, |row| row.identity.id.to_string()))
    }

    /// One identity of a data source; one that is gone too.
    pub async fn identity(&self, source: &DataSourceId, id: &IdentityId) -> Result<StoredIdentity> {
        self.permit_data_source_read(source).await?;
        let found = self.db().identity(id).await?;
        let found = found.filter(|found| found.identity.data_source == *source);
        found.ok_or(EngineError::NotFound { what: "identity" })
    }

    /// The identities that the caller, who signed in, is: at most one of a data source.
    pub async fn own_identities(&self) -> Result<Vec<StoredIdentity>> {
        let permit = self.permit_own().await?;
        Ok(self.db().own_identities(&permit.provenance().principal_id).await?)
    }

    /// Any of the four actions on a data source; a refusal is audited.
    pub(crate) async fn permit_data_source_read(
        &self,
        id: &DataSourceId,
    ) -> Result<Permit<actions::DataSourceRead>> {
        let decided = self.actor.permit_data_source_read(id);
        self.audit_refusal(decided, "data_source_read", Some(("data_source", id.as_str()))).await
    }
}
