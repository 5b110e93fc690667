//! What a plugin is and what it needs.

use crate::bindings::exports::grantry::plugin::lifecycle::Guest;
pub use crate::bindings::exports::grantry::plugin::lifecycle::{
    AttributeSchema, AttributeTraits, AttributeType, AuthKind, AuthScheme, BasicAuth,
    ClientCredentials, ConnectionReport, DeltaSupport, HeaderAuth, HostRule, KindClass, KindSchema,
    Manifest, NeededHost, PlatformAction, QueryAuth, Suggestion, Suggestions, TestDepth, Verb,
};
use crate::types::{Cursor, Error, FieldIssue, Result};

/// Every plugin has it. The manual is `wit/lifecycle.wit`.
pub trait Lifecycle {
    /// Runs once at install, without any capability.
    fn describe() -> Manifest;

    /// Faults that the schema cannot express. No host function may be called.
    fn validate_config(connection: String) -> Vec<FieldIssue> {
        let _ = connection;
        Vec::new()
    }

    /// Values for a field of the connection.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless overridden.
    fn suggest_config(
        connection: String,
        field: String,
        query: Option<String>,
        at: Option<Cursor>,
    ) -> Result<Suggestions> {
        let _ = (connection, query, at);
        Err(Error::Unsupported(format!("there are no suggestions for `{field}`")))
    }

    /// Whether the connection works and what it can do in this tenant.
    ///
    /// # Errors
    /// What is wrong, in words for the admin.
    fn test_connection(depth: TestDepth) -> Result<ConnectionReport> {
        let _ = depth;
        Ok(ConnectionReport::of(Self::describe().kinds))
    }

    /// The kinds of this tenant: at most what the manifest says.
    ///
    /// # Errors
    /// As the target says.
    fn discover_schema() -> Result<Vec<KindSchema>> {
        Ok(Self::describe().kinds)
    }
}

impl<T: Lifecycle> Guest for T {
    fn describe() -> Manifest {
        crate::panics::log_them();
        T::describe()
    }

    fn validate_config(connection: String) -> Vec<FieldIssue> {
        crate::panics::log_them();
        T::validate_config(connection)
    }

    fn suggest_config(
        connection: String,
        field: String,
        query: Option<String>,
        at: Option<Cursor>,
    ) -> Result<Suggestions> {
        crate::panics::log_them();
        T::suggest_config(connection, field, query, at)
    }

    fn test_connection(depth: TestDepth) -> Result<ConnectionReport> {
        crate::panics::log_them();
        T::test_connection(depth)
    }

    fn discover_schema() -> Result<Vec<KindSchema>> {
        crate::panics::log_them();
        T::discover_schema()
    }
}

impl Default for Manifest {
    /// A plugin that asks for nothing; `name` and `version` are still to be set.
    fn default() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            publisher: String::new(),
            application_type: String::new(),
            description: String::new(),
            docs_url: None,
            example_connection: "{}".into(),
            connection_schema: r#"{"type":"object"}"#.into(),
            auth: Vec::new(),
            hosts: Vec::new(),
            platform_actions: Vec::new(),
            needs_kv: false,
            kinds: Vec::new(),
            can_read_back: false,
        }
    }
}

impl KindSchema {
    /// A kind without attributes and verbs, whose objects are identified by `id`.
    pub fn new(kind: &str, class: KindClass, display: &str) -> Self {
        Self {
            kind: kind.into(),
            classes: vec![class],
            display: display.into(),
            id_attribute: "id".into(),
            name_attribute: None,
            parent_kinds: Vec::new(),
            attributes: Vec::new(),
            verbs: Vec::new(),
            delta: DeltaSupport::None,
            is_countable: false,
        }
    }
}

impl AttributeSchema {
    /// An attribute without choices.
    pub fn new(name: &str, of_type: AttributeType, traits: AttributeTraits) -> Self {
        Self {
            name: name.into(),
            of_type,
            description: String::new(),
            traits,
            reference_kind: None,
            choices: Vec::new(),
        }
    }
}

impl ConnectionReport {
    /// All is well, with these kinds.
    pub fn of(effective: Vec<KindSchema>) -> Self {
        Self { tenant: None, effective, missing_permissions: Vec::new(), warnings: Vec::new() }
    }
}
