//! What the host keeps for one integration under one policy: connections, tokens, and the list of
//! secrets to look for. A new policy version gets nothing of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use grantry_model::ids::IntegrationId;
use grantry_model::plugin::AuthKind;
use grantry_model::runner::CallScope;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::oauth::Token;
use super::pool::Pool;
use super::{Refusal, Scrubber, credentials};

/// Integrations that are kept.
const TENANTS_MAX: usize = 256;
/// Tokens that are still looked for after they were replaced.
const OLD_TOKENS_MAX: usize = 8;

/// All of them.
#[derive(Default)]
pub(crate) struct Tenants {
    all: Mutex<HashMap<IntegrationId, Slot>>,
}

struct Slot {
    policy_version: i64,
    tenant: Arc<OnceCell<Arc<Tenant>>>,
    used: Instant,
}

impl Tenants {
    /// The tenant of this scope, made at first use.
    pub(crate) async fn of(&self, scope: &CallScope) -> Result<Arc<Tenant>, Refusal> {
        let cell = self.cell(scope);
        cell.get_or_try_init(|| async { Tenant::open(scope).await.map(Arc::new) }).await.cloned()
    }

    fn cell(&self, scope: &CallScope) -> Arc<OnceCell<Arc<Tenant>>> {
        let fresh = || Slot {
            policy_version: scope.policy_version,
            tenant: Arc::default(),
            used: Instant::now(),
        };
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= TENANTS_MAX && !all.contains_key(&scope.integration) {
            let oldest = all.iter().min_by_key(|(_, slot)| slot.used).map(|(id, _)| id.clone());
            oldest.and_then(|id| all.remove(&id));
        }
        let slot = all.entry(scope.integration.clone()).or_insert_with(fresh);
        if slot.policy_version < scope.policy_version {
            *slot = fresh();
        } else if slot.policy_version > scope.policy_version {
            // A call that began under an older policy: it gets nothing that is shared.
            return Arc::default();
        }
        slot.used = Instant::now();
        slot.tenant.clone()
    }
}

/// One integration under one policy.
pub(crate) struct Tenant {
    pub(crate) pool: Pool,
    /// By auth scheme. Locked while a token is fetched, so that one fetch serves all who wait.
    pub(crate) tokens: tokio::sync::Mutex<HashMap<String, Token>>,
    secrets: Mutex<Secrets>,
    scrubber: RwLock<Arc<Scrubber>>,
}

struct Secrets {
    stored: Vec<Zeroizing<String>>,
    tokens: Vec<Zeroizing<String>>,
}

impl Secrets {
    fn scrubber(&self) -> Scrubber {
        Scrubber::new(self.stored.iter().chain(&self.tokens).map(|secret| secret.as_str()))
    }
}

impl Tenant {
    /// Opens every secret that the manifest names, to know what to look for in answers.
    async fn open(scope: &CallScope) -> Result<Self, Refusal> {
        let mut stored = Vec::new();
        for pointer in scope.auth.iter().flat_map(|scheme| secrets_of(&scheme.kind)) {
            if let Some(secret) = credentials::secret(scope, pointer).await? {
                stored.push(Zeroizing::new(secret.expose().to_owned()));
            }
        }
        let secrets = Secrets { stored, tokens: Vec::new() };
        Ok(Self {
            pool: Pool::default(),
            tokens: tokio::sync::Mutex::default(),
            scrubber: RwLock::new(Arc::new(secrets.scrubber())),
            secrets: Mutex::new(secrets),
        })
    }

    pub(crate) fn scrubber(&self) -> Arc<Scrubber> {
        self.scrubber.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on the token is looked for too.
    pub(crate) fn watch_for(&self, token: &str) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if secrets.tokens.len() >= OLD_TOKENS_MAX {
            secrets.tokens.remove(0);
        }
        secrets.tokens.push(Zeroizing::new(token.to_owned()));
        let scrubber = Arc::new(secrets.scrubber());
        *self.scrubber.write().unwrap_or_else(PoisonError::into_inner) = scrubber;
    }
}

/// Where the scheme's secrets are in the connection: a schema may mark any of these places as one.
fn secrets_of(kind: &AuthKind) -> Vec<&str> {
    match kind {
        AuthKind::Bearer { secret }
        | AuthKind::Header { secret, .. }
        | AuthKind::Query { secret, .. } => vec![secret],
        AuthKind::Basic { username, password } => vec![username, password],
        AuthKind::Oauth2ClientCredentials { token_url, client_id, client_secret, scope } => {
            let places = [Some(token_url), Some(client_id), Some(client_secret), scope.as_ref()];
            places.into_iter().flatten().map(String::as_str).collect()
        }
    }
}
