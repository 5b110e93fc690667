//! Identities: the people of a data source.

use grantry_model::clock::UnixMs;
use grantry_model::csv::ListedPerson;
use grantry_model::identity::Identity;
use grantry_model::ids::{DataSourceId, IdentityId, PrincipalId};

use crate::catalogue::{RowQuery, search_pattern};
use crate::db::{Db, Row, args};
use crate::{Result, statements};

/// A stored identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIdentity {
    /// Who.
    pub identity: Identity,
    /// When the data source told of it first.
    pub first_seen: UnixMs,
    /// Since when the data source does not have it any more.
    pub removed: Option<UnixMs>,
}

/// The identities that somebody (`$1`) who signs in is: one of a data source, if its identities are told
/// apart by what the issuer vouches for. Who is gone, or not active any more, is nobody.
macro_rules! own_identities {
    () => {
        "SELECT MIN(own.id) FROM (\
            SELECT s.id AS source, i.id AS id FROM people p JOIN data_sources s ON s.issuer_id = p.issuer_id AND s.known_by = 'subject' JOIN identities i ON i.data_source_id = s.id AND i.external_id = p.subject \
                WHERE p.principal_id = $1 AND i.removed_ms IS NULL AND i.is_active = 1 \
            UNION ALL SELECT s.id AS source, i.id AS id FROM people p JOIN data_sources s ON s.issuer_id = p.issuer_id AND s.known_by = 'verified_mail' JOIN identities i ON i.data_source_id = s.id AND i.email_key = p.verified_mail_key \
                WHERE p.principal_id = $1 AND i.removed_ms IS NULL AND i.is_active = 1) own GROUP BY own.source HAVING COUNT(*) = 1"
    };
}
pub(crate) use own_identities;

statements! {
    OWN = concat!("SELECT id, data_source_id, external_id, user_name, email, display, is_active, manager_external_id, details, first_seen_ms, removed_ms FROM identities WHERE id IN (", own_identities!(), ") ORDER BY data_source_id");
    GET = "SELECT id, data_source_id, external_id, user_name, email, display, is_active, manager_external_id, details, first_seen_ms, removed_ms FROM identities WHERE id = $1";
    LIST = "SELECT id, data_source_id, external_id, user_name, email, display, is_active, manager_external_id, details, first_seen_ms, removed_ms FROM identities \
        WHERE data_source_id = $1 AND id > $2 AND ($3 = '' OR search LIKE $3 ESCAPE '\\') AND ($4 = '' OR is_active = CASE $4 WHEN 'active' THEN 1 ELSE 0 END) AND removed_ms IS NULL ORDER BY id LIMIT $5";
}

fn identity(row: &Row) -> Result<StoredIdentity> {
    let identity = Identity {
        id: row.parsed(0, "identity id", |text| IdentityId::parse(text).ok())?,
        data_source: row.parsed(1, "data source id", |text| DataSourceId::parse(text).ok())?,
        external_id: row.text(2)?,
        user_name: row.text_or_null(3)?,
        email: row.text_or_null(4)?,
        display_name: row.text(5)?,
        is_active: row.is_true(6)?,
        manager_external_id: row.text_or_null(7)?,
        attributes: row.json::<ListedPerson>(8, "person")?.attributes,
    };
    Ok(StoredIdentity { identity, first_seen: row.time(9)?, removed: row.time_or_null(10)? })
}

impl Db {
    /// The identity with that id; removed ones too.
    pub async fn identity(&self, id: &IdentityId) -> Result<Option<StoredIdentity>> {
        self.fetch_one(GET, args![id.as_str()]).await?.as_ref().map(identity).transpose()
    }

    /// The identities that somebody who signs in is: at most one of a data source.
    pub async fn own_identities(&self, person: &PrincipalId) -> Result<Vec<StoredIdentity>> {
        self.fetch(OWN, args![person.as_str()]).await?.iter().map(identity).collect()
    }

    /// Identities of a data source; `query.status` is `active`, `inactive` or empty.
    pub async fn list_identities(
        &self,
        source: &DataSourceId,
        query: &RowQuery,
    ) -> Result<Vec<StoredIdentity>> {
        let pattern = search_pattern(&query.search);
        let args = args![source.as_str(), &query.after, &pattern, &query.status, query.limit];
        self.fetch(LIST, args).await?.iter().map(identity).collect()
    }
}
