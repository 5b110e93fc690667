//! People: who they are at their issuer, and their roles (PRM-6).

use grantry_authz::{Permit, Role, actions};
use grantry_model::clock::UnixMs;
use grantry_model::ids::{IssuerId, PrincipalId};
use grantry_model::permission::{Principal, PrincipalKind};

use crate::db::{Db, Row, Tx, args};
use crate::principals::{NewPrincipal, PrincipalRecord, insert};
use crate::{Result, StoreError, issuers, statements};

/// A stored person.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Person {
    pub record: PrincipalRecord,
    /// `None` for the local admin.
    pub issuer_id: Option<IssuerId>,
    /// Who the person is at the issuer; `None` until the first sign-in of one who is expected.
    pub subject: Option<String>,
    /// With which name the person signs in there; empty if the issuer did not tell.
    pub user_name: String,
    pub signed_in: Option<UnixMs>,
    /// Where the person gets mail.
    pub mail: Option<String>,
    /// The address, in lower case, that the first sign-in has to prove.
    pub expected_mail: Option<String>,
}

impl Person {
    /// Where the person gets mail, as far as it is known: the mail address, or else the name with
    /// which the person signs in, which may be one.
    pub fn address(&self) -> &str {
        self.mail.as_deref().unwrap_or(&self.user_name)
    }
}

/// By what a person is known at the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonIdentity {
    /// The object id of Entra ID, the subject elsewhere.
    Subject(String),
    /// A mail address in lower case, which the first sign-in has to prove. From then on the subject
    /// counts.
    ExpectedMail(String),
}

/// A person to be created.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewPerson {
    pub principal: NewPrincipal,
    pub issuer_id: IssuerId,
    pub identity: PersonIdentity,
    pub user_name: String,
    pub mail: Option<String>,
}

/// How long a person is expected, in milliseconds: 30 days. An address may be somebody else's later.
pub const EXPECTED_MS_MAX: i64 = 30 * 24 * 3_600_000;

statements! {
    INSERT = "INSERT INTO people (principal_id, issuer_id, subject, user_name, signed_in_ms) VALUES ($1, $2, $3, $4, NULL)";
    GET = "SELECT p.id, p.name, p.description, p.role, p.is_disabled, p.created_ms, p.version, COALESCE(o.issuer_id, x.issuer_id), o.subject, o.user_name, o.signed_in_ms, p.mail, x.mail_key FROM principals p LEFT JOIN people o ON o.principal_id = p.id LEFT JOIN expected_people x ON x.principal_id = p.id WHERE p.id = $1 AND p.kind = 'person'";
    FIND = "SELECT p.id, p.name, p.description, p.role, p.is_disabled, p.created_ms, p.version, COALESCE(o.issuer_id, x.issuer_id), o.subject, o.user_name, o.signed_in_ms, p.mail, x.mail_key FROM people o JOIN principals p ON p.id = o.principal_id LEFT JOIN expected_people x ON x.principal_id = p.id WHERE o.issuer_id = $1 AND o.subject = $2";
    LIST = "SELECT p.id, p.name, p.description, p.role, p.is_disabled, p.created_ms, p.version, COALESCE(o.issuer_id, x.issuer_id), o.subject, o.user_name, o.signed_in_ms, p.mail, x.mail_key FROM principals p LEFT JOIN people o ON o.principal_id = p.id LEFT JOIN expected_people x ON x.principal_id = p.id \
        WHERE p.kind = 'person' AND p.id > $1 AND ($3 = '' OR LOWER(p.name) LIKE $3 ESCAPE '\\' OR LOWER(o.user_name) LIKE $3 ESCAPE '\\' OR LOWER(p.mail) LIKE $3 ESCAPE '\\' OR x.mail_key LIKE $3 ESCAPE '\\') ORDER BY p.id LIMIT $2";
    FIND_EXPECTED = "SELECT p.id, p.name, p.description, p.role, p.is_disabled, p.created_ms, p.version, x.issuer_id, o.subject, o.user_name, o.signed_in_ms, p.mail, x.mail_key FROM expected_people x JOIN principals p ON p.id = x.principal_id LEFT JOIN people o ON o.principal_id = p.id WHERE x.issuer_id = $1 AND x.mail_key = $2 AND p.created_ms > $3";
    /// Somebody who has come from the issuer already, and may be the one who is expected.
    IS_THERE = "SELECT 1 FROM people o JOIN principals p ON p.id = o.principal_id WHERE o.issuer_id = $1 AND (LOWER(p.mail) = $2 OR LOWER(o.user_name) = $2) LIMIT 1";
    EXPECT = "INSERT INTO expected_people (principal_id, issuer_id, mail_key) VALUES ($1, $2, $3)";
    EXPECT_NO_MORE = "DELETE FROM expected_people WHERE principal_id = $1 AND issuer_id = $2 AND mail_key = $3";
    SET_MAIL = "UPDATE principals SET mail = $2, version = version + 1 WHERE id = $1 AND kind = 'person'";
    FILL_MAIL = "UPDATE principals SET mail = $2 WHERE id = $1 AND mail IS NULL";
    /// Changes of roles wait for each other here, so that two admins cannot remove each other.
    LOCK = "UPDATE first_admin SET id = 0 WHERE id = 0";
    UPDATE = "UPDATE principals SET role = $3, is_disabled = $4, mail = $5, version = version + 1 WHERE id = $1 AND version = $2 AND kind = 'person'";
    DELETE = "DELETE FROM principals WHERE id = $1 AND version = $2 AND kind = 'person'";
    OWNED = "SELECT COUNT(*) FROM integrations WHERE owner_id = $1";
    IS_ADMIN = "SELECT COUNT(*) FROM principals WHERE id = $1 AND kind = 'person' AND role = 'admin' AND is_disabled = 0";
    /// Who has never signed in and holds no token may be a mistake in an address: nobody at all.
    ADMINS = "SELECT COUNT(*) FROM principals p WHERE p.kind = 'person' AND p.role = 'admin' AND p.is_disabled = 0 AND (EXISTS (SELECT 1 FROM people o WHERE o.principal_id = p.id AND o.signed_in_ms IS NOT NULL) \
        OR EXISTS (SELECT 1 FROM tokens t WHERE t.principal_id = p.id AND t.scope IS NULL AND t.revoked_ms IS NULL AND (t.expires_ms IS NULL OR t.expires_ms > $1)))";
    ADMIN_ADDRESSES = "SELECT COALESCE(p.mail, o.user_name, '') FROM principals p LEFT JOIN people o ON o.principal_id = p.id WHERE p.kind = 'person' AND p.role = 'admin' AND p.is_disabled = 0 ORDER BY p.id LIMIT 200";
    SIGNED_IN = "UPDATE people SET user_name = $2, signed_in_ms = $3, verified_mail_key = $4 WHERE principal_id = $1";
    RENAME = "UPDATE principals SET name = $2 WHERE id = $1 AND name <> $2";
}

