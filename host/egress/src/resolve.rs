//! From a name to addresses: once per connection, all of them judged.

use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use grantry_model::approval::AddressException;

use crate::target::Target;
use crate::{EgressError, address};

/// Most addresses of a name that are looked at.
const ADDRESSES_MAX: usize = 32;

/// Looks names up. Tests put one here that changes its mind.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of a name.
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        // A trailing dot keeps the system from appending a search domain.
        let name = format!("{}.", host.trim_end_matches('.'));
        let found = match tokio::net::lookup_host((name.as_str(), 0)).await {
            Ok(found) => found.map(|address| address.ip()).collect(),
            // Some systems' hosts files do not know names with a trailing dot.
            Err(_) => tokio::net::lookup_host((host, 0)).await?.map(|a| a.ip()).collect(),
        };
        Ok(found)
    }
}

/// The addresses to dial, each one judged. One bad address spoils the name: a target does not mix
/// public and private addresses, an attack does.
///
/// # Errors
/// When the name has no address, or an address that may not be dialled.
pub async fn checked_addresses(
    resolver: &dyn Resolver,
    target: &Target,
    exceptions: &[AddressException],
) -> Result<Vec<SocketAddr>, EgressError> {
    let ips = match target.literal {
        Some(ip) => vec![ip],
        None => resolver
            .resolve(&target.host)
            .await
            .map_err(|_| EgressError::Connect(format!("`{}` cannot be resolved", target.host)))?,
    };
    let addresses: Vec<SocketAddr> =
        ips.into_iter().take(ADDRESSES_MAX).map(|ip| SocketAddr::new(ip, target.port)).collect();
    if addresses.is_empty() {
        return Err(EgressError::Connect(format!("`{}` has no address", target.host)));
    }
    let is_allowed = |address: &SocketAddr| match target.is_plain {
        // Without TLS only excepted addresses are reached.
        true => address::is_excepted(*address, exceptions),
        false => address::is_allowed(*address, exceptions),
    };
    match addresses.iter().find(|address| !is_allowed(address)) {
        Some(bad) => {
            let detail = format!("`{}` at address {bad}", target.host);
            Err(EgressError::denied("address_not_allowed", detail))
        }
        None => Ok(addresses),
    }
}
