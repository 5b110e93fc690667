//! What an admin allows one integration's plugin, and what comes of it (PLG-3).
//!
//! [`granted`] is asked ∩ approved: the only way from a manifest to rules that the egress check
//! works with.

use serde::{Deserialize, Serialize};

use crate::permission::Action;
use crate::plugin::{HostRule, Manifest, NeededHost};

/// An address that may be reached although it is private or loopback, plain http allowed
/// (design.md decision 15). Shown as a warning, audited.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressException {
    /// The exact address.
    pub ip: std::net::IpAddr,
    /// The exact port.
    pub port: u16,
}

/// What the admin approved for one integration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The approved ones of the manifest's host rules.
    #[serde(default)]
    pub hosts: Vec<HostRule>,
    /// The approved ones of the manifest's platform actions.
    #[serde(default)]
    pub platform_actions: Vec<Action>,
    /// Whether the plugin gets a key-value store.
    #[serde(default)]
    pub kv: bool,
    /// Private or loopback addresses that may be reached.
    #[serde(default)]
    pub address_exceptions: Vec<AddressException>,
    /// The host's own address that requests leave from, so that the target can allow it (INT-14).
    #[serde(default)]
    pub bind_address: Option<std::net::IpAddr>,
    /// Whether requests go past the host's proxy, where it has one (INT-14).
    #[serde(default)]
    pub bypasses_proxy: bool,
}

impl Approval {
    /// All that the manifest asks for, and no address exception.
    pub fn all_of(manifest: &Manifest) -> Self {
        Self {
            hosts: manifest.hosts.iter().map(|needed| needed.host.clone()).collect(),
            platform_actions: manifest.platform_actions.clone(),
            kv: manifest.needs_kv,
            address_exceptions: Vec::new(),
            bind_address: None,
            bypasses_proxy: false,
        }
    }

    /// What of this approval the manifest asks for.
    #[must_use]
    pub fn within(&self, manifest: &Manifest) -> Self {
        let asked = Self::all_of(manifest);
        let hosts = self.hosts.iter().filter(|host| asked.hosts.contains(host));
        let actions =
            self.platform_actions.iter().filter(|action| asked.platform_actions.contains(action));
        Self {
            hosts: hosts.cloned().collect(),
            platform_actions: actions.copied().collect(),
            kv: self.kv && asked.kv,
            address_exceptions: self.address_exceptions.clone(),
            bind_address: self.bind_address,
            bypasses_proxy: self.bypasses_proxy,
        }
    }

    /// What is approved but was never asked for: such an approval is refused.
    pub fn beyond(&self, manifest: &Manifest) -> Vec<String> {
        let asked = Self::all_of(manifest);
        let hosts = self.hosts.iter().filter(|host| !asked.hosts.contains(host));
        let actions =
            self.platform_actions.iter().filter(|action| !asked.platform_actions.contains(action));
        let mut beyond: Vec<String> = hosts.map(|host| format!("host {host:?}")).collect();
        beyond.extend(actions.map(|action| format!("platform action `{}`", action.name())));
        if self.kv && !asked.kv {
            beyond.push("kv".to_owned());
        }
        beyond
    }
}

/// What another version of a plugin asks for beyond the version before it, in words: an admin says
/// yes to it, or the old version stays (PLG-3). Methods and paths count too, which an approval takes
/// from the manifest.
pub fn widening(before: &Manifest, after: &Manifest) -> Vec<String> {
    let mut wider = Vec::new();
    if before.publisher != after.publisher {
        wider.push(format!("the publisher is `{}`, not `{}`", after.publisher, before.publisher));
    }
    let is_covered = |asked: &NeededHost| {
        before.hosts.iter().any(|had| {
            let methods = had.methods.is_empty()
                || (!asked.methods.is_empty()
                    && asked.methods.iter().all(|method| had.methods.contains(method)));
            had.host == asked.host && methods && asked.path_prefix.starts_with(&had.path_prefix)
        })
    };
    for asked in after.hosts.iter().filter(|asked| !is_covered(asked)) {
        let methods = asked.methods.join(", ");
        wider.push(format!("host {:?} {methods} below `{}`", asked.host, asked.path_prefix));
    }
    for action in &after.platform_actions {
        if !before.platform_actions.contains(action) {
            wider.push(format!("platform action `{}`", action.name()));
        }
    }
    if after.needs_kv && !before.needs_kv {
        wider.push("kv".to_owned());
    }
    for scheme in after.auth.iter().filter(|scheme| !before.auth.contains(scheme)) {
        wider.push(format!("another way to place a credential, `{}`", scheme.name));
    }
    wider
}