fn person(row: &Row) -> Result<Person> {
    let principal = Principal {
        id: row.parsed(0, "principal id", |text| PrincipalId::parse(text).ok())?,
        kind: PrincipalKind::Person,
        name: row.text(1)?,
    };
    let record = PrincipalRecord {
        principal,
        description: row.text(2)?,
        role: row.text_or_null(3)?.as_deref().and_then(Role::parse),
        is_disabled: row.is_true(4)?,
        created: row.time(5)?,
        version: row.int(6)?,
    };
    Ok(Person {
        record,
        issuer_id: row.text_or_null(7)?.and_then(|text| IssuerId::parse(&text).ok()),
        subject: row.text_or_null(8)?,
        user_name: row.text_or_null(9)?.unwrap_or_default(),
        signed_in: row.time_or_null(10)?,
        mail: row.text_or_null(11)?,
        expected_mail: row.text_or_null(12)?,
    })
}

impl Db {
    /// Where the admins get mail, as [`Person::address`]; not all of these are addresses.
    pub async fn admin_addresses(&self) -> Result<Vec<String>> {
        self.fetch(ADMIN_ADDRESSES, &[]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// The person with that id.
    pub async fn person(&self, id: &PrincipalId) -> Result<Option<Person>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(person).transpose()
    }

    /// The person whom an issuer calls so.
    pub async fn person_of(&self, issuer: &IssuerId, subject: &str) -> Result<Option<Person>> {
        let row = self.fetch_one(FIND, args![issuer.as_str(), subject]).await?;
        row.as_ref().map(person).transpose()
    }

    /// The person who is expected at an issuer with that address, in lower case, and was added not
    /// too long ago.
    pub async fn expected_person(&self, issuer: &IssuerId, mail: &str) -> Result<Option<Person>> {
        let since = self.now().plus_ms(-EXPECTED_MS_MAX);
        let row = self.fetch_one(FIND_EXPECTED, args![issuer.as_str(), mail, since]).await?;
        row.as_ref().map(person).transpose()
    }

    /// People after the given id whose names match the (already escaped) pattern.
    pub async fn list_people(&self, pattern: &str, after: &str, limit: u32) -> Result<Vec<Person>> {
        let rows = self.fetch(LIST, args![after, limit, pattern]).await?;
        rows.iter().map(person).collect()
    }
}

impl Tx {
    /// Creates a person who comes from an issuer, or is expected from there. Refused if the issuer is
    /// gone.
    pub async fn create_person(
        &mut self,
        _: &Permit<actions::PersonWrite>,
        new: &NewPerson,
    ) -> Result<()> {
        issuers::hold(self, &new.issuer_id).await?;
        let now = self.now();
        insert(self, &new.principal, now).await?;
        let (id, issuer) = (new.principal.id.as_str(), new.issuer_id.as_str());
        if let Some(mail) = &new.mail {
            self.execute(FILL_MAIL, args![id, mail]).await?;
        }
        let inserted = match &new.identity {
            PersonIdentity::Subject(subject) => {
                self.execute(INSERT, args![id, issuer, subject, &new.user_name]).await
            }
            PersonIdentity::ExpectedMail(mail) => {
                if self.fetch_one(IS_THERE, args![issuer, mail]).await?.is_some() {
                    return Err(StoreError::AlreadyExists { what: "person" });
                }
                self.execute(EXPECT, args![id, issuer, mail]).await
            }
        };
        inserted.map(drop).map_err(|error| error.or_already_exists("person"))
    }

