//! People and their roles (PRM-6). How they sign in is another file's matter.

use grantry_authz::{Role, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IssuerId, PrincipalId};
use grantry_model::oidc::IssuerKind;
use grantry_model::permission::{Principal, PrincipalKind};
use grantry_store::{
    AuditEntry, NewPerson, NewPrincipal, Person, PersonIdentity, PrincipalRecord, search_pattern,
};
use serde_json::json;

use crate::channels::check_address;
use crate::error::check_name;
use crate::idempotency::Turn;
use crate::issuers::{check_guid, check_plain};
use crate::{Answer, Ctx, EngineError, Idempotent, Page, PageQuery, Result};

/// A person to be added, who has not signed in yet.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PersonInput {
    pub name: String,
    /// Where the person will sign in.
    pub issuer_id: IssuerId,
    pub identity: PersonIdentity,
    pub role: Role,
    /// Without one, the address of the identity is taken, if that is one.
    pub mail: Option<String>,
}

/// A change of a person; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PersonChange {
    pub role: Option<Role>,
    pub is_disabled: Option<bool>,
    /// `Some(None)` for none.
    pub mail: Option<Option<String>>,
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

    /// Adds a person before the first sign-in, also where nobody may sign up.
    pub async fn create_person(
        &self,
        input: &PersonInput,
        request: &Idempotent<'_, Person>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::PersonWrite>().await?;
        check_name("/name", &input.name)?;
        let identity = self.checked_identity(input).await?;
        let expected_mail = match &identity {
            PersonIdentity::Subject(_) => None,
            PersonIdentity::ExpectedMail(mail) => Some(mail.clone()),
        };
        let mail = input.mail.clone().or_else(|| expected_mail.clone());
        check_mail(mail.as_deref())?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let db = self.db();
        let new = NewPerson {
            principal: NewPrincipal {
                id: PrincipalId::fresh(db.clock(), db.random()),
                kind: PrincipalKind::Person,
                name: input.name.trim().to_owned(),
                description: String::new(),
                role: Some(input.role),
            },
            issuer_id: input.issuer_id.clone(),
            identity,
            user_name: String::new(),
            mail,
        };
        let work = async {
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_person(&permit, &new).await?;
            let person = added(&new, tx.now(), expected_mail);
            let answer = claimed.finish(&mut tx, &person).await?;
            let detail = json!({
                "name": new.principal.name, "issuer": new.issuer_id, "role": input.role.name(),
                "subject": person.subject, "expected_mail": person.expected_mail,
                "mail": new.mail,
            });
            let (event, id) = ("person.created", new.principal.id.as_str());
            tx.commit(AuditEntry::about(event, "person", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// By what the person will be known, if the issuer can prove that.
    async fn checked_identity(&self, input: &PersonInput) -> Result<PersonIdentity> {
        let issuer = self.db().issuer(&input.issuer_id).await?;
        let issuer = issuer.filter(|issuer| issuer.trusted.client_id.is_some());
        let message = "must be the id of an issuer that people sign in by: one with a `client_id`";
        let unknown = || EngineError::field("/issuer_id", "unknown_issuer", message);
        let kind = issuer.ok_or_else(unknown)?.trusted.kind;
        match (&input.identity, kind) {
            (PersonIdentity::Subject(id), IssuerKind::Entra) => check_guid("/subject", id)?,
            (PersonIdentity::Subject(subject), IssuerKind::Generic) => {
                check_plain("/subject", subject)?;
            }
            (PersonIdentity::ExpectedMail(_), IssuerKind::Entra) => {
                let message = "Entra ID proves no mail address: send the object id as `subject`";
                return Err(EngineError::field("/sign_in_mail", "not_proven", message));
            }
            (PersonIdentity::ExpectedMail(mail), IssuerKind::Generic) => {
                check_address("/sign_in_mail", mail)?;
                return Ok(PersonIdentity::ExpectedMail(mail.to_ascii_lowercase()));
            }
        }
        Ok(input.identity.clone())
    }

    /// Deletes a person who is still at that version: sessions end, tokens are refused. What the
    /// person did stays in the audit log.
    pub async fn delete_person(&self, id: &PrincipalId, version: i64) -> Result<()> {
        let permit = self.permit_admin::<actions::PersonWrite>().await?;
        let person = self.db().person(id).await?.ok_or(NO_PERSON)?;
        if *id == self.actor.principal.id {
            return Err(EngineError::OwnPerson);
        }
        let mut tx = self.db().begin(permit.provenance()).await?;
        let ended = tx.end_sessions_of(&permit, id).await?;
        if !tx.delete_person(&permit, id, version).await? {
            return Err(EngineError::LastAdmin);
        }
        match tx.owned_integrations(id).await? {
            0 => {}
            owned => return Err(EngineError::PersonOwnsIntegrations(owned)),
        }
        let detail = json!({
            "name": person.record.principal.name, "user_name": person.user_name,
            "issuer": person.issuer_id, "subject": person.subject,
            "expected_mail": person.expected_mail, "mail": person.mail,
            "role": person.record.role.map(Role::name), "sessions_ended": ended,
        });
        tx.commit(AuditEntry::about("person.deleted", "person", id.as_str(), detail)).await?;
        Ok(())
    }

    /// Where the caller gets mail, if it is a person who said so.
    pub async fn own_mail(&self) -> Result<Option<String>> {
        if self.actor.principal.kind != PrincipalKind::Person {
            return Ok(None);
        }
        Ok(self.db().person(&self.actor.principal.id).await?.and_then(|person| person.mail))
    }

    /// Sets where the caller, a person, gets mail.
    pub async fn set_own_mail(&self, mail: Option<&str>) -> Result<()> {
        let permit = self.permit_own().await?;
        check_mail(mail)?;
        let before = self.own_mail().await?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.set_own_mail(&permit, mail).await?;
        let detail = json!({ "before": { "mail": before }, "after": { "mail": mail } });
        let id = self.actor.principal.id.as_str();
        tx.commit(AuditEntry::about("person.updated", "person", id, detail)).await?;
        Ok(())
    }

    /// Sets a person's role and mail address, disables or enables a person. A disabled person's sessions end, and
    /// their tokens are refused. Somebody who can administer always remains.
    pub async fn update_person(
        &self,
        id: &PrincipalId,
        version: i64,
        change: PersonChange,
    ) -> Result<Person> {
        let permit = self.permit_admin::<actions::PersonWrite>().await?;
        let person = self.db().person(id).await?.ok_or(NO_PERSON)?;
        let mail = change.mail.unwrap_or_else(|| person.mail.clone());
        check_mail(mail.as_deref())?;
        let before = person.record;
        let role = change.role.or(before.role).unwrap_or(Role::User);
        let is_disabled = change.is_disabled.unwrap_or(before.is_disabled);
        let mut tx = self.db().begin(permit.provenance()).await?;
        let after = (role, is_disabled, mail.as_deref());
        if !tx.update_person(&permit, id, version, after).await? {
            return Err(EngineError::LastAdmin);
        }
        let ended = if is_disabled { tx.end_sessions_of(&permit, id).await? } else { 0 };
        let detail = json!({
            "before": {
                "role": before.role.map(Role::name), "is_disabled": before.is_disabled,
                "mail": person.mail,
            },
            "after": { "role": role.name(), "is_disabled": is_disabled, "mail": mail },
            "sessions_ended": ended,
        });
        tx.commit(AuditEntry::about("person.updated", "person", id.as_str(), detail)).await?;
        self.db().person(id).await?.ok_or(NO_PERSON)
    }
}

fn check_mail(mail: Option<&str>) -> Result<()> {
    mail.map_or(Ok(()), |mail| check_address("/mail", mail))
}

/// A person as it was added at that moment.
fn added(new: &NewPerson, created: UnixMs, expected_mail: Option<String>) -> Person {
    let subject = match &new.identity {
        PersonIdentity::Subject(subject) => Some(subject.clone()),
        PersonIdentity::ExpectedMail(_) => None,
    };
    let principal = Principal {
        id: new.principal.id.clone(),
        kind: new.principal.kind,
        name: new.principal.name.clone(),
    };
    Person {
        record: PrincipalRecord {
            principal,
            description: String::new(),
            role: new.principal.role,
            is_disabled: false,
            created,
            version: 1,
        },
        issuer_id: Some(new.issuer_id.clone()),
        subject,
        user_name: new.user_name.clone(),
        signed_in: None,
        mail: new.mail.clone(),
        expected_mail,
    }
}
