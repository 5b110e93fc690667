//! OpenID Connect in Grantry's own words: which issuers are trusted for what, what a good token
//! says, and the trait behind which the network and the signatures are.
//!
//! Pure: who may act is decided elsewhere, from what [`IdentityProvider`] proves.

use std::net::SocketAddr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::ids::IssuerId;
use crate::secret::Secret;

/// How far the clocks of an issuer and of this host may differ, in seconds.
pub const SKEW_S: i64 = 60;

/// Which habits an issuer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerKind {
    /// Microsoft Entra ID: one tenant, tokens of version 1 and 2, principals named by `oid`.
    Entra,
    /// Any other issuer that publishes a discovery document; principals are named by `sub`.
    Generic,
}

impl IssuerKind {
    /// The kind's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Generic => "generic",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Entra, Self::Generic].into_iter().find(|kind| kind.name() == name)
    }
}

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037). Only asymmetric ones can be said: there
/// is no word here for `none` or for the HMAC family, so no issuer can be set to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum SigningAlgorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "RS384")]
    Rs384,
    #[serde(rename = "RS512")]
    Rs512,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "PS384")]
    Ps384,
    #[serde(rename = "PS512")]
    Ps512,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// What is trusted of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// Its id in Grantry.
    pub id: IssuerId,
    /// Which habits it has.
    pub kind: IssuerKind,
    /// Its identifier, to which `/.well-known/openid-configuration` is appended.
    pub url: String,
    /// The directory that all its tokens must name.
    pub tenant_id: Option<String>,
    /// What Grantry is called in access tokens, such as `api://…`.
    pub audience: String,
    /// What Grantry is called in ID tokens: the id of its own registration, for people's sign-in.
    pub client_id: Option<String>,
    /// With which algorithms its tokens may be signed.
    pub algorithms: Vec<SigningAlgorithm>,
    /// The loopback address that may be asked without TLS.
    pub address_exception: Option<SocketAddr>,
}

impl TrustedIssuer {
    /// The `iss` of version 1 tokens: Entra signs them for every API that did not ask for version 2,
    /// with the same keys.
    pub fn v1_url(&self) -> Option<String> {
        let tenant = self.tenant_id.as_ref().filter(|_| self.kind == IssuerKind::Entra)?;
        let is_china = self.url.starts_with("https://login.partner.microsoftonline.cn/");
        let host = if is_china { "sts.chinacloudapi.cn" } else { "sts.windows.net" };
        Some(format!("https://{host}/{tenant}/"))
    }

    /// Where the directory of an Entra tenant is searched: Microsoft Graph of its cloud. An issuer at an
    /// excepted address has it there.
    pub fn graph_url(&self) -> Option<String> {
        if self.kind != IssuerKind::Entra {
            return None;
        }
        let clouds = [
            ("https://login.microsoftonline.com/", "https://graph.microsoft.com"),
            ("https://login.microsoftonline.us/", "https://graph.microsoft.us"),
            (
                "https://login.partner.microsoftonline.cn/",
                "https://microsoftgraph.chinacloudapi.cn",
            ),
        ];
        let cloud = clouds.iter().find(|(login, _)| self.url.starts_with(login));
        let excepted = || self.address_exception.map(|address| format!("http://{address}"));
        cloud.map(|(_, graph)| (*graph).to_owned()).or_else(excepted)
    }

    /// Whether an access token may name this issuer.
    pub fn is_issuer(&self, iss: &str) -> bool {
        iss == self.url || self.v1_url().as_deref() == Some(iss)
    }

    /// Whether an access token with this audience is for Grantry. Entra's version 2 tokens name the
    /// bare application id where version 1 tokens name the whole `api://…`.
    pub fn is_audience(&self, aud: &str) -> bool {
        let is_bare = || {
            let bare = self.audience.strip_prefix("api://");
            bare == Some(aud) || self.client_id.as_deref() == Some(aud)
        };
        aud == self.audience || (self.kind == IssuerKind::Entra && is_bare())
    }
}

