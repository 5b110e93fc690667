//! Looking at an uploaded component before anybody trusts it (PLG-1, PLG-2).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::plugin::{Digest, Manifest};

/// The interfaces that a plugin can export: what it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented interface by interface in wit/")]
pub enum Interface {
    Lifecycle,
    Aggregate,
    Changes,
    Provision,
    Tickets,
    WebhookLogic,
    StepLogic,
}

/// What was found in an accepted component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageReport {
    /// Its name for ever.
    pub digest: Digest,
    /// The component's size in bytes.
    pub size_bytes: u64,
    /// The contract's version that it was built against, such as `0.1.0`.
    pub contract: String,
    /// What it can do.
    pub interfaces: Vec<Interface>,
    /// What it imports, by full name.
    pub imports: Vec<String>,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Why a component is refused (security.md rows 27 to 29).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageRejection {
    /// Text, an ELF file, a core module, nothing, or a precompiled file.
    #[error("this is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// More bytes than accepted.
    #[error("the component has more than {0} bytes")]
    TooLarge(u64),
    /// Compiling took more time or memory than a component may take.
    #[error("compiling the component takes more time or memory than allowed")]
    CompileLimit,
    /// It imports something that no plugin gets, or another version of the contract.
    #[error("plugins may not import `{0}`")]
    ImportNotAllowed(String),
    /// It uses a feature that is switched off.
    #[error("the component uses a feature that plugins do not get: {0}")]
    FeatureNotAllowed(String),
    /// It does not export `lifecycle`, or `describe` fails or answers nonsense.
    #[error("the component does not describe itself: {0}")]
    BadManifest(String),
    /// The host could not look.
    #[error("the component cannot be checked now: {0}")]
    Unavailable(String),
}

impl PackageRejection {
    /// The code of security.md section 4.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent(_) => "not_a_component",
            Self::TooLarge(_) => "payload_too_large",
            Self::CompileLimit => "plugin_compile_limit",
            Self::ImportNotAllowed(_) => "plugin_import_not_allowed",
            Self::FeatureNotAllowed(_) => "plugin_feature_not_allowed",
            Self::BadManifest(_) => "plugin_manifest_invalid",
            Self::Unavailable(_) => "plugin_check_unavailable",
        }
    }
}

/// Checks, compiles (apart, under limits) and describes an uploaded component.
#[async_trait]
pub trait PackageInspector: Send + Sync {
    /// Looks at the component; on success its compiled form is in the cache.
    async fn inspect(&self, component: &[u8]) -> Result<PackageReport, PackageRejection>;
}

/// Where the bytes of installed components are kept.
#[async_trait]
pub trait ComponentSource: Send + Sync {
    /// The component of that digest, as stored; the runtime checks the digest itself.
    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, String>;
}