/// What a plugin may do in one integration: asked ∩ approved, with `from-connection` resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Where it may send requests.
    pub origins: Vec<AllowedOrigin>,
    /// Addresses that are excepted from the private-address rule.
    pub address_exceptions: Vec<AddressException>,
    /// The host's own address that its requests leave from.
    pub bind_address: Option<std::net::IpAddr>,
    /// Whether its requests go past the host's proxy.
    pub bypasses_proxy: bool,
    /// Which actions it may try on the platform interface.
    pub platform_actions: Vec<Action>,
    /// Whether it has a key-value store.
    pub kv: bool,
}

/// A place where requests may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedOrigin {
    /// Which names.
    pub host: AllowedHost,
    /// Which port.
    pub port: u16,
    /// Whether plain http was named in the connection. It also needs an address exception.
    pub is_plain: bool,
    /// Which methods, upper case; empty means all that the contract has.
    pub methods: Vec<String>,
    /// What the path must begin with.
    pub path_prefix: String,
    /// Whether a stored credential may be placed into a request that goes there.
    pub takes_credentials: bool,
}

/// A name or a family of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowedHost {
    /// This name or literal address.
    Exact(String),
    /// Any name below this suffix.
    Suffix(String),
}

/// The origin of an http or https URL: host as URL parsing normalises it, port, and whether it is
/// plain http. `None` for other schemes and for URLs with a user name in them.
pub fn origin_of(text: &str) -> Option<(String, u16, bool)> {
    let url = url::Url::parse(text).ok()?;
    let is_plain = match url.scheme() {
        "https" => false,
        "http" => true,
        _ => return None,
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    let (host, port) = (url.host_str()?.to_ascii_lowercase(), url.port_or_known_default()?);
    (!has_user).then_some((host, port, is_plain))
}

/// Asked ∩ approved ∩ this connection. A `from-connection` rule whose place holds no URL allows
/// nothing.
pub fn granted(
    manifest: &Manifest,
    approval: &Approval,
    connection: &serde_json::Value,
) -> Granted {
    let approved = |needed: &&NeededHost| approval.hosts.contains(&needed.host);
    // The credential is the connection's: where the connection names its host, it goes nowhere else.
    let is_bound = manifest.hosts.iter().any(NeededHost::is_of_connection);
    let origins = manifest
        .hosts
        .iter()
        .filter(approved)
        .filter_map(|needed| {
            let takes_credentials = !is_bound || needed.is_of_connection();
            Some(AllowedOrigin { takes_credentials, ..allowed_origin(needed, connection)? })
        })
        .collect();
    let is_asked = |action: &Action| manifest.platform_actions.contains(action);
    Granted {
        origins,
        address_exceptions: approval.address_exceptions.clone(),
        bind_address: approval.bind_address,
        bypasses_proxy: approval.bypasses_proxy,
        platform_actions: approval.platform_actions.iter().copied().filter(is_asked).collect(),
        kv: approval.kv && manifest.needs_kv,
    }
}

fn allowed_origin(needed: &NeededHost, connection: &serde_json::Value) -> Option<AllowedOrigin> {
    let (host, port, is_plain) = match &needed.host {
        HostRule::Exact(name) => (AllowedHost::Exact(name.to_ascii_lowercase()), 443, false),
        HostRule::Suffix(suffix) => (AllowedHost::Suffix(suffix.to_ascii_lowercase()), 443, false),
        HostRule::FromConnection(pointer) => {
            let (host, port, is_plain) = origin_of(connection.pointer(pointer)?.as_str()?)?;
            (AllowedHost::Exact(host), port, is_plain)
        }
    };
    let methods = needed.methods.iter().map(|method| method.to_ascii_uppercase()).collect();
    let path_prefix = needed.path_prefix.clone();
    Some(AllowedOrigin { host, port, is_plain, methods, path_prefix, takes_credentials: false })
}
