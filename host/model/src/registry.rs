//! Registries that plugins are pulled from (PLG-2): references to them, and the trait of what speaks to
//! them (OCI distribution specification 1.1).

use std::fmt;

use async_trait::async_trait;

use crate::approval::AddressException;
use crate::plugin::Digest;
use crate::secret::Secret;

/// Longest reference, in bytes.
const REFERENCE_BYTES_MAX: usize = 600;
/// Longest name of a registry: a host name with a port.
const REGISTRY_BYTES_MAX: usize = 259;
/// Longest name of a repository, with its registry (distribution specification).
const REPOSITORY_BYTES_MAX: usize = 255;
/// Longest tag.
const TAG_BYTES_MAX: usize = 128;

/// Why a text names nothing in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no reference: {0}; write `REGISTRY/NAME:TAG` or `REGISTRY/NAME@sha256:DIGEST`")]
pub struct InvalidReference(&'static str);

/// Where something is in a registry. The registry is always named: there is no default one, and no
/// default tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host, and a port where it is not 443.
    pub registry: String,
    /// The name within the registry.
    pub repository: String,
    /// Which tag; it can be moved.
    pub tag: Option<String>,
    /// Of the manifest; it counts where there is a tag too.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Reads `REGISTRY/NAME[:TAG][@sha256:DIGEST]`, with one of the two at least.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let wrong = |why| Err(InvalidReference(why));
        if text.len() > REFERENCE_BYTES_MAX {
            return wrong("it is too long");
        }
        let text = text.strip_prefix("oci://").unwrap_or(text);
        let Some((registry, rest)) = text.split_once('/') else {
            return wrong("it has no registry");
        };
        let Some(registry) = registry_name(registry) else {
            return wrong("its registry is no host name with a dot or a port");
        };
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => match digest.strip_prefix("sha256:").and_then(Digest::parse) {
                Some(digest) => (rest, Some(digest)),
                None => return wrong("its digest is not `sha256:` with 64 hex digits"),
            },
            None => (rest, None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        if !is_repository(repository) {
            return wrong("its name has other characters than a-z, 0-9, `.`, `_`, `-` and `/`");
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return wrong("its tag is not valid");
        }
        if tag.is_none() && digest.is_none() {
            return wrong("it has neither a tag nor a digest");
        }
        let (repository, tag) = (repository.to_owned(), tag.map(str::to_owned));
        Ok(Self { registry, repository, tag, digest })
    }

    /// The same place, at this manifest: the tag only says where it came from.
    pub fn pinned(&self, manifest: &Digest) -> Self {
        Self { digest: Some(manifest.clone()), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@sha256:{digest}")?;
        }
        Ok(())
    }
}

/// A registry's name in its one spelling: a host with a dot or a port, in lower case.
pub fn registry_name(text: &str) -> Option<String> {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(is_plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && !port.starts_with('0')
            && port.parse::<u16>().is_ok()
    };
    let is_host = text.len() <= REGISTRY_BYTES_MAX
        && host.split('.').all(is_label)
        && port.is_none_or(is_port)
        && (host.contains('.') || port.is_some());
    is_host.then(|| text.to_ascii_lowercase())
}

/// Path components of small letters and digits, with single separators between (distribution
/// specification, "Pulling manifests").
fn is_repository(text: &str) -> bool {
    let is_component = |component: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_separator = |text: &str| {
            matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
        };
        let bytes = component.as_bytes();
        let ends_plain =
            [bytes.first(), bytes.last()].iter().all(|byte| byte.is_some_and(|b| is_plain(*b)));
        ends_plain
            && component
                .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                .all(is_separator)
    };
    text.len() <= REPOSITORY_BYTES_MAX && text.split('/').all(is_component)
}

fn is_tag(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let starts_well = !text.starts_with(['.', '-']);
    !text.is_empty() && text.len() <= TAG_BYTES_MAX && starts_well && text.bytes().all(is_plain)
}

/// How a registry is reached.
#[derive(Debug, Default)]
pub struct RegistryAccess {
    /// Without TLS: to excepted addresses only.
    pub is_plain: bool,
    /// Private addresses that may be reached.
    pub address_exceptions: Vec<AddressException>,
    /// User name and password (or access token), where it wants them.
    pub credential: Option<(String, Secret)>,
}

/// What was pulled: bytes whose digests are those of the manifest, whose own digest was computed here.
#[derive(Debug)]
pub struct Pulled {
    /// The manifest's digest: what the tag stood for at that moment.
    pub manifest: Digest,
    /// The component.
    pub component: Vec<u8>,
    /// The text of its signature, if it has one.
    pub signature: Option<String>,
}

