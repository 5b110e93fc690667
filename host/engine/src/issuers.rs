//! Issuers that are trusted to say who somebody is (PRM-5, PRM-6).
//!
//! An issuer is asked for its discovery document before it is saved, so that a wrong URL is found by
//! the admin who typed it, not by those who want to sign in.

use std::net::SocketAddr;

use grantry_authz::actions;
use grantry_model::ids::IssuerId;
use grantry_model::oidc::{
    Applications, DirectoryFault, Discovery, IssuerKind, ProviderFault, SigningAlgorithm,
    TrustedIssuer, is_guid,
};
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, Issuer};
use serde_json::json;

use crate::error::check_name;
use crate::idempotency::Turn;
use crate::{Answer, Ctx, Engine, EngineError, Idempotent, Page, PageQuery, Result};

/// Most issuers of one installation.
pub(crate) const ISSUERS_MAX: u32 = 100;
/// Longest URL, audience, application id or secret, in bytes.
const TEXT_BYTES_MAX: usize = 500;

/// An issuer to be trusted.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields of `TrustedIssuer` and `Issuer`")]
pub struct IssuerInput {
    pub name: String,
    pub kind: IssuerKind,
    /// Entra's own for the tenant, unless told.
    pub url: Option<String>,
    pub tenant_id: Option<String>,
    pub audience: String,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    /// RS256 unless told.
    pub algorithms: Option<Vec<SigningAlgorithm>>,
    pub address_exception: Option<SocketAddr>,
    pub allows_sign_up: bool,
}

/// A change of an issuer; `None` leaves it as it is.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields of `TrustedIssuer` and `Issuer`")]
pub struct IssuerChange {
    pub name: Option<String>,
    pub audience: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub algorithms: Option<Vec<SigningAlgorithm>>,
    /// `Some(None)` takes the exception back.
    pub address_exception: Option<Option<SocketAddr>>,
    pub allows_sign_up: Option<bool>,
}

const NO_ISSUER: EngineError = EngineError::NotFound { what: "issuer" };

fn place(id: &IssuerId, version: i64) -> String {
    format!("issuer_secrets|{id}|client_secret|{version}")
}

/// A fault of the issuer as a fault of the URL that was typed.
fn unusable(fault: ProviderFault) -> EngineError {
    let code = match fault {
        ProviderFault::Unavailable(_) => "issuer_unreachable",
        ProviderFault::Refused(_) => "issuer_refused",
    };
    EngineError::field("/url", code, fault.to_string())
}

/// Checks a text that goes into URLs, tokens and commands.
pub(crate) fn check_plain(path: &str, text: &str) -> Result<()> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && text.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let message = format!("must have 1 to {TEXT_BYTES_MAX} visible ASCII characters");
    Err(EngineError::field(path, "invalid_text", message))
}

/// Checks an id that Entra gives: a GUID in lower case.
pub(crate) fn check_guid(path: &str, text: &str) -> Result<()> {
    if is_guid(text) {
        return Ok(());
    }
    let message = "must be a GUID in lower case, as Entra's portal shows it";
    Err(EngineError::field(path, "invalid_guid", message))
}

/// What does not depend on the database or the network.
fn check(trusted: &TrustedIssuer) -> Result<()> {
    check_plain("/url", &trusted.url)?;
    check_plain("/audience", &trusted.audience)?;
    match (&trusted.tenant_id, trusted.kind) {
        (Some(tenant), IssuerKind::Entra) => check_guid("/tenant_id", tenant)?,
        (None, IssuerKind::Entra) => {
            let message = "Entra ID needs the tenant (directory) id";
            return Err(EngineError::field("/tenant_id", "required", message));
        }
        (Some(tenant), IssuerKind::Generic) => check_plain("/tenant_id", tenant)?,
        (None, IssuerKind::Generic) => {}
    }
    if let Some(client_id) = &trusted.client_id {
        check_plain("/client_id", client_id)?;
    }
    if trusted.algorithms.is_empty() {
        let message = "name at least one algorithm";
        return Err(EngineError::field("/algorithms", "required", message));
    }
    if trusted.address_exception.is_some_and(|address| !address.ip().is_loopback()) {
        let message = "only an address of this machine (127.0.0.1, ::1) can be excepted";
        return Err(EngineError::field("/address_exception", "not_loopback", message));
    }
    if trusted.url.contains(['?', '#']) {
        let message = "an issuer's URL has no query and no fragment";
        return Err(EngineError::field("/url", "invalid_url", message));
    }
    Ok(())
}

