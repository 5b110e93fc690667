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
    /// Who the person is at the issuer.
    pub subject: Option<String>,
    /// With which name the person signs in there; empty if the issuer did not tell.
    pub user_name: String,
    pub signed_in: Option<UnixMs>,
}

/// A person to be created.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewPerson {
    pub principal: NewPrincipal,
    pub issuer_id: IssuerId,
    pub subject: String,
    pub user_name: String,
}

statements! {
    INSERT = "INSERT INTO people (principal_id, issuer_id, subject, user_name, signed_in_ms) VALUES ($1, $2, $3, $4, NULL)";
    GET = "SELECT p.id, p.name, p.description, p.role, p.is_disabled, p.created_ms, p.version, o.issuer_id, o.subject, o.user_name, o.signed_in_ms FROM principals p LEFT JOIN people o ON o.principal_id = p.id WHERE p.id = $1 AND p.kind = 'person'";
    FIND = "SELECT p.id, p.name, p.description, p.role, p.is_disabled, p.created_ms, p.version, o.issuer_id, o.subject, o.user_name, o.signed_in_ms FROM people o JOIN principals p ON p.id = o.principal_id WHERE o.issuer_id = $1 AND o.subject = $2";
    LIST = "SELECT p.id, p.name, p.description, p.role, p.is_disabled, p.created_ms, p.version, o.issuer_id, o.subject, o.user_name, o.signed_in_ms FROM principals p LEFT JOIN people o ON o.principal_id = p.id \
        WHERE p.kind = 'person' AND p.id > $1 AND ($3 = '' OR LOWER(p.name) LIKE $3 ESCAPE '\\' OR LOWER(o.user_name) LIKE $3 ESCAPE '\\') ORDER BY p.id LIMIT $2";
    /// Changes of roles wait for each other here, so that two admins cannot remove each other.
    LOCK = "UPDATE first_admin SET id = 0 WHERE id = 0";
    UPDATE = "UPDATE principals SET role = $3, is_disabled = $4, version = version + 1 WHERE id = $1 AND version = $2 AND kind = 'person'";
    ADMINS = "SELECT COUNT(*) FROM principals WHERE kind = 'person' AND role = 'admin' AND is_disabled = 0";
    ADMIN_NAMES = "SELECT o.user_name FROM people o JOIN principals p ON p.id = o.principal_id WHERE p.kind = 'person' AND p.role = 'admin' AND p.is_disabled = 0 ORDER BY p.id LIMIT 200";
    SIGNED_IN = "UPDATE people SET user_name = $2, signed_in_ms = $3 WHERE principal_id = $1";
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
    })
}

impl Db {
    /// With which names the admins sign in at their issuers.
    pub async fn admin_user_names(&self) -> Result<Vec<String>> {
        self.fetch(ADMIN_NAMES, &[]).await?.iter().map(|row| row.text(0)).collect()
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

    /// People after the given id whose names match the (already escaped) pattern.
    pub async fn list_people(&self, pattern: &str, after: &str, limit: u32) -> Result<Vec<Person>> {
        let rows = self.fetch(LIST, args![after, limit, pattern]).await?;
        rows.iter().map(person).collect()
    }
}

impl Tx {
    /// Creates a person who comes from an issuer. Refused if the issuer is gone.
    pub async fn create_person(
        &mut self,
        _: &Permit<actions::PersonWrite>,
        new: &NewPerson,
    ) -> Result<()> {
        issuers::hold(self, &new.issuer_id).await?;
        let now = self.now();
        insert(self, &new.principal, now).await?;
        let args =
            args![new.principal.id.as_str(), new.issuer_id.as_str(), &new.subject, &new.user_name];
        let inserted = self.execute(INSERT, args).await;
        inserted.map(drop).map_err(|error| error.or_already_exists("person"))
    }

    /// Sets role and state of a person who is still at that version; false, and the change must not
    /// be committed, if nobody would be left who can administer.
    pub async fn update_person(
        &mut self,
        _: &Permit<actions::PersonWrite>,
        id: &PrincipalId,
        version: i64,
        (role, is_disabled): (Role, bool),
    ) -> Result<bool> {
        self.execute(LOCK, &[]).await?;
        if self.execute(UPDATE, args![id.as_str(), version, role.name(), is_disabled]).await? == 0 {
            return Err(StoreError::VersionConflict { what: "person" });
        }
        self.fetch_one(ADMINS, &[]).await?.map_or(Ok(false), |row| row.is_true(0))
    }

    /// Notes a sign-in of the person who acts, with the names that the issuer told.
    pub async fn person_signed_in(
        &mut self,
        permit: &Permit<actions::OwnAccount>,
        name: Option<&str>,
        user_name: &str,
    ) -> Result<()> {
        let (id, now) = (permit.provenance().principal_id.clone(), self.now());
        if let Some(name) = name {
            self.execute(RENAME, args![id.as_str(), name]).await?;
        }
        self.execute(SIGNED_IN, args![id.as_str(), user_name, now]).await.map(drop)
    }
}
