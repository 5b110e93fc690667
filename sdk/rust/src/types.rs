//! The nouns that every interface speaks of, with short ways to write them.

pub use crate::bindings::grantry::plugin::types::{
    Assignment, Attribute, AttributeDelta, Backoff, Completeness, Cursor, Entitlement, Error,
    Exclusive, Expansion, FieldIssue, Object, ObjectId, ObjectRef, ObjectStatus, Purpose, Sealed,
    Value,
};

/// What most calls answer with.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl ObjectRef {
    /// Points at the object of a kind by its native id.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }
}

impl ObjectId {
    /// An id without a name, aliases, parent or version tag.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            id: id.into(),
            name: None,
            aliases: Vec::new(),
            parent: None,
            etag: None,
        }
    }

    /// The reference to the object with this id.
    pub fn to_ref(&self) -> ObjectRef {
        ObjectRef::new(&self.kind, &self.id)
    }
}

impl Object {
    /// An enabled object without attributes.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            id: ObjectId::new(kind, id),
            display: None,
            description: None,
            status: ObjectStatus::Enabled,
            attributes: Vec::new(),
            created_ms: None,
            last_used_ms: None,
        }
    }
}

impl Attribute {
    /// All the values that the target holds for the attribute.
    pub fn complete(name: impl Into<String>, values: Vec<Value>) -> Self {
        Self { name: name.into(), values, completeness: Completeness::Complete }
    }

    /// A single text.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::complete(name, vec![Value::Text(value.into())])
    }
}

impl Assignment {
    /// `holder` holds the entitlement, with nothing else known of it.
    pub fn new(entitlement: impl Into<String>, holder: ObjectRef) -> Self {
        Self {
            id: None,
            entitlement: entitlement.into(),
            holder,
            expansion: None,
            is_immutable: false,
            starts_ms: None,
            ends_ms: None,
            origin: None,
            attributes: Vec::new(),
        }
    }
}

impl FieldIssue {
    /// `path` is a JSON pointer into the input, `code` is snake_case.
    pub fn new(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self { path: path.into(), code: code.into(), message: message.into() }
    }
}

impl Backoff {
    /// The target did not say how long to wait.
    pub fn unknown() -> Self {
        Self { after_ms: None, bucket: None, remaining: None }
    }

    /// The target asked for this pause.
    pub fn after_ms(after_ms: u64) -> Self {
        Self { after_ms: Some(after_ms), ..Self::unknown() }
    }
}

impl Error {
    /// One fault in what the host asked for.
    pub fn invalid_input(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self::InvalidInput(vec![FieldIssue::new(path, code, message)])
    }

    /// One fault in the connection.
    pub fn invalid_config(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self::InvalidConfig(vec![FieldIssue::new(path, code, message)])
    }
}
