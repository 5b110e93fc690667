//! Issuers: who is trusted to say who somebody is.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which habits an issuer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssuerKind {
    /// Microsoft Entra ID: one tenant; clients and people are named by their object ids.
    Entra,
    /// Any other issuer with a discovery document; clients and people are named by `sub`.
    Generic,
}

/// An issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Issuer {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Which habits it has.
    pub kind: IssuerKind,
    /// Its identifier; its discovery document is below.
    pub url: String,
    /// The directory that all its tokens must name.
    pub tenant_id: Option<String>,
    /// What Grantry is called in access tokens: the audience that clients ask for.
    pub audience: String,
    /// Grantry's own registration there, with which people sign in; without one they cannot.
    pub client_id: Option<String>,
    /// Whether that registration's secret is stored. It is never shown.
    pub has_client_secret: bool,
    /// With which algorithms its tokens may be signed.
    pub algorithms: Vec<String>,
    /// The loopback address that may be asked without TLS.
    pub address_exception: Option<String>,
    /// Where clients fetch tokens.
    pub token_endpoint: Option<String>,
    /// Whether everybody whom it vouches for can sign in, and is a person with the role `user` from
    /// then on.
    pub allows_sign_up: bool,
    /// What an admin should know about this choice.
    pub warnings: Vec<String>,
    /// When it was created.
    pub created_ms: i64,
}

/// An issuer to be trusted. It is asked for its discovery document and keys before it is saved.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateIssuer {
    /// What people call it; shown to those who sign in.
    #[schema(example = "Example Ltd", min_length = 1, max_length = 200)]
    pub name: String,
    /// Which habits it has.
    #[schema(value_type = String, example = "entra", pattern = "^(entra|generic)$")]
    pub kind: IssuerKind,
    /// Its identifier, exactly as its discovery document says. For Entra ID it follows from the
    /// tenant.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub url: Option<String>,
    /// The directory that all its tokens must name: the tenant id of Entra ID, which needs one.
    #[serde(default)]
    #[schema(example = "11111111-2222-4333-8444-555555555555", max_length = 500)]
    pub tenant_id: Option<String>,
    /// What Grantry is called in access tokens: its own Application ID URI.
    #[schema(example = "api://33333333-4444-4555-8666-777777777777", max_length = 500)]
    pub audience: String,
    /// Grantry's own registration there, if people are to sign in by it.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub client_id: Option<String>,
    /// That registration's secret. It is encrypted and never shown.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub client_secret: Option<String>,
    /// With which algorithms its tokens may be signed; `RS256` unless told. `RS`, `PS` (256 to 512),
    /// `ES256`, `ES384` and `EdDSA` exist.
    #[serde(default)]
    #[schema(example = json!(["RS256"]))]
    pub algorithms: Option<Vec<String>>,
    /// The exact loopback address and port that may be asked without TLS: for trying, and for an
    /// issuer on the same machine.
    #[serde(default)]
    pub address_exception: Option<String>,
    /// Whether everybody whom it vouches for can sign in.
    #[serde(default)]
    #[schema(example = false)]
    pub allows_sign_up: bool,
}

/// A change of an issuer: what is missing stays. Kind, URL and tenant cannot change: another issuer
/// is another trust.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateIssuer {
    /// What people call it.
    #[serde(default)]
    #[schema(example = "Example Ltd", min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What Grantry is called in access tokens.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub audience: Option<String>,
    /// Grantry's own registration. Without a new secret the old one is forgotten.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub client_id: Option<String>,
    /// That registration's new secret.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub client_secret: Option<String>,
    /// With which algorithms its tokens may be signed.
    #[serde(default)]
    pub algorithms: Option<Vec<String>>,
    /// The loopback address that may be asked without TLS; an empty text takes it back.
    #[serde(default)]
    pub address_exception: Option<String>,
    /// Whether everybody whom it vouches for can sign in.
    #[serde(default)]
    pub allows_sign_up: Option<bool>,
}

/// What an issuer says about itself now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuerCheck {
    /// Where people sign in.
    pub authorization_endpoint: Option<String>,
    /// Where tokens are fetched.
    pub token_endpoint: Option<String>,
    /// Where its keys are.
    pub jwks_uri: String,
    /// How many of its keys can be used.
    pub keys: usize,
}

/// What applications are searched by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApplicationQuery {
    /// Words of the name, or their beginnings.
    #[param(example = "help desk", min_length = 1, max_length = 200)]
    pub search: String,
}

/// An application of an issuer's directory, which could be registered as a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectoryApplication {
    /// For the registration's `application_id`.
    pub application_id: String,
    /// For the registration's `object_id`: that of Entra's enterprise application.
    pub object_id: String,
    /// What the directory calls it.
    pub name: String,
}

/// What a search in an issuer's directory found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applications {
    /// At most fifty, in the directory's order.
    pub items: Vec<DirectoryApplication>,
    /// Whether there are others: say more words.
    pub has_more: bool,
}