/// What an issuer's discovery document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Where people sign in.
    pub authorization_endpoint: Option<String>,
    /// Where tokens are fetched.
    pub token_endpoint: Option<String>,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Whether the token endpoint takes the secret in the request's body only.
    pub wants_secret_in_body: bool,
    /// How many usable keys it has now.
    pub keys: usize,
}

/// Why an issuer cannot be used now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFault {
    /// It does not answer, or not with what was asked for.
    #[error("the issuer cannot be asked: {0}")]
    Unavailable(String),
    /// It answers with something that must not be trusted.
    #[error("the issuer's answer is not acceptable: {0}")]
    Refused(String),
}

/// Why a token is not accepted (security.md section 4, rows 2 to 5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is not a token for Grantry from this issuer; the words are for the log.
    #[error("{0}")]
    Invalid(&'static str),
    /// It was one, but no longer.
    #[error("the token has expired")]
    Expired,
    /// It will be one.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The issuer's keys cannot be had now.
    #[error(transparent)]
    Provider(#[from] ProviderFault),
}

/// Whether a text is an id that Entra gives: a GUID in lower case.
pub fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// Why an issuer's directory cannot be searched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryFault {
    /// The issuer has none that can be searched, or Grantry has no registration with a secret there.
    #[error(
        "applications are searched in the directory of an issuer of the kind `entra` that has a \
         `client_id` and `client_secret`: type the ids instead"
    )]
    NotOffered,
    /// The token endpoint does not take Grantry's own registration.
    #[error(
        "the issuer refuses Grantry's own registration: its `client_id` or secret is wrong, or the \
         secret has expired. Make a new secret and tell it as `client_secret`"
    )]
    RegistrationRefused,
    /// The directory does not show applications to Grantry's own registration.
    #[error(
        "Grantry's own registration `{client_id}` may not read applications. In the Entra admin \
         centre, *App registrations*, *API permissions*, add the application permission \
         `Application.Read.All` of Microsoft Graph to it, then choose *Grant admin consent*. Or type \
         the ids instead"
    )]
    ConsentMissing {
        /// The registration's application id.
        client_id: String,
    },
    /// The issuer, or its directory, cannot be asked now.
    #[error(transparent)]
    Provider(#[from] ProviderFault),
}

impl DirectoryFault {
    /// Its problem's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOffered => "directory_not_offered",
            Self::RegistrationRefused => "registration_refused",
            Self::ConsentMissing { .. } => "consent_missing",
            Self::Provider(_) => "issuer_unavailable",
        }
    }
}

/// An application that could be registered as a client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DirectoryApplication {
    /// The application (client) id.
    pub application_id: String,
    /// Of its service principal: Entra's enterprise application.
    pub object_id: String,
    pub name: String,
}

/// What a search in a directory found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applications {
    /// At most fifty.
    pub items: Vec<DirectoryApplication>,
    /// Whether there are others: the words fit too many.
    pub has_more: bool,
}

/// Which application an access token was issued to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// The application (client) id: `azp`, `appid`, `client_id` or `cid`.
    pub application_id: String,
    /// The principal: `oid` of Entra, `sub` elsewhere.
    pub object_id: String,
}

/// Who a person is, from an ID token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonClaims {
    /// The person: `oid` of Entra, `sub` elsewhere.
    pub subject: String,
    /// What people call the person.
    pub name: Option<String>,
    /// With which name the person signs in.
    pub user_name: Option<String>,
    /// The person's mail address, if the issuer says that it has verified it. Never from Entra ID,
    /// where a tenant's administrator can write any address there.
    pub verified_mail: Option<String>,
}

