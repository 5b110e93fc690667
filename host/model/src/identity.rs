//! A person as a data source knows them.

use std::collections::BTreeMap;

use crate::ids::{DataSourceId, IdentityId};

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
