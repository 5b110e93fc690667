//! Clients, their tokens, and the permissions of every principal (PRM-1 to PRM-5).

use grantry_authz::{Decision, Permissions, Reason, actions, decide};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{PrincipalId, TokenId};
use grantry_model::oidc::IssuerKind;
use grantry_model::permission::{Action, Entity, PrincipalKind};
use grantry_model::secret::Secret;
use grantry_store::{
    AuditEntry, Issuer, NewPrincipal, NewRegistration, PrincipalRecord, Registration, StoreError,
    TokenRecord,
};
use serde_json::json;

use crate::authentication::token_text;
use crate::error::{check_description, check_name};
use crate::idempotency::Turn;
use crate::issuers::{ISSUERS_MAX, check_guid, check_plain};
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// A client to be created.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Which application of an issuer it is; without one it has tokens of this installation.
    pub registration: Option<NewRegistration>,
}

/// A client with its registration, and the issuer of that.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClientView {
    pub record: PrincipalRecord,
    pub registration: Option<(Registration, Issuer)>,
}

/// A change of a client; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClientChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub is_disabled: Option<bool>,
}

/// A new token: its text is told once.
pub struct NewToken {
    /// The answer for its record, without the text.
    pub answer: Answer,
    /// The token; `None` for a repeated request.
    pub text: Option<Secret>,
}

/// What a principal may do on an entity, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The action.
    pub action: Action,
    /// Why it is held; `None` if it is not.
    pub reason: Option<Reason>,
}

const NO_CLIENT: EngineError = EngineError::NotFound { what: "client" };
const NO_PRINCIPAL: EngineError = EngineError::NotFound { what: "principal" };