/// A sign-in that a browser begins at Grantry and comes back to.
#[derive(Debug)]
pub struct SignInRequest {
    /// Ties the answer to this browser.
    pub state: Secret,
    /// Ties the ID token to this sign-in.
    pub nonce: Secret,
    /// Of PKCE (RFC 7636): 43 characters.
    pub verifier: Secret,
    /// Where the issuer sends the browser back to.
    pub redirect_uri: String,
}

/// Speaks to issuers, and judges what they signed. Implementations ask only the issuer that they are
/// given, within limits of time and size, and follow no redirect.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Asks for discovery document and keys, past any cache.
    async fn discover(&self, issuer: &TrustedIssuer) -> Result<Discovery, ProviderFault>;

    /// The issuer that an access token claims to be from. Nothing of it is proven.
    fn claimed_issuer(&self, token: &str) -> Option<String>;

    /// Proves an access token of an application.
    async fn access_claims(
        &self,
        issuer: &TrustedIssuer,
        token: &str,
    ) -> Result<AccessClaims, TokenFault>;

    /// Where a browser is sent to sign in.
    async fn sign_in_url(
        &self,
        issuer: &TrustedIssuer,
        request: &SignInRequest,
    ) -> Result<String, ProviderFault>;

    /// Redeems the code that the browser brought back, and proves the ID token.
    async fn redeem(
        &self,
        issuer: &TrustedIssuer,
        secret: Option<&Secret>,
        request: &SignInRequest,
        code: &str,
    ) -> Result<PersonClaims, TokenFault>;

    /// Applications of the issuer's directory whose names have these words, asked for by Grantry's own
    /// registration with its secret.
    async fn applications(
        &self,
        issuer: &TrustedIssuer,
        secret: &Secret,
        search: &str,
    ) -> Result<Applications, DirectoryFault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entra() -> TrustedIssuer {
        TrustedIssuer {
            id: IssuerId::parse("i").unwrap(),
            kind: IssuerKind::Entra,
            url: "https://login.microsoftonline.com/t/v2.0".to_owned(),
            tenant_id: Some("t".to_owned()),
            audience: "api://g".to_owned(),
            client_id: None,
            algorithms: vec![SigningAlgorithm::Rs256],
            address_exception: None,
        }
    }

    #[test]
    fn both_versions_of_entra_tokens_name_the_same_issuer_and_audience() {
        let issuer = entra();
        assert!(issuer.is_issuer("https://login.microsoftonline.com/t/v2.0"));
        assert!(issuer.is_issuer("https://sts.windows.net/t/"));
        assert!(!issuer.is_issuer("https://sts.windows.net/other/"));
        assert!(issuer.is_audience("api://g") && issuer.is_audience("g"));
        assert!(!issuer.is_audience("api://other") && !issuer.is_audience(""));
    }

    #[test]
    fn each_cloud_has_its_own_graph_and_other_issuers_have_none() {
        let at = |url: &str| TrustedIssuer { url: url.to_owned(), ..entra() }.graph_url();
        assert_eq!(entra().graph_url().unwrap(), "https://graph.microsoft.com");
        let china = "https://login.partner.microsoftonline.cn/t/v2.0";
        assert_eq!(at(china).unwrap(), "https://microsoftgraph.chinacloudapi.cn");
        assert_eq!(at("https://login.microsoftonline.com.evil.example/t/v2.0"), None);
        assert_eq!(TrustedIssuer { kind: IssuerKind::Generic, ..entra() }.graph_url(), None);
    }

    #[test]
    fn other_issuers_have_one_name_and_one_audience() {
        let issuer = TrustedIssuer { kind: IssuerKind::Generic, ..entra() };
        assert!(!issuer.is_issuer("https://sts.windows.net/t/"));
        assert!(!issuer.is_audience("g"));
    }

    #[test]
    fn no_algorithm_without_a_public_key_has_a_name() {
        for name in ["none", "None", "HS256", "HS384", "HS512", "rs256", ""] {
            assert_eq!(SigningAlgorithm::parse(name), None, "{name}");
        }
    }
}
