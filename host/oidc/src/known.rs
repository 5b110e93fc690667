//! Remembers issuers' keys, and decides when an issuer is asked again.
//!
//! A key that is not known may be a new one: the issuer is asked, but at most once in five minutes, so
//! that invented key ids cannot make this host ask at will. Keys are read anew every half hour, and what
//! was read replaces what was known: a withdrawn key is refused at once, also where none is left. An
//! issuer that does not answer, or with anything but its documents, has said nothing about its keys:
//! they serve until an hour after they were read, about as long as the tokens that they signed live.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use grantry_model::clock::UnixMs;
use grantry_model::ids::IssuerId;
use grantry_model::oidc::{Discovery, ProviderFault, TokenFault, TrustedIssuer};

use crate::claims::Claims;
use crate::discovery;
use crate::fetch::Fetch;
use crate::jws::Token;
use crate::keys::KeySet;

/// How often an unknown key id lets an issuer be asked.
const REFETCH_MS: i64 = 5 * 60_000;
/// After how long keys are read anew.
const FRESH_MS: i64 = 30 * 60_000;
/// For how long keys serve when the issuer is down. Whoever stole a key that was withdrawn, and keeps
/// this host from hearing of it, has no longer than this.
const USABLE_MS: i64 = 60 * 60_000;
/// How long after a failure the issuer is left alone.
const RETRY_MS: i64 = 30_000;

/// What was learned at one moment.
#[derive(Clone)]
struct Learned {
    discovery: Discovery,
    keys: Arc<KeySet>,
    at: UnixMs,
}

#[derive(Default)]
struct State {
    learned: Option<Learned>,
    /// When an unknown key id last let the issuer be asked.
    refetched: Option<UnixMs>,
    failed: Option<(UnixMs, ProviderFault)>,
}

/// One issuer as it is configured now.
struct Known {
    url: String,
    exception: Option<SocketAddr>,
    state: Mutex<State>,
    /// Held while the issuer is asked: the others wait for the same answer.
    asking: tokio::sync::Mutex<()>,
}

/// All issuers that were asked. Bounded by how many an admin configures.
pub(crate) struct KnownIssuers {
    fetch: Arc<dyn Fetch>,
    issuers: Mutex<HashMap<IssuerId, Arc<Known>>>,
}

/// Whether that long has passed; a clock that went back counts as long.
fn is_past(since: UnixMs, ms: i64, now: UnixMs) -> bool {
    now.0 < since.0 || now.0.saturating_sub(since.0) >= ms
}

impl State {
    fn usable(&self, now: UnixMs) -> Option<&Learned> {
        self.learned.as_ref().filter(|learned| !is_past(learned.at, USABLE_MS, now))
    }

    fn is_fresh(&self, now: UnixMs) -> bool {
        self.learned.as_ref().is_some_and(|learned| !is_past(learned.at, FRESH_MS, now))
    }

    fn resting(&self, now: UnixMs) -> Option<&ProviderFault> {
        let (at, fault) = self.failed.as_ref()?;
        (!is_past(*at, RETRY_MS, now)).then_some(fault)
    }
}

impl Known {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the issuer; the caller holds `asking`.
    async fn learn(
        &self,
        fetch: &dyn Fetch,
        issuer: &TrustedIssuer,
        now: UnixMs,
    ) -> Result<(), ProviderFault> {
        let answer = discovery::ask(fetch, issuer).await;
        let mut state = self.state();
        match answer {
            Ok((discovery, keys)) => {
                if keys.len() == 0 {
                    tracing::error!(
                        issuer.id = %issuer.id, alarm = "issuer_without_keys",
                        "an issuer has no key that can verify a signature: all its tokens are refused"
                    );
                }
                let keys = Arc::new(keys);
                state.learned = Some(Learned { discovery, keys, at: now });
                state.failed = None;
                Ok(())
            }
            Err(fault) => {
                let end = state.usable(now).map(|learned| learned.at.plus_ms(USABLE_MS).0);
                tracing::error!(
                    issuer.id = %issuer.id, alarm = "issuer_down", known_keys_end_ms = end,
                    "cannot read an issuer's keys: {fault}"
                );
                state.failed = Some((now, fault.clone()));
                Err(fault)
            }
        }
    }

