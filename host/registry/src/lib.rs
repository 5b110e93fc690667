//! Plugins in OCI registries: pulled by servers, pushed by authors.
//!
//! A small client of the OCI distribution specification 1.1 over `egress`, so that a registry is reached
//! under the same rules as every other host. What a plugin looks like there is [`artifact`]; the bytes that
//! come are believed only as far as their digests go. Whether the signature beside them is, is the engine's.

pub mod artifact;
mod challenge;
mod pull;
mod push;
mod session;

use std::time::Duration;

use async_trait::async_trait;
use grantry_egress::{DialSettings, Dialer, EgressError, SetupError};
use grantry_model::plugin::Digest;
use grantry_model::registry::{PackageRegistry, Pulled, Reference, RegistryAccess, RegistryFault};

use crate::artifact::Artifact;
use crate::session::{Session, target};

/// Most bytes of a component, as for uploads.
pub const COMPONENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Time for all of a pull or a push, as for uploads.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(300);

type Result<T> = std::result::Result<T, RegistryFault>;

/// Speaks to registries over the network.
pub struct Registries {
    dialer: Dialer,
}

impl Registries {
    /// A client that dials by these settings.
    ///
    /// # Errors
    /// When a root certificate cannot be read.
    pub fn new(settings: &DialSettings) -> std::result::Result<Self, SetupError> {
        Ok(Self { dialer: Dialer::new(settings)? })
    }

    /// Puts a plugin into a registry, under the reference's tag; returns the manifest's digest.
    ///
    /// # Errors
    /// When the reference has no tag, or the registry does not take it.
    pub async fn push(
        &self,
        reference: &Reference,
        access: &RegistryAccess,
        artifact: &Artifact<'_>,
    ) -> Result<Digest> {
        let mut session = Session::new(&self.dialer, reference, access, "pull,push");
        in_time(push::push(&mut session, reference, artifact)).await
    }
}

#[async_trait]
impl PackageRegistry for Registries {
    async fn check(&self, registry: &str, access: &RegistryAccess) -> Result<()> {
        let target = target(registry, access, "/v2/")?;
        match self.dialer.check(&target, &access.address_exceptions).await {
            // A registry that is away now may be there later.
            Ok(_) | Err(EgressError::Connect(_)) => Ok(()),
            Err(error) => Err(fault(error)),
        }
    }

    async fn pull(&self, reference: &Reference, access: &RegistryAccess) -> Result<Pulled> {
        let mut session = Session::new(&self.dialer, reference, access, "pull");
        in_time(pull::pull(&mut session, reference)).await
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| RegistryFault::Unavailable("it takes longer than five minutes".to_owned());
    tokio::time::timeout(TRANSFER_TIMEOUT, work).await.map_err(late)?
}

/// What the check of addresses says, in the words of registries.
pub(crate) fn fault(error: EgressError) -> RegistryFault {
    match error {
        EgressError::Denied { code, detail } => {
            RegistryFault::NotAllowed { code: code.to_owned(), detail }
        }
        EgressError::Connect(detail) => RegistryFault::Unavailable(detail),
    }
}
