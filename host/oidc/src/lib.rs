//! OpenID Connect: asks issuers for their keys, and judges the tokens that they signed.
//!
//! Judging is pure ([`jws`], [`access`], [`identity`]: text, keys and a moment in, claims or a fault
//! out). The network is [`fetch`], bounded in time and size; [`known`] remembers keys and decides when
//! an issuer may be asked again. Who may do what is not decided here. Start with [`Issuers`].

mod access;
mod claims;
mod directory;
mod discovery;
pub mod fetch;
mod identity;
mod jws;
mod keys;
mod known;
mod sign_in;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use grantry_model::clock::Clock;
use grantry_model::oidc::{
    AccessClaims, Applications, DirectoryFault, Discovery, IdentityProvider, PersonClaims,
    ProviderFault, SignInRequest, TokenFault, TrustedIssuer,
};
use grantry_model::secret::Secret;
use grantry_model::text::is_hiding;

use fetch::{Fetch, Http};
use known::KnownIssuers;

/// Speaks to issuers and judges what they sign.
pub struct Issuers {
    known: KnownIssuers,
    clock: Arc<dyn Clock>,
}

impl Issuers {
    /// Over HTTP.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::fetching(Arc::new(Http), clock)
    }

    /// Over another way to fetch documents, for tests.
    pub fn fetching(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self { known: KnownIssuers::new(fetch), clock }
    }
}

#[async_trait]
impl IdentityProvider for Issuers {
    async fn discover(&self, issuer: &TrustedIssuer) -> Result<Discovery, ProviderFault> {
        let (discovery, keys) = discovery::ask(self.known.fetch(), issuer).await?;
        if keys.len() == 0 {
            let why = "its key set holds no key that can verify a signature here";
            return Err(ProviderFault::Refused(why.to_owned()));
        }
        Ok(Discovery { keys: keys.len(), ..discovery })
    }

    fn claimed_issuer(&self, token: &str) -> Option<String> {
        let token = jws::Token::parse(token).ok()?;
        let claims = token.unproven_claims().ok()?;
        // It is looked up before anything is proven: no database has to hold what hides something.
        claims.text("iss").filter(|issuer| !is_hiding(issuer)).map(str::to_owned)
    }

    async fn access_claims(
        &self,
        issuer: &TrustedIssuer,
        token: &str,
    ) -> Result<AccessClaims, TokenFault> {
        let token = jws::Token::parse(token)?;
        token.check_type(&["jwt", "at+jwt", "application/at+jwt"])?;
        let now = self.clock.now();
        let claims = self.known.verify(issuer, &token, now).await?;
        access::judge(issuer, &claims, now)
    }

    async fn sign_in_url(
        &self,
        issuer: &TrustedIssuer,
        request: &SignInRequest,
    ) -> Result<String, ProviderFault> {
        let discovery = self.known.discovery(issuer, self.clock.now()).await?;
        sign_in::url(issuer, &discovery, request)
    }

    async fn redeem(
        &self,
        issuer: &TrustedIssuer,
        secret: Option<&Secret>,
        request: &SignInRequest,
        code: &str,
    ) -> Result<PersonClaims, TokenFault> {
        let now = self.clock.now();
        let discovery = self.known.discovery(issuer, now).await?;
        let fetch = self.known.fetch();
        let token = sign_in::redeem(fetch, issuer, &discovery, secret, request, code).await?;
        let token = jws::Token::parse(&token)?;
        token.check_type(&["jwt"])?;
        let claims = self.known.verify(issuer, &token, now).await?;
        identity::judge(issuer, &claims, &request.nonce, now)
    }

    async fn applications(
        &self,
        issuer: &TrustedIssuer,
        secret: &Secret,
        search: &str,
    ) -> Result<Applications, DirectoryFault> {
        let graph = issuer.graph_url().ok_or(DirectoryFault::NotOffered)?;
        let discovery = self.known.discovery(issuer, self.clock.now()).await?;
        directory::search(self.known.fetch(), issuer, (&discovery, &graph), secret, search).await
    }
}