    /// What is known, asked for where it is missing or old.
    async fn current(
        &self,
        fetch: &dyn Fetch,
        issuer: &TrustedIssuer,
        now: UnixMs,
    ) -> Result<Learned, ProviderFault> {
        let (usable, is_fresh) = {
            let state = self.state();
            (state.usable(now).cloned(), state.is_fresh(now) || state.resting(now).is_some())
        };
        if let Some(learned) = usable {
            // Old ones serve everybody but the one who asks for new ones.
            if is_fresh {
                return Ok(learned);
            }
            let Ok(_asking) = self.asking.try_lock() else { return Ok(learned) };
            let asked = self.learn(fetch, issuer, now).await;
            let newest = self.state().learned.clone();
            return Ok(asked.ok().and(newest).unwrap_or(learned));
        }
        let _asking = self.asking.lock().await;
        {
            let state = self.state();
            if let Some(learned) = state.usable(now) {
                return Ok(learned.clone());
            }
            if let Some(fault) = state.resting(now) {
                return Err(fault.clone());
            }
        }
        self.learn(fetch, issuer, now).await?;
        let learned = self.state().learned.clone();
        learned.ok_or_else(|| ProviderFault::Unavailable("it was forgotten".to_owned()))
    }

    /// The keys after an unknown id came up: asked for anew, unless that was done lately.
    async fn newer(
        &self,
        fetch: &dyn Fetch,
        issuer: &TrustedIssuer,
        now: UnixMs,
    ) -> Option<Arc<KeySet>> {
        let _asking = self.asking.lock().await;
        let is_allowed = {
            let mut state = self.state();
            let is_allowed = state.refetched.is_none_or(|at| is_past(at, REFETCH_MS, now));
            if is_allowed {
                state.refetched = Some(now);
            }
            is_allowed
        };
        if is_allowed {
            let _ = self.learn(fetch, issuer, now).await;
        }
        self.state().learned.as_ref().map(|learned| learned.keys.clone())
    }
}

impl KnownIssuers {
    pub(crate) fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self { fetch, issuers: Mutex::default() }
    }

    /// The way to the network.
    pub(crate) fn fetch(&self) -> &dyn Fetch {
        &*self.fetch
    }

    fn known(&self, issuer: &TrustedIssuer) -> Arc<Known> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |known: &&Arc<Known>| {
            known.url == issuer.url && known.exception == issuer.address_exception
        };
        if let Some(known) = issuers.get(&issuer.id).filter(is_same) {
            return known.clone();
        }
        let known = Arc::new(Known {
            url: issuer.url.clone(),
            exception: issuer.address_exception,
            state: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        });
        issuers.insert(issuer.id.clone(), known.clone());
        known
    }

    /// What the issuer says about itself.
    pub(crate) async fn discovery(
        &self,
        issuer: &TrustedIssuer,
        now: UnixMs,
    ) -> Result<Discovery, ProviderFault> {
        Ok(self.known(issuer).current(self.fetch(), issuer, now).await?.discovery)
    }

    /// The claims of a token that one of the issuer's keys signed.
    pub(crate) async fn verify(
        &self,
        issuer: &TrustedIssuer,
        token: &Token<'_>,
        now: UnixMs,
    ) -> Result<Claims, TokenFault> {
        token.check_algorithm(issuer)?;
        let id = token.key_id()?;
        let known = self.known(issuer);
        let keys = known.current(self.fetch(), issuer, now).await?.keys;
        if let Some(key) = keys.get(id) {
            return token.verify(key);
        }
        let keys = known.newer(self.fetch(), issuer, now).await;
        match keys.as_ref().and_then(|keys| keys.get(id)) {
            Some(key) => token.verify(key),
            None => Err(TokenFault::Invalid("signed with a key that the issuer does not have")),
        }
    }
}