impl Ctx {
    /// Creates a client without permissions.
    pub async fn create_client(
        &self,
        new: &NewClient,
        request: &Idempotent<'_, ClientView>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::ClientWrite>().await?;
        check_name("/name", &new.name)?;
        check_description("/description", &new.description)?;
        if let Some(registration) = &new.registration {
            check_plain("/registration/application_id", &registration.application_id)?;
            check_plain("/registration/object_id", &registration.object_id)?;
        }
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let client = NewPrincipal {
            id: PrincipalId::fresh(db.clock(), db.random()),
            kind: PrincipalKind::Client,
            name: new.name.trim().to_owned(),
            description: new.description.clone(),
            role: None,
        };
        let work = async {
            let issuer = match &new.registration {
                Some(registration) => Some(self.issuer_of(registration).await?),
                None => None,
            };
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_client(&permit, &client).await?;
            if let Some(registration) = &new.registration {
                let registered = tx.register_client(&permit, &client.id, registration).await;
                registered.map_err(|error| match error {
                    // It was removed since it was looked up.
                    StoreError::NotFound { .. } => unknown_issuer(),
                    other => other.into(),
                })?;
            }
            let record = PrincipalRecord {
                principal: grantry_model::permission::Principal {
                    id: client.id.clone(),
                    kind: client.kind,
                    name: client.name.clone(),
                },
                description: client.description.clone(),
                role: None,
                is_disabled: false,
                created: tx.now(),
                version: 1,
            };
            let registered = new
                .registration
                .as_ref()
                .zip(issuer)
                .map(|(new, issuer)| (registration_of(&client.id, new), issuer));
            let view = ClientView { record, registration: registered };
            let answer = claimed.finish(&mut tx, &view).await?;
            let id = client.id.as_str();
            let detail = json!({
                "name": client.name,
                "issuer": new.registration.as_ref().map(|new| &new.issuer_id),
                "application": new.registration.as_ref().map(|new| &new.application_id),
            });
            tx.commit(AuditEntry::about("client.created", "client", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// The issuer of a registration, which must fit it.
    async fn issuer_of(&self, new: &NewRegistration) -> Result<Issuer> {
        let field = |name: &str, code, message: &str| {
            EngineError::field(&format!("/registration/{name}"), code, message)
        };
        let issuer = self.db().issuer(&new.issuer_id).await?;
        let issuer = issuer.ok_or_else(unknown_issuer)?;
        if issuer.trusted.kind == IssuerKind::Entra {
            check_guid("/registration/application_id", &new.application_id)?;
            check_guid("/registration/object_id", &new.object_id)?;
        }
        if issuer.trusted.client_id.as_ref() == Some(&new.application_id) {
            let message = "is Grantry's own registration: register the client as its own";
            return Err(field("application_id", "own_registration", message));
        }
        Ok(issuer)
    }

    /// Clients, in order of creation.
    pub async fn list_clients(&self, query: &PageQuery) -> Result<Page<ClientView>> {
        self.permit_admin::<actions::ClientRead>().await?;
        let after = self.engine.position("clients", query.cursor.as_deref())?;
        let kind = PrincipalKind::Client;
        let rows = self.db().list_principals(kind, &after, query.limit + 1).await?;
        let page =
            self.engine.page("clients", rows, query.limit, |row| row.principal.id.to_string());
        Ok(Page { items: self.with_registrations(page.items).await?, next: page.next })
    }

    async fn with_registrations(&self, records: Vec<PrincipalRecord>) -> Result<Vec<ClientView>> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Ok(Vec::new());
        };
        let registrations =
            self.db().registrations(&first.principal.id, &last.principal.id).await?;
        let issuers = self.db().list_issuers("", ISSUERS_MAX).await?;
        let view = |record: PrincipalRecord| {
            let own = registrations.iter().find(|own| own.principal_id == record.principal.id);
            let registration = own.and_then(|own| {
                let issuer = issuers.iter().find(|issuer| issuer.trusted.id == own.issuer_id)?;
                Some((own.clone(), issuer.clone()))
            });
            ClientView { record, registration }
        };
        Ok(records.into_iter().map(view).collect())
    }

    /// One client.
    pub async fn client(&self, id: &PrincipalId) -> Result<ClientView> {
        self.permit_admin::<actions::ClientRead>().await?;
        self.view_client(id).await
    }

    async fn view_client(&self, id: &PrincipalId) -> Result<ClientView> {
        let record = self.load_client(id).await?;
        let view = self.with_registrations(vec![record]).await?.pop();
        view.ok_or(NO_CLIENT)
    }

    async fn load_client(&self, id: &PrincipalId) -> Result<PrincipalRecord> {
        let record = self.db().principal(id).await?;
        record.filter(|record| record.principal.kind == PrincipalKind::Client).ok_or(NO_CLIENT)
    }

    /// Changes a client. A disabled one is refused from its next request on.
    pub async fn update_client(
        &self,
        id: &PrincipalId,
        version: i64,
        change: &ClientChange,
    ) -> Result<ClientView> {
        let permit = self.permit_admin::<actions::ClientWrite>().await?;
        let before = self.load_client(id).await?;
        let name = change.name.as_deref().unwrap_or(&before.principal.name);
        let description = change.description.as_deref().unwrap_or(&before.description);
        check_name("/name", name)?;
        check_description("/description", description)?;
        let is_disabled = change.is_disabled.unwrap_or(before.is_disabled);
        let mut tx = self.db().begin(permit.provenance()).await?;
        let changed = (name.trim(), description, is_disabled);
        tx.update_client(&permit, id, version, changed).await?;
        let detail = json!({
            "before": {
                "name": before.principal.name, "description": before.description,
                "is_disabled": before.is_disabled,
            },
            "after": {
                "name": name.trim(), "description": description, "is_disabled": is_disabled,
            },
        });
        tx.commit(AuditEntry::about("client.updated", "client", id.as_str(), detail)).await?;
        self.view_client(id).await
    }

    /// Removes a client: its tokens stop working at once.
    pub async fn delete_client(&self, id: &PrincipalId) -> Result<()> {
        let permit = self.permit_admin::<actions::ClientWrite>().await?;
        let before = self.load_client(id).await?;
        let (_, held) = self.permissions(id).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.delete_client(&permit, id).await?;
        let detail = json!({ "before": {
            "name": before.principal.name, "description": before.description,
            "is_disabled": before.is_disabled, "permissions": described(&held),
        }});
        tx.commit(AuditEntry::about("client.deleted", "client", id.as_str(), detail)).await?;
        Ok(())
    }

    /// Makes a token for a client. Its text is told once: the answer that is kept for a repeated
    /// request is made of the record alone, and a repeated request gets no text.
    pub async fn create_token(
        &self,
        client: &PrincipalId,
        expires: Option<UnixMs>,
        request: &Idempotent<'_, TokenRecord>,
    ) -> Result<NewToken> {
        let permit = self.permit_admin::<actions::ClientWrite>().await?;
        self.load_client(client).await?;
        if expires.is_some_and(|expires| expires <= self.db().now()) {
            return Err(EngineError::field("/expires_ms", "in_the_past", "must be in the future"));
        }
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(NewToken { answer, text: None }),
        };
        let (record, text) = token_text(self.db(), client, expires);
        let work = async {
            let mut tx = self.db().begin(permit.provenance()).await?;
            tx.create_token(&permit, &record).await?;
            let answer = claimed.finish(&mut tx, &record).await?;
            let detail = json!({ "token": record.id, "expires_ms": expires });
            tx.commit(AuditEntry::about("token.created", "client", client.as_str(), detail))
                .await?;
            Ok(answer)
        };
        let outcome = work.await;
        let answer = self.settle(&claimed, outcome).await?;
        Ok(NewToken { answer, text: Some(text) })
    }

    /// A client's tokens, without their secret halves.
    pub async fn list_tokens(
        &self,
        client: &PrincipalId,
        query: &PageQuery,
    ) -> Result<Page<TokenRecord>> {
        self.permit_admin::<actions::ClientRead>().await?;
        self.load_client(client).await?;
        self.page_of_tokens(client, query).await
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, client: &PrincipalId, token: &TokenId) -> Result<()> {
        let permit = self.permit_admin::<actions::ClientWrite>().await?;
        let stored = self.db().token(token).await?;
        if stored.is_none_or(|stored| stored.principal_id != *client) {
            return Err(EngineError::NotFound { what: "token" });
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.revoke_token(&permit, client, token).await?;
        let detail = json!({ "token": token });
        tx.commit(AuditEntry::about("token.revoked", "client", client.as_str(), detail)).await?;
        Ok(())
    }

    /// What a principal holds, with the version that a change must name.
    pub async fn permissions(&self, id: &PrincipalId) -> Result<(i64, Permissions)> {
        self.permit_admin::<actions::ClientRead>().await?;
        let record = self.db().principal(id).await?.ok_or(NO_PRINCIPAL)?;
        Ok((record.version, self.db().permissions(&record).await?))
    }

    /// Replaces all that a client or plugin holds. People get what their role gives.
    pub async fn set_permissions(
        &self,
        id: &PrincipalId,
        version: i64,
        permissions: &Permissions,
    ) -> Result<(i64, Permissions)> {
        let permit = self.permit_admin::<actions::ClientWrite>().await?;
        let record = self.db().principal(id).await?.ok_or(NO_PRINCIPAL)?;
        if record.principal.kind == PrincipalKind::Person {
            let message = "a person's permissions follow from the role";
            return Err(EngineError::field("", "not_for_people", message));
        }
        self.check_entities(&permissions.entities).await?;
        let before = self.db().permissions(&record).await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.set_permissions(&permit, id, version, permissions).await?;
        let detail = json!({ "before": described(&before), "after": described(permissions) });
        let event = "permissions.changed";
        tx.commit(AuditEntry::about(event, "principal", id.as_str(), detail)).await?;
        let after = Permissions { role: record.role, ..permissions.clone() };
        Ok((version + 1, after))
    }

    /// What does not exist is not given: a wrong id would only look like a right.
    async fn check_entities(&self, entities: &std::collections::HashSet<Entity>) -> Result<()> {
        for entity in entities {
            let (code, message) = match entity {
                Entity::App(app) => ("unknown_app", format!("there is no app `{app}`")),
                Entity::DataSource(source) => {
                    ("unknown_data_source", format!("there is no data source `{source}`"))
                }
            };
            if !self.exists(entity).await? {
                return Err(EngineError::field("/entities", code, message));
            }
        }
        Ok(())
    }

    async fn exists(&self, entity: &Entity) -> Result<bool> {
        Ok(match entity {
            Entity::App(app) => self.db().app(app).await?.is_some(),
            Entity::DataSource(source) => self.db().data_source(source).await?.is_some(),
        })
    }

    /// What a principal may do on an entity that is there, and why (PRM-3), with all that it holds.
    pub async fn effective(
        &self,
        id: &PrincipalId,
        entity: &Entity,
    ) -> Result<(Permissions, Vec<Effective>)> {
        let (_, permissions) = self.permissions(id).await?;
        if !self.exists(entity).await? {
            return Err(EngineError::NotFound { what: "app or data source" });
        }
        let effective = |action| Effective {
            action,
            reason: match decide(&permissions, action, entity) {
                Decision::Allowed(reason) => Some(reason),
                Decision::Missing | Decision::Hidden => None,
            },
        };
        let all = Action::ALL.into_iter().map(effective).collect();
        Ok((permissions, all))
    }
}

fn unknown_issuer() -> EngineError {
    EngineError::field("/registration/issuer_id", "unknown_issuer", "there is no such issuer")
}

fn registration_of(client: &PrincipalId, new: &NewRegistration) -> Registration {
    let NewRegistration { issuer_id, application_id, object_id } = new.clone();
    let principal_id = client.clone();
    Registration { principal_id, issuer_id, application_id, object_id, removed: None }
}

/// Permissions in a stable order, for the audit log.
fn described(permissions: &Permissions) -> serde_json::Value {
    let mut global: Vec<_> = permissions.global.iter().collect();
    global.sort();
    let mut entities: Vec<_> = permissions.entities.iter().collect();
    entities.sort();
    json!({ "global": global, "entities": entities })
}
