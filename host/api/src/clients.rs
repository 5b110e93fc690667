//! Clients: external systems that call this API, and their tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Client {
    /// Its id, which is also its principal's id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether its tokens are refused.
    pub is_disabled: bool,
    /// Which application of an issuer it is; without one it has tokens of this installation.
    pub registration: Option<Registration>,
    /// When it was created.
    pub created_ms: i64,
}

/// Which application of an issuer a client is, and how it gets a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registration {
    /// The issuer.
    pub issuer_id: String,
    /// The issuer's tenant, if it has one.
    pub tenant_id: Option<String>,
    /// The application (client) id.
    pub application_id: String,
    /// The principal: the object id of the service principal in Entra ID, the `sub` of the client's
    /// tokens elsewhere.
    pub object_id: String,
    /// How the client gets a token.
    pub token_request: TokenRequest,
}

/// How a client gets a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenRequest {
    /// What Grantry is called in the token.
    pub audience: String,
    /// Where the token is fetched.
    pub token_endpoint: Option<String>,
    /// A command to copy. It reads the client's secret from the environment variable
    /// `CLIENT_SECRET`.
    pub curl: String,
    /// What the issuer's administrator has to see to.
    pub consent: Vec<String>,
}

/// An application of an issuer to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRegistration {
    /// The issuer.
    pub issuer_id: String,
    /// The application (client) id.
    #[schema(max_length = 500)]
    pub application_id: String,
    /// The principal: the object id of the service principal (the *enterprise application*, not the
    /// app registration) in Entra ID, the `sub` of the client's tokens elsewhere.
    #[schema(max_length = 500)]
    pub object_id: String,
}

/// A client to be created. It holds no permission at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateClient {
    /// What people call it.
    #[schema(example = "Help desk", min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
    /// Which application of an issuer it is. Without one it gets tokens of this installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<CreateRegistration>,
}

/// A change of a client: what is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateClient {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Whether it is refused, with every token, from the next request on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_disabled: Option<bool>,
}

/// A client's token, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id, which is also the first part of its text.
    pub id: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends by itself.
    pub expires_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// When it was last used, to the minute.
    pub used_ms: Option<i64>,
}

/// A token to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// When it ends by itself; never, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
}

/// A new token. This is the only time that its text is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// The token, for `Authorization: Bearer …`. Missing in the answer to a repeated request: it is
    /// not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What is kept of it.
    #[serde(flatten)]
    pub stored: Token,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("stored", &self.stored).finish_non_exhaustive()
    }
}