    /// Says who an expected person, who has just proven the address, is at the issuer; false, and
    /// nothing may be committed, if that was said before.
    pub async fn recognize_person(
        &mut self,
        _: &Permit<actions::PersonWrite>,
        id: &PrincipalId,
        (issuer, subject): (&IssuerId, &str),
        (mail, user_name): (&str, &str),
    ) -> Result<bool> {
        issuers::hold(self, issuer).await?;
        let (id, issuer) = (id.as_str(), issuer.as_str());
        if self.execute(EXPECT_NO_MORE, args![id, issuer, mail]).await? == 0 {
            return Ok(false);
        }
        let inserted = self.execute(INSERT, args![id, issuer, subject, user_name]).await;
        inserted.map(|_| true).map_err(|error| error.or_already_exists("person"))
    }

    /// Sets role, state and mail address of a person who is still at that version; false, and the
    /// change must not be committed, if an admin goes and nobody would be left who can administer.
    pub async fn update_person(
        &mut self,
        _: &Permit<actions::PersonWrite>,
        id: &PrincipalId,
        version: i64,
        (role, is_disabled, mail): (Role, bool, Option<&str>),
    ) -> Result<bool> {
        self.execute(LOCK, &[]).await?;
        let was_admin = self.is_admin(id).await?;
        let args = args![id.as_str(), version, role.name(), is_disabled, mail];
        if self.execute(UPDATE, args).await? == 0 {
            return Err(StoreError::VersionConflict { what: "person" });
        }
        let is_admin = role == Role::Admin && !is_disabled;
        Ok(is_admin || !was_admin || self.is_administered().await?)
    }

    /// Removes a person who is still at that version, with sessions and permissions; false, and the
    /// change must not be committed, if nobody would be left who can administer. Tokens stay, and are
    /// refused as those of nobody.
    pub async fn delete_person(
        &mut self,
        _: &Permit<actions::PersonWrite>,
        id: &PrincipalId,
        version: i64,
    ) -> Result<bool> {
        self.execute(LOCK, &[]).await?;
        let was_admin = self.is_admin(id).await?;
        if self.execute(DELETE, args![id.as_str(), version]).await? == 0 {
            return Err(StoreError::VersionConflict { what: "person" });
        }
        Ok(!was_admin || self.is_administered().await?)
    }

    /// How many integrations a person owns.
    pub async fn owned_integrations(&mut self, id: &PrincipalId) -> Result<u64> {
        let row = self.fetch_one(OWNED, args![id.as_str()]).await?;
        Ok(u64::try_from(row.map_or(Ok(0), |row| row.int(0))?).unwrap_or(0))
    }

    async fn is_admin(&mut self, id: &PrincipalId) -> Result<bool> {
        let row = self.fetch_one(IS_ADMIN, args![id.as_str()]).await?;
        row.map_or(Ok(false), |row| row.is_true(0))
    }

    /// Whether somebody can administer who has shown that they can sign in.
    async fn is_administered(&mut self) -> Result<bool> {
        let now = self.now();
        self.fetch_one(ADMINS, args![now]).await?.map_or(Ok(false), |row| row.is_true(0))
    }

    /// Sets the mail address of the person who acts.
    pub async fn set_own_mail(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        mail: Option<&str>,
    ) -> Result<()> {
        let id = permit.provenance().principal_id.clone();
        self.execute(SET_MAIL, args![id.as_str(), mail]).await.map(drop)
    }

    /// Notes a sign-in of the person who acts, with what the issuer told: names, and a verified mail
    /// address, which also becomes the own one of whoever has none yet.
    pub async fn person_signed_in(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        name: Option<&str>,
        user_name: &str,
        mail: Option<&str>,
    ) -> Result<()> {
        let (id, now) = (permit.provenance().principal_id.clone(), self.now());
        if let Some(name) = name {
            self.execute(RENAME, args![id.as_str(), name]).await?;
        }
        if let Some(mail) = mail {
            self.execute(FILL_MAIL, args![id.as_str(), mail]).await?;
        }
        let verified = mail.and_then(grantry_model::mapping::key);
        self.execute(SIGNED_IN, args![id.as_str(), user_name, now, &verified]).await.map(drop)
    }
}
