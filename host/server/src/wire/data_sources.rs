//! Data sources and identities.

use grantry_api::data_sources as wire;
use grantry_engine::{DataSource, StoredIdentity};
use grantry_model::identity::{KnownBy, SignIn};
use grantry_model::ids::IssuerId;

use crate::problem::Problem;

/// A data source.
pub(crate) fn data_source(source: &DataSource) -> wire::DataSource {
    wire::DataSource {
        id: source.id.to_string(),
        name: source.name.clone(),
        description: source.description.clone(),
        columns: source.columns.clone(),
        identities: source.identities,
        created_ms: source.created.0,
        version: source.version,
        sign_in: source.sign_in.as_ref().map(|sign_in| wire::DataSourceSignIn {
            issuer_id: sign_in.issuer.to_string(),
            known_by: match sign_in.known_by {
                KnownBy::Subject => wire::KnownBy::Subject,
                KnownBy::VerifiedMail => wire::KnownBy::VerifiedMail,
            },
        }),
    }
}

/// Whose people its identities are, from the wire.
pub(crate) fn read_sign_in(sign_in: wire::DataSourceSignIn) -> Result<SignIn, Problem> {
    let issuer = IssuerId::parse(&sign_in.issuer_id);
    let invalid = |error: grantry_model::ids::InvalidId| {
        Problem::field("/sign_in/issuer_id", "invalid_id", error.to_string())
    };
    let known_by = match sign_in.known_by {
        wire::KnownBy::Subject => KnownBy::Subject,
        wire::KnownBy::VerifiedMail => KnownBy::VerifiedMail,
    };
    Ok(SignIn { issuer: issuer.map_err(invalid)?, known_by })
}

/// An identity.
pub(crate) fn identity(stored: &StoredIdentity) -> wire::Identity {
    let identity = &stored.identity;
    wire::Identity {
        id: identity.id.to_string(),
        data_source_id: identity.data_source.to_string(),
        external_id: identity.external_id.clone(),
        user_name: identity.user_name.clone(),
        email: identity.email.clone(),
        display_name: identity.display_name.clone(),
        is_active: identity.is_active,
        manager_external_id: identity.manager_external_id.clone(),
        attributes: identity.attributes.clone(),
        first_seen_ms: stored.first_seen.0,
        removed_ms: stored.removed.map(|at| at.0),
    }
}

/// A status, as the engine filters by it.
pub(crate) fn read_status(status: wire::IdentityStatus) -> &'static str {
    match status {
        wire::IdentityStatus::Active => "active",
        wire::IdentityStatus::Inactive => "inactive",
    }
}