fn read(id: IssuerId, input: &IssuerInput) -> Result<TrustedIssuer> {
    let url = match (&input.url, &input.tenant_id, input.kind) {
        (Some(url), ..) => url.clone(),
        (None, Some(tenant), IssuerKind::Entra) => {
            format!("https://login.microsoftonline.com/{tenant}/v2.0")
        }
        (None, None, IssuerKind::Entra) => {
            let message = "Entra ID needs the tenant (directory) id";
            return Err(EngineError::field("/tenant_id", "required", message));
        }
        (None, _, IssuerKind::Generic) => {
            let message = "tell the issuer's URL, as its discovery document does";
            return Err(EngineError::field("/url", "required", message));
        }
    };
    let mut algorithms = input.algorithms.clone().unwrap_or_else(|| vec![SigningAlgorithm::Rs256]);
    algorithms.sort();
    algorithms.dedup();
    Ok(TrustedIssuer {
        id,
        kind: input.kind,
        url,
        tenant_id: input.tenant_id.clone(),
        audience: input.audience.clone(),
        client_id: input.client_id.clone(),
        algorithms,
        address_exception: input.address_exception,
    })
}

fn described(issuer: &Issuer) -> serde_json::Value {
    json!({
        "name": issuer.name,
        "url": issuer.trusted.url,
        "tenant_id": issuer.trusted.tenant_id,
        "audience": issuer.trusted.audience,
        "client_id": issuer.trusted.client_id,
        "algorithms": issuer.trusted.algorithms,
        "address_exception": issuer.trusted.address_exception.map(|address| address.to_string()),
        "allows_sign_up": issuer.allows_sign_up,
    })
}

impl Engine {
    /// The secret of Grantry's own registration at the issuer.
    pub(crate) async fn issuer_secret(&self, id: &IssuerId) -> Result<Option<Secret>> {
        let Some((version, sealed)) = self.db().issuer_secret(id).await? else { return Ok(None) };
        let opened = self.parts.keys.open(&place(id, version), &sealed);
        opened.map(Some).map_err(|error| {
            tracing::error!(issuer.id = %id, "cannot open an issuer's secret: {error}");
            EngineError::Interrupted
        })
    }

    fn seal(&self, id: &IssuerId, version: i64, secret: &Secret) -> Result<Vec<u8>> {
        check_plain("/client_secret", secret.expose())?;
        Ok(self.parts.keys.seal(self.db().random(), &place(id, version), secret))
    }
}

