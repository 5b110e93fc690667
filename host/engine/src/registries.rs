//! Registries that plugins are pulled from: which of them want a credential, and which are inside the
//! network. Others are asked as anybody would ask them.

use grantry_authz::actions;
use grantry_model::approval::AddressException;
use grantry_model::clock::UnixMs;
use grantry_model::ids::RegistryId;
use grantry_model::registry::{RegistryAccess, RegistryFault, registry_name};
use grantry_model::secret::Secret;
use grantry_store::{AuditEntry, Registry, RegistrySettings};
use serde_json::{Value, json};

use crate::audit_sinks::check_exceptions;
use crate::delivery_secrets::PASSWORD;
use crate::idempotency::Turn;
use crate::issuers::check_plain;
use crate::{Answer, Ctx, Engine, EngineError, Idempotent, Page, PageQuery, Result};

/// Registries that one installation names.
const REGISTRIES_MAX: usize = 100;
/// Longest password, in bytes: access tokens are long.
const PASSWORD_BYTES_MAX: usize = 8 * 1024;
const NO_REGISTRY: EngineError = EngineError::NotFound { what: "registry" };

/// A registry to be named.
#[derive(Debug)]
pub struct RegistryInput {
    /// Host, and a port where it is not 443.
    pub host: String,
    /// Who asks.
    pub username: Option<String>,
    /// With which password, or access token.
    pub password: Option<Secret>,
    /// Without TLS.
    pub is_plain: bool,
    /// Private addresses that may be reached.
    pub address_exceptions: Vec<AddressException>,
}

impl Engine {
    /// How the registry at that host is reached.
    pub(crate) async fn registry_access(&self, host: &str) -> Result<RegistryAccess> {
        let Some(registry) = self.db().registry_at(host).await? else {
            return Ok(RegistryAccess::default());
        };
        let destination = self.destination(registry.id.as_str(), registry.settings).await?;
        let RegistrySettings { username, is_plain, address_exceptions } = destination.settings;
        let credential = match (username, destination.secret) {
            // Whoever asks without it is told something else, or nothing.
            (Some(_), None) => {
                let why = "its password cannot be opened with the keys there are: remove the registry, \
                           and name it again";
                return Err(RegistryFault::Unavailable(why.to_owned()).into());
            }
            (username, secret) => username.zip(secret),
        };
        Ok(RegistryAccess { is_plain, address_exceptions, credential })
    }
}

impl Ctx {
    /// Says how a registry is reached.
    pub async fn create_registry(
        &self,
        input: &RegistryInput,
        request: &Idempotent<'_, Registry>,
    ) -> Result<Answer> {
        let permit = self.permit_admin::<actions::PluginInstall>().await?;
        let claimed = match self.claim(request).await? {
            Turn::Ours(claimed) => claimed,
            Turn::Answered(answer) => return Ok(answer),
        };
        let work = async {
            let host = self.check_registry(input).await?;
            let db = self.db();
            let settings = RegistrySettings {
                username: input.username.clone(),
                is_plain: input.is_plain,
                address_exceptions: input.address_exceptions.clone(),
            };
            let id = RegistryId::fresh(db.clock(), db.random());
            let mut registry = Registry { id, host, settings, created: UnixMs(0) };
            let mut tx = db.begin(permit.provenance()).await?;
            registry.created = tx.now();
            tx.create_registry(&permit, &registry).await?;
            let id = registry.id.as_str();
            if let Some(password) = &input.password {
                let name = (PASSWORD, 1);
                let ends = tx.now();
                self.engine.set_delivery_secret(&mut tx, &permit, id, name, password, ends).await?;
            }
            let answer = claimed.finish(&mut tx, &registry).await?;
            let detail = json!({ "after": described(&registry) });
            tx.commit(AuditEntry::about("registry.created", "registry", id, detail)).await?;
            Ok(answer)
        };
        let outcome = work.await;
        self.settle(&claimed, outcome).await
    }

    /// Checks form and place; the host's name in its one spelling.
    async fn check_registry(&self, input: &RegistryInput) -> Result<String> {
        let Some(host) = registry_name(&input.host) else {
            let message = "must be a host name with a dot or a port, without a scheme or a path";
            return Err(EngineError::field("/host", "invalid_host", message));
        };
        match (&input.username, &input.password) {
            (Some(username), Some(password)) => {
                check_plain("/username", username)?;
                // RFC 7617: it would end there.
                if username.contains(':') {
                    let message = "must not hold a colon";
                    return Err(EngineError::field("/username", "invalid_text", message));
                }
                let text = password.expose();
                if text.is_empty() || text.len() > PASSWORD_BYTES_MAX {
                    let message = format!("must have 1 to {PASSWORD_BYTES_MAX} bytes");
                    return Err(EngineError::field("/password", "invalid_text", message));
                }
            }
            (None, None) => {}
            (Some(_), None) => {
                let message = "a user name needs its password or access token";
                return Err(EngineError::field("/password", "missing", message));
            }
            (None, Some(_)) => {
                let message =
                    "a password needs a user name; registries with access tokens say which";
                return Err(EngineError::field("/username", "missing", message));
            }
        }
        check_exceptions("", input.address_exceptions.len())?;
        if input.is_plain && input.address_exceptions.is_empty() {
            let message = "plain http reaches excepted addresses only: name one";
            return Err(EngineError::field("/address_exceptions", "missing", message));
        }
        if self.db().list_registries("", u32::MAX).await?.len() >= REGISTRIES_MAX {
            let message = format!("there are {REGISTRIES_MAX} already: remove one first");
            return Err(EngineError::field("", "too_many", message));
        }
        let access = RegistryAccess {
            is_plain: input.is_plain,
            address_exceptions: input.address_exceptions.clone(),
            credential: None,
        };
        let checked = self.engine.parts.registry.check(&host, &access).await;
        checked.map_err(|fault| EngineError::field("/host", fault.code(), fault.to_string()))?;
        Ok(host)
    }

    /// Registries, in the order in which they were named.
    pub async fn list_registries(&self, query: &PageQuery) -> Result<Page<Registry>> {
        self.permit_admin::<actions::PluginRead>().await?;
        let after = self.engine.position("registries", query.cursor.as_deref())?;
        let rows = self.db().list_registries(&after, query.limit + 1).await?;
        Ok(self.engine.page("registries", rows, query.limit, |row| row.id.to_string()))
    }

    /// One registry.
    pub async fn registry(&self, id: &RegistryId) -> Result<Registry> {
        self.permit_admin::<actions::PluginRead>().await?;
        self.db().registry(id).await?.ok_or(NO_REGISTRY)
    }

    /// Forgets a registry with its credential. What came from it stays.
    pub async fn delete_registry(&self, id: &RegistryId) -> Result<()> {
        let permit = self.permit_admin::<actions::PluginInstall>().await?;
        let before = self.db().registry(id).await?.ok_or(NO_REGISTRY)?;
        let mut tx = self.db().begin(permit.provenance()).await?;
        tx.delete_registry(&permit, id).await?;
        tx.delete_delivery_secrets(&permit, id.as_str()).await?;
        let detail = json!({ "before": described(&before) });
        tx.commit(AuditEntry::about("registry.deleted", "registry", id.as_str(), detail)).await?;
        Ok(())
    }
}

/// The password is sealed apart.
fn described(registry: &Registry) -> Value {
    json!({ "host": registry.host, "settings": registry.settings })
}
