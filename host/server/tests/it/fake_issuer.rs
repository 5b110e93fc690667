//! An issuer without a network: what it is asked for, it answers. Judging signatures is tested where
//! they are judged.

use async_trait::async_trait;
use grantry_model::oidc::{
    AccessClaims, Applications, DirectoryApplication, DirectoryFault, Discovery, IdentityProvider,
    PersonClaims, ProviderFault, SignInRequest, TokenFault, TrustedIssuer,
};
use grantry_model::secret::Secret;

/// Believes `jwt|<issuer's url>|<application>|<object>` and codes that are names of people. Whoever is
/// called `ada.2` has the same address as `ada`; that of `eve?` is not verified.
pub struct FakeIssuer;

#[async_trait]
impl IdentityProvider for FakeIssuer {
    async fn discover(&self, issuer: &TrustedIssuer) -> Result<Discovery, ProviderFault> {
        if issuer.url.contains("down") {
            return Err(ProviderFault::Unavailable("it cannot be reached".to_owned()));
        }
        Ok(Discovery {
            authorization_endpoint: Some(format!("{}/authorize", issuer.url)),
            token_endpoint: Some(format!("{}/token", issuer.url)),
            jwks_uri: format!("{}/keys", issuer.url),
            wants_secret_in_body: false,
            keys: 1,
        })
    }

    fn claimed_issuer(&self, token: &str) -> Option<String> {
        token.strip_prefix("jwt|")?.split('|').next().map(str::to_owned)
    }

    async fn access_claims(
        &self,
        _: &TrustedIssuer,
        token: &str,
    ) -> Result<AccessClaims, TokenFault> {
        let parts: Vec<&str> = token.split('|').collect();
        match parts[2] {
            "late" => Err(TokenFault::Expired),
            "early" => Err(TokenFault::NotYetValid),
            "forged" => Err(TokenFault::Invalid("the signature is wrong")),
            "unknown" => Err(ProviderFault::Unavailable("it cannot be reached".to_owned()).into()),
            application => Ok(AccessClaims {
                application_id: application.to_owned(),
                object_id: parts[3].to_owned(),
            }),
        }
    }

    async fn sign_in_url(
        &self,
        issuer: &TrustedIssuer,
        request: &SignInRequest,
    ) -> Result<String, ProviderFault> {
        let (state, back) = (request.state.expose(), &request.redirect_uri);
        Ok(format!("{}/authorize?state={state}&redirect_uri={back}", issuer.url))
    }

    async fn redeem(
        &self,
        _: &TrustedIssuer,
        _: Option<&Secret>,
        _: &SignInRequest,
        code: &str,
    ) -> Result<PersonClaims, TokenFault> {
        if code == "refused" {
            return Err(TokenFault::Invalid("the issuer refused the code"));
        }
        let who = code.split('.').next().unwrap_or_default();
        let is_verified = !code.ends_with('?');
        Ok(PersonClaims {
            verified_mail: is_verified.then(|| format!("{who}@Example.com")),
            subject: format!("subject-of-{code}"),
            name: Some(code.to_owned()),
            user_name: Some(format!("{code}@example.com")),
        })
    }

    async fn applications(
        &self,
        issuer: &TrustedIssuer,
        secret: &Secret,
        search: &str,
    ) -> Result<Applications, DirectoryFault> {
        let client_id = issuer.client_id.clone().unwrap();
        match (secret.expose(), search) {
            ("expired", _) => Err(DirectoryFault::RegistrationRefused),
            (_, "not consented") => Err(DirectoryFault::ConsentMissing { client_id }),
            (_, "down") => Err(ProviderFault::Unavailable("it cannot be reached".into()).into()),
            _ => Ok(Applications {
                items: vec![DirectoryApplication {
                    application_id: "aaaaaaaa-0000-4000-8000-000000000001".to_owned(),
                    object_id: "bbbbbbbb-0000-4000-8000-000000000001".to_owned(),
                    name: search.to_owned(),
                }],
                has_more: false,
            }),
        }
    }
}
