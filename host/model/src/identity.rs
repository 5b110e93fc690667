//! A person as a data source knows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{DataSourceId, IdentityId, IssuerId};

/// By what somebody who signs in is known in a data source (ADR 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// The issuer's subject (Entra ID: the object id) is the external id.
    Subject,
    /// The mail address that the issuer has verified is the e-mail address.
    VerifiedMail,
}

impl KnownBy {
    /// The name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::VerifiedMail => "verified_mail",
        }
    }

    /// The one of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Subject, Self::VerifiedMail].into_iter().find(|by| by.name() == name)
    }
}

/// The people of this issuer are identities of a data source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SignIn {
    pub issuer: IssuerId,
    pub known_by: KnownBy,
}

/// A person in a data source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Derived from the data source and the external id.
    pub id: IdentityId,
    /// Where it comes from.
    pub data_source: DataSourceId,
    /// Names the person within the data source; never changes.
    pub external_id: String,
    /// A short login name.
    pub user_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// What people call the person.
    pub display_name: String,
    /// Whether the person is with the organisation now.
    pub is_active: bool,
    /// The external id, in the same data source, of whom the person reports to.
    pub manager_external_id: Option<String>,
    /// Everything else that the data source tells, by column.
    pub attributes: BTreeMap<String, String>,
}
