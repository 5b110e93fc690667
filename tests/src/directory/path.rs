//! Attribute paths (RFC 7644 section 3.5.2, figure 7): `[URN:]attribute[filter].sub`.

use serde_json::Value;

use super::error::ScimError;
use super::filter::{self, Clause};

/// The enterprise extension (RFC 7643 section 4.3).
pub(super) const ENTERPRISE_USER: &str =
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The two kinds of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

impl Kind {
    pub(super) fn from_endpoint(endpoint: &str) -> Option<Self> {
        [Self::User, Self::Group].into_iter().find(|kind| kind.endpoint() == endpoint)
    }

    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::User => "urn:ietf:params:scim:schemas:core:2.0:User",
            Self::Group => "urn:ietf:params:scim:schemas:core:2.0:Group",
        }
    }
}

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AttributePath {
    /// True for attributes of the enterprise extension.
    pub(super) is_enterprise: bool,
    /// Empty for the extension as a whole.
    pub(super) attribute: String,
    pub(super) filter: Option<Clause>,
    pub(super) sub: Option<String>,
}

impl AttributePath {
    /// # Errors
    /// `invalidPath` for anything outside of the grammar, `invalidFilter` for the part in brackets.
    pub(super) fn parse(text: &str) -> Result<Self, ScimError> {
        let (is_enterprise, rest) = strip_schema(text.trim());
        if rest.is_empty() && is_enterprise {
            return Ok(Self { is_enterprise, attribute: String::new(), filter: None, sub: None });
        }
        let (head, filter, tail) = match rest.split_once('[') {
            Some((head, rest)) => {
                let (inside, tail) = rest.rsplit_once(']').ok_or_else(|| invalid(text))?;
                (head, Some(filter::parse_clause(inside)?), tail)
            }
            None => {
                let (head, tail) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (head, None, tail)
            }
        };
        let sub = match tail.strip_prefix('.') {
            Some(sub) if is_name(sub) => Some(sub.to_owned()),
            None if tail.is_empty() => None,
            _ => return Err(invalid(text)),
        };
        if !is_name(head) {
            return Err(invalid(text));
        }
        Ok(Self { is_enterprise, attribute: head.to_owned(), filter, sub })
    }

    /// True for the attribute `name` of the core schema, whatever follows it.
    pub(super) fn is_for(&self, name: &str) -> bool {
        !self.is_enterprise && self.attribute.eq_ignore_ascii_case(name)
    }

    /// The member id in `members[value eq "id"]`.
    pub(super) fn filtered_value(&self) -> Option<&str> {
        match &self.filter {
            Some(Clause::Equals { path, literal: Value::String(id) })
                if path.eq_ignore_ascii_case("value") =>
            {
                Some(id)
            }
            _ => None,
        }
    }
}

/// Takes a known schema's URN off the front; the URN itself holds colons and dots.
fn strip_schema(text: &str) -> (bool, &str) {
    for (schema, is_enterprise) in
        [(ENTERPRISE_USER, true), (Kind::User.schema(), false), (Kind::Group.schema(), false)]
    {
        let Some(prefix) = text.get(..schema.len()) else { continue };
        if prefix.eq_ignore_ascii_case(schema) {
            let rest = &text[schema.len()..];
            return (is_enterprise, rest.strip_prefix(':').unwrap_or(rest));
        }
    }
    (false, text)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$')
        && text.chars().all(|each| each.is_ascii_alphanumeric() || "$-_".contains(each))
}

fn invalid(path: &str) -> ScimError {
    ScimError::bad("invalidPath", format!("`{path}` is not a path this directory knows"))
}
