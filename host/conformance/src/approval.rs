//! What a person approves on the command line, in place of an admin.
//!
//! The hosts that the connection itself names are approved with it: the person wrote them there. All
//! other hosts, and private addresses, are named one by one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use grantry_model::approval::{AddressException, AllowedHost, Approval, granted};
use grantry_model::plugin::{HostRule, Manifest};
use serde_json::Value;

/// What the person said.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Hosts beside those of the connection, as the manifest has them: `api.example.com`, or
    /// `.example.com` for all below it.
    pub hosts: Vec<String>,
    /// Private addresses that may be reached.
    pub addresses: Vec<AddressException>,
    /// The loopback addresses that the connection names may be reached too, on their ports.
    pub allows_loopback: bool,
}

/// A host that was approved and that the manifest does not ask for.
#[derive(Debug, thiserror::Error)]
#[error(
    "the plugin does not ask for the host `{0}`; `grantry plugin inspect` shows what it asks for"
)]
pub struct NotAsked(pub String);

/// The approval for a manifest and a connection (without its secrets).
pub fn approval(
    manifest: &Manifest,
    connection: &Value,
    said: &Said,
) -> Result<Approval, NotAsked> {
    let mut approval = Approval::all_of(manifest);
    approval.platform_actions.clear();
    approval.hosts.retain(|rule| match rule {
        HostRule::FromConnection(_) => true,
        HostRule::Exact(name) | HostRule::Suffix(name) => said.hosts.contains(name),
    });
    let is_unasked = |name: &&String| !approval.hosts.iter().any(|rule| is_named(rule, name));
    if let Some(unasked) = said.hosts.iter().find(is_unasked) {
        return Err(NotAsked(unasked.clone()));
    }
    approval.address_exceptions.clone_from(&said.addresses);
    if said.allows_loopback {
        let origins = granted(manifest, &approval, connection).origins;
        for origin in &origins {
            let port = origin.port;
            let ips = loopback_of(&origin.host).into_iter();
            approval.address_exceptions.extend(ips.map(|ip| AddressException { ip, port }));
        }
    }
    Ok(approval)
}

fn is_named(rule: &HostRule, name: &str) -> bool {
    matches!(rule, HostRule::Exact(asked) | HostRule::Suffix(asked) if asked == name)
}

/// The loopback addresses that a name stands for.
fn loopback_of(host: &AllowedHost) -> Vec<IpAddr> {
    let AllowedHost::Exact(name) = host else { return Vec::new() };
    if name == "localhost" {
        return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    let literal = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    literal.into_iter().filter(IpAddr::is_loopback).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use grantry_model::plugin::NeededHost;
    use serde_json::json;

    use super::*;

    pub(crate) fn manifest() -> Manifest {
        let needed = |host| NeededHost {
            host,
            methods: Vec::new(),
            path_prefix: String::new(),
            why: String::new(),
        };
        Manifest {
            name: "a".into(),
            version: "1.0.0".into(),
            publisher: String::new(),
            application_type: String::new(),
            description: String::new(),
            docs_url: None,
            example_connection: "{}".into(),
            connection_schema: "{}".into(),
            auth: Vec::new(),
            hosts: vec![
                needed(HostRule::FromConnection("/url".into())),
                needed(HostRule::Exact("api.example.com".into())),
            ],
            platform_actions: Vec::new(),
            needs_kv: false,
            kinds: Vec::new(),
            can_read_back: false,
        }
    }

    #[test]
    fn the_connections_own_host_is_approved_and_others_by_name() {
        let connection = json!({ "url": "https://a.example.org" });
        let plain = approval(&manifest(), &connection, &Said::default()).unwrap();
        assert_eq!(plain.hosts, [HostRule::FromConnection("/url".into())]);
        let said = Said { hosts: vec!["api.example.com".into()], ..Said::default() };
        assert_eq!(approval(&manifest(), &connection, &said).unwrap().hosts.len(), 2);
        let said = Said { hosts: vec!["other.example.com".into()], ..Said::default() };
        assert!(approval(&manifest(), &connection, &said).is_err());
    }

    #[test]
    fn loopback_is_reached_only_where_the_connection_names_it_and_the_person_says_so() {
        let of = |url: &str, allows_loopback| {
            let said = Said { allows_loopback, ..Said::default() };
            approval(&manifest(), &json!({ "url": url }), &said).unwrap().address_exceptions
        };
        assert_eq!(of("http://127.0.0.1:9000/v2", false), []);
        let ip = Ipv4Addr::LOCALHOST.into();
        assert_eq!(of("http://127.0.0.1:9000/v2", true), [AddressException { ip, port: 9000 }]);
        assert_eq!(of("http://localhost:9000", true).len(), 2);
        assert_eq!(of("http://10.0.0.1:9000", true), []);
    }
}