/// Why nothing was pulled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryFault {
    /// The host does not go there.
    #[error("{code}: {detail}")]
    NotAllowed {
        /// Such as `address_not_allowed`.
        code: String,
        /// What was tried.
        detail: String,
    },
    /// It does not answer, or not as a registry does.
    #[error("the registry cannot be used now: {0}")]
    Unavailable(String),
    /// It wants a credential, or another one.
    #[error(
        "the registry refuses access to `{0}`: check the user name and the password it is asked with"
    )]
    Refused(String),
    /// It does not have it.
    #[error("the registry has no `{0}`")]
    NotFound(String),
    /// What came is not what was asked for.
    #[error("{what} is not what its digest says: sha256:{expected} was expected, and {found} came")]
    DigestMismatch {
        /// `the manifest` or `the component`.
        what: &'static str,
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: String,
    },
    /// It is there, and is something else than a plugin.
    #[error("this is no plugin: {0}")]
    NotAPlugin(String),
    /// The component has more bytes than accepted.
    #[error("the component has more than {0} bytes")]
    TooLarge(u64),
}

impl RegistryFault {
    /// The problem's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "address_not_allowed",
            Self::Unavailable(_) => "registry_unavailable",
            Self::Refused(_) => "registry_access_refused",
            Self::NotFound(_) => "registry_not_found",
            Self::DigestMismatch { .. } => "registry_digest_mismatch",
            Self::NotAPlugin(_) => "not_a_plugin_artifact",
            Self::TooLarge(_) => "payload_too_large",
        }
    }
}

/// Speaks to registries.
#[async_trait]
pub trait PackageRegistry: Send + Sync {
    /// Asks only whether the registry may be dialled now.
    ///
    /// # Errors
    /// With [`RegistryFault::NotAllowed`]; a registry that is away is none.
    async fn check(&self, registry: &str, access: &RegistryAccess) -> Result<(), RegistryFault>;

    /// The plugin behind a reference, its digests checked.
    ///
    /// # Errors
    /// When there is none, or it is not what its digests say.
    async fn pull(
        &self,
        reference: &Reference,
        access: &RegistryAccess,
    ) -> Result<Pulled, RegistryFault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn a_reference_names_registry_repository_and_tag_or_digest() {
        let parsed = Reference::parse("oci://Registry.Example.com:5000/team/scim_x:1.2.0").unwrap();
        assert_eq!(parsed.to_string(), "registry.example.com:5000/team/scim_x:1.2.0");
        assert_eq!((parsed.tag.as_deref(), &parsed.digest), (Some("1.2.0"), &None));
        let both = format!("ghcr.io/a/b--c:v1@sha256:{DIGEST}");
        let parsed = Reference::parse(&both).unwrap();
        assert_eq!(parsed.to_string(), both);
        let pinned = Reference::parse("ghcr.io/a/b:v1").unwrap().pinned(&Digest::of(b"test"));
        assert_eq!(pinned.to_string(), format!("ghcr.io/a/b:v1@sha256:{DIGEST}"));
        assert!(Reference::parse("localhost:5000/a:1").is_ok());
        assert!(Reference::parse("127.0.0.1:5000/a:1").is_ok());
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let long_name = format!("r.example/{}:1", "a".repeat(256));
        let long_tag = format!("r.example/a:{}", "1".repeat(129));
        let upper = format!("r.example/a@sha256:{}", DIGEST.to_uppercase());
        for text in [
            "",
            "scim",
            "scim:1",
            "scim/scim:1",
            "localhost/scim:1",
            "r.example/a",
            "r.example/:1",
            "r.example/a:",
            "r.example/a:.x",
            "r.example/a:1:2",
            "r.example/A:1",
            "r.example/a//b:1",
            "r.example/../b:1",
            "r.example/a..b:1",
            "r.example/a-:1",
            "r.example/a%2fb:1",
            "r.example/a b:1",
            "r.example/a?x:1",
            "r.example/a#x:1",
            "r.example/a@sha512:00",
            "r.example/a@sha256:00",
            &upper,
            "user@r.example/a:1",
            "user:pw@r.example/a:1",
            "r.example:0/a:1",
            "r.example:99999/a:1",
            "r.example:+1/a:1",
            "-r.example/a:1",
            "r..example/a:1",
            "r.\u{e9}xample/a:1",
            "https://r.example/a:1",
            &long_name,
            &long_tag,
            &"a".repeat(10_000),
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
