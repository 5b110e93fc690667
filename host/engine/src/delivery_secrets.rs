//! Secrets of channels and sinks: sealed when they are set, opened for a delivery, never shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_authz::Permit;
use grantry_model::clock::UnixMs;
use grantry_model::delivery::Destination;
use grantry_model::secret::Secret;
use grantry_store::{Tx, delivery_secrets::place};

use crate::{Engine, Result};

/// Signs webhooks.
pub(crate) const SIGNING: &str = "signing";
/// A mail server's password.
pub(crate) const PASSWORD: &str = "password";
/// The URL of a chat room, which is its only secret.
pub(crate) const URL: &str = "url";
/// How long an old signing key counts beside its successor, in milliseconds: a day.
pub(crate) const OVERLAP_MS: i64 = 24 * 3_600_000;
/// Bytes of a signing key.
const SIGNING_BYTES: usize = 32;

impl Engine {
    /// A new signing key in the form of the Standard Webhooks specification.
    pub(crate) fn fresh_signing_key(&self) -> Secret {
        let mut key = [0_u8; SIGNING_BYTES];
        self.db().random().fill(&mut key);
        Secret::new(format!("whsec_{}", STANDARD.encode(key)))
    }

    /// Seals a secret's next version. The one before counts until then.
    pub(crate) async fn set_delivery_secret<A>(
        &self,
        tx: &mut Tx,
        permit: &Permit<A>,
        owner: &str,
        (name, version): (&str, i64),
        secret: &Secret,
        overlap_ends: UnixMs,
    ) -> Result<()> {
        let sealed = self.parts.keys.seal(self.db().random(), &place(owner, name, version), secret);
        tx.set_delivery_secret(permit, owner, (name, version), &sealed, overlap_ends).await?;
        Ok(())
    }

    /// Settings with the secrets that count now. A secret that does not open is left out: the
    /// delivery then fails with that, and is tried again.
    pub(crate) async fn destination<S>(&self, owner: &str, settings: S) -> Result<Destination<S>> {
        let (mut secret, mut signing) = (None, Vec::new());
        for sealed in self.db().delivery_secrets(owner).await? {
            let at = place(owner, &sealed.name, sealed.version);
            let Ok(opened) = self.parts.keys.open(&at, &sealed.sealed) else {
                tracing::error!(owner, name = sealed.name, "cannot open a sealed secret");
                continue;
            };
            match sealed.name.as_str() {
                SIGNING => signing.push(opened),
                _ => secret = secret.or(Some(opened)),
            }
        }
        Ok(Destination { settings, secret, signing })
    }
}
