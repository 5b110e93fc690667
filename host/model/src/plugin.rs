//! What a plugin says of itself: the host's side of `wit/lifecycle.wit`.

use serde::{Deserialize, Serialize};

use crate::permission::Action;

/// SHA-256 of a component, in lower-case hex: a plugin version's name that cannot be moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(hex::encode(sha2::Sha256::digest(bytes)))
    }

    /// Accepts 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 64 && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    /// The digest's hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum AttributeType {
    Text,
    Boolean,
    Integer,
    Decimal,
    Real,
    Bytes,
    Timestamp,
    Date,
    Uuid,
    Reference,
    Json,
    Secret,
}

/// One attribute of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/lifecycle.wit")]
pub struct AttributeSchema {
    pub name: String,
    pub of_type: AttributeType,
    pub description: String,
    /// Names of the traits that hold, such as `multi_valued`.
    pub traits: Vec<String>,
    pub reference_kind: Option<String>,
    pub choices: Vec<String>,
}

/// What an object of a kind is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum KindClass {
    Account,
    Group,
    Role,
    App,
    Secret,
    Device,
    Agent,
    License,
    ScopeBinding,
    Other,
}

/// What can be done with an object of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verb {
    Grant,
    Revoke,
    Extend,
    Renew,
    Create,
    Update,
    Delete,
    Enable,
    Disable,
    Unlock,
    SetPassword,
    RotateCredential,
    IssueCredential,
    RevokeCredential,
    Link,
    Unlink,
    Invoke,
}

/// How much of a change history the target offers for a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum DeltaSupport {
    None,
    UpsertsOnly,
    WithDeletes,
    Validators,
}

/// One kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/lifecycle.wit")]
pub struct KindSchema {
    pub kind: String,
    pub classes: Vec<KindClass>,
    pub display: String,
    pub id_attribute: String,
    pub name_attribute: Option<String>,
    pub parent_kinds: Vec<String>,
    pub attributes: Vec<AttributeSchema>,
    pub verbs: Vec<Verb>,
    pub delta: DeltaSupport,
    pub is_countable: bool,
}

impl KindSchema {
    /// Whether objects of this kind are accounts rather than resources.
    pub fn is_account(&self) -> bool {
        self.classes.contains(&KindClass::Account)
    }
}

/// Which host a plugin wants to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", content = "value", rename_all = "snake_case")]
pub enum HostRule {
    /// Exactly this host, https on its default port.
    Exact(String),
    /// Any name below this suffix, such as `.example.com`.
    Suffix(String),
    /// The origin of the URL at this place in the connection.
    FromConnection(String),
}

/// A host that the plugin needs, with the reason that the admin reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/lifecycle.wit")]
pub struct NeededHost {
    pub host: HostRule,
    pub methods: Vec<String>,
    pub path_prefix: String,
    pub why: String,
}

impl NeededHost {
    /// Whether the connection says which host it is.
    pub fn is_of_connection(&self) -> bool {
        matches!(self.host, HostRule::FromConnection(_))
    }
}

/// How a credential is placed into a request. Secrets are named by their place in the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented case by case in wit/lifecycle.wit")]
pub enum AuthKind {
    Bearer {
        secret: String,
    },
    Basic {
        username: String,
        password: String,
    },
    Header {
        header: String,
        prefix: String,
        secret: String,
    },
    Query {
        parameter: String,
        secret: String,
    },
    Oauth2ClientCredentials {
        token_url: String,
        client_id: String,
        client_secret: String,
        scope: Option<String>,
    },
}

/// A named way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/lifecycle.wit")]
pub struct AuthScheme {
    pub name: String,
    #[serde(flatten)]
    pub kind: AuthKind,
}

/// What the admin reads and approves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/lifecycle.wit")]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub publisher: String,
    pub application_type: String,
    pub description: String,
    pub docs_url: Option<String>,
    pub example_connection: String,
    pub connection_schema: String,
    pub auth: Vec<AuthScheme>,
    pub hosts: Vec<NeededHost>,
    pub platform_actions: Vec<Action>,
    pub needs_kv: bool,
    pub kinds: Vec<KindSchema>,
    pub can_read_back: bool,
}

/// How far a connection test goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestDepth {
    /// The target answers.
    Connect,
    /// The credential can read.
    Read,
    /// A disposable write works.
    WriteProbe,
}

/// What a connection can do in its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented field by field in wit/lifecycle.wit")]
pub struct ConnectionReport {
    pub tenant: Option<String>,
    pub effective: Vec<KindSchema>,
    pub missing_permissions: Vec<String>,
    pub warnings: Vec<String>,
}
