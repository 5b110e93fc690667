//! Who calls: the seam between HTTP and whatever proves an identity.

use async_trait::async_trait;
use grantry_authz::Door;
use grantry_engine::{AuthenticationError, Ctx, Engine, EngineError};

/// Proves who calls with a bearer token. Session cookies are `credentials.rs`.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The caller behind a bearer token, with its permissions as they are now.
    async fn authenticate(
        &self,
        engine: &Engine,
        token: &str,
        request_id: &str,
    ) -> Result<Result<Ctx, AuthenticationError>, EngineError>;
}

/// Tokens that this installation issued, and those of the issuers that it trusts.
pub struct BearerTokens;

#[async_trait]
impl Authenticator for BearerTokens {
    async fn authenticate(
        &self,
        engine: &Engine,
        token: &str,
        request_id: &str,
    ) -> Result<Result<Ctx, AuthenticationError>, EngineError> {
        engine.authenticate(token, Door::Http, request_id).await
    }
}