impl Ctx {
    /// Trusts an issuer, once it has answered.
    pub async fn create_issuer(
        &self,
        input: &IssuerInput,
        request: &Idempotent<'_, Issuer>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::IssuerWrite>().await?;
        check_name("/name", &input.name)?;
        let db = self.db();
        let trusted = read(IssuerId::fresh(db.clock(), db.random()), input)?;
        check(&trusted)?;
        if input.client_secret.is_some() && input.client_id.is_none() {
            let message = "a secret belongs to a `client_id`: tell it too";
            return Err(EngineError::field("/client_id", "required", message));
        }
        let sealed = match &input.client_secret {
            Some(secret) => Some(self.engine.seal(&trusted.id, 1, secret)?),
            None => None,
        };
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            if db.count_issuers().await? >= i64::from(ISSUERS_MAX) {
                let message = format!("at most {ISSUERS_MAX} issuers can be trusted");
                return Err(EngineError::field("", "too_many", message));
            }
            let discovery = self.engine.parts.identity.discover(&trusted).await;
            let discovery = discovery.map_err(unusable)?;
            let issuer = Issuer {
                trusted,
                name: input.name.trim().to_owned(),
                token_endpoint: discovery.token_endpoint,
                allows_sign_up: input.allows_sign_up,
                has_secret: sealed.is_some(),
                created: db.now(),
                version: 1,
            };
            let id = issuer.trusted.id.clone();
            let mut tx = db.begin(permit.provenance()).await?;
            tx.create_issuer(&permit, &issuer).await?;
            if let Some(sealed) = &sealed {
                tx.set_issuer_secret(&permit, &id, Some((1, sealed))).await?;
            }
            let answer = claimed.finish(&mut tx, &issuer).await?;
            let event = "issuer.created";
            tx.commit(AuditEntry::about(event, "issuer", id.as_str(), described(&issuer))).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Issuers, in order of creation.
    pub async fn list_issuers(&self, query: &PageQuery) -> Result<Page<Issuer>> {
        self.permit_admin::<actions::IssuerRead>().await?;
        let after = self.engine.position("issuers", query.cursor.as_deref())?;
        let rows = self.db().list_issuers(&after, query.limit + 1).await?;
        Ok(self.engine.page("issuers", rows, query.limit, |row| row.trusted.id.to_string()))
    }

    /// One issuer.
    pub async fn issuer(&self, id: &IssuerId) -> Result<Issuer> {
        self.permit_admin::<actions::IssuerRead>().await?;
        self.db().issuer(id).await?.ok_or(NO_ISSUER)
    }

    /// Asks an issuer what it says now.
    pub async fn check_issuer(&self, id: &IssuerId) -> Result<Discovery> {
        self.permit_admin::<actions::IssuerWrite>().await?;
        let issuer = self.db().issuer(id).await?.ok_or(NO_ISSUER)?;
        self.engine.parts.identity.discover(&issuer.trusted).await.map_err(unusable)
    }

    /// Applications of an issuer's directory whose names have these words, for whoever adds a client:
    /// it is Grantry's own registration that looks, so this takes more than reading issuers.
    pub async fn search_applications(&self, id: &IssuerId, search: &str) -> Result<Applications> {
        self.permit_admin::<actions::ClientWrite>().await?;
        let issuer = self.db().issuer(id).await?.ok_or(NO_ISSUER)?.trusted;
        check_name("?search", search)?;
        let Some(secret) = self.engine.issuer_secret(id).await? else {
            return Err(EngineError::Directory(DirectoryFault::NotOffered));
        };
        let found = self.engine.parts.identity.applications(&issuer, &secret, search.trim());
        found.await.map_err(EngineError::Directory)
    }

    /// Changes what is trusted of an issuer. A secret does not move to another registration: it
    /// goes when the `client_id` changes without a new one.
    pub async fn update_issuer(
        &self,
        id: &IssuerId,
        version: i64,
        change: &IssuerChange,
    ) -> Result<Issuer> {
        let permit = self.permit_admin::<actions::IssuerWrite>().await?;
        let before = self.db().issuer(id).await?.ok_or(NO_ISSUER)?;
        let mut issuer = before.clone();
        if let Some(name) = &change.name {
            check_name("/name", name)?;
            issuer.name = name.trim().to_owned();
        }
        let trusted = &mut issuer.trusted;
        trusted.audience = change.audience.clone().unwrap_or(trusted.audience.clone());
        trusted.client_id = change.client_id.clone().or(trusted.client_id.clone());
        trusted.algorithms = change.algorithms.clone().unwrap_or(trusted.algorithms.clone());
        trusted.address_exception = change.address_exception.unwrap_or(trusted.address_exception);
        issuer.allows_sign_up = change.allows_sign_up.unwrap_or(issuer.allows_sign_up);
        check(&issuer.trusted)?;
        if change.client_secret.is_some() && issuer.trusted.client_id.is_none() {
            let message = "a secret belongs to a `client_id`: tell it too";
            return Err(EngineError::field("/client_id", "required", message));
        }
        if issuer.trusted.address_exception != before.trusted.address_exception {
            let discovery = self.engine.parts.identity.discover(&issuer.trusted).await;
            issuer.token_endpoint = discovery.map_err(unusable)?.token_endpoint;
        }
        let sealed = match &change.client_secret {
            Some(secret) => Some(self.engine.seal(id, version + 1, secret)?),
            None => None,
        };
        let is_orphaned = issuer.trusted.client_id != before.trusted.client_id;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.update_issuer(&permit, &issuer, version).await?;
        match &sealed {
            Some(sealed) => {
                tx.set_issuer_secret(&permit, id, Some((version + 1, sealed))).await?;
            }
            None if is_orphaned => tx.set_issuer_secret(&permit, id, None).await?,
            None => {}
        }
        let detail = json!({
            "before": described(&before),
            "after": described(&issuer),
            "secret_changed": sealed.is_some() || (is_orphaned && before.has_secret),
        });
        tx.commit(AuditEntry::about("issuer.updated", "issuer", id.as_str(), detail)).await?;
        self.db().issuer(id).await?.ok_or(NO_ISSUER)
    }

    /// Stops trusting an issuer that nobody comes from.
    pub async fn delete_issuer(&self, id: &IssuerId) -> Result<()> {
        let permit = self.permit_admin::<actions::IssuerWrite>().await?;
        let before = self.db().issuer(id).await?.ok_or(NO_ISSUER)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        if !tx.delete_issuer(&permit, id).await? {
            return Err(EngineError::IssuerInUse);
        }
        let detail = json!({ "before": described(&before) });
        tx.commit(AuditEntry::about("issuer.deleted", "issuer", id.as_str(), detail)).await?;
        Ok(())
    }
}
