//! Rows held against a schema: what does not fit, and why.
//!
//! Pure, and without an allocation for a row that fits. Attributes that the schema does not have, or
//! that are not managed, constrain nothing.

use crate::catalogue::{Attribute, ObjectRef, Value};
use crate::text::printable;

use super::{AttributeKind, EntitlementType, TypeAttribute};

/// Longest name or id that a complaint repeats, in characters.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// Longest value that an entitlement is known by, in characters.
const VALUE_CHARACTERS_MAX: usize = 1_000;

/// Why a row does not fit its type's schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A value of another type.
    #[error("`{attribute}` has {found}, where the schema says {declared}")]
    WrongType {
        /// Of which attribute.
        attribute: String,
        /// What it has.
        found: String,
        /// What the schema says.
        declared: String,
    },
    /// Several values of an attribute with one.
    #[error("`{attribute}` has {values} values, where the schema says one")]
    SeveralValues {
        /// Of which attribute.
        attribute: String,
        /// How many it has.
        values: usize,
    },
    /// A reference to something that was not listed.
    #[error("`{attribute}` refers to {kind} `{id}`, which was not listed")]
    UnknownReference {
        /// Of which attribute.
        attribute: String,
        /// What it refers to.
        kind: String,
        /// What it refers to.
        id: String,
    },
}

impl Misfit {
    /// For programs: the code of a run's issue.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongType { .. } => "wrong_type",
            Self::SeveralValues { .. } => "several_values",
            Self::UnknownReference { .. } => "unknown_reference",
        }
    }
}

/// What the rows of a type have to obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    managed: Vec<TypeAttribute>,
}

impl Schema {
    /// The schema of a type; `None` where it constrains nothing.
    pub fn of(of: &EntitlementType) -> Option<Self> {
        let managed = of.attributes.iter().map(|in_force| &in_force.attribute);
        let mut managed: Vec<TypeAttribute> =
            managed.filter(|attribute| attribute.is_managed).cloned().collect();
        managed.sort_by(|a, b| a.name.cmp(&b.name));
        (!managed.is_empty()).then_some(Self { managed })
    }

    /// Whether a row's attributes fit; `is_known` tells whether a reference points at something.
    pub fn check(
        &self,
        attributes: &[Attribute],
        mut is_known: impl FnMut(&ObjectRef) -> bool,
    ) -> Result<(), Misfit> {
        for attribute in attributes {
            let found = self.managed.binary_search_by(|known| known.name.cmp(&attribute.name));
            let Ok(position) = found else { continue };
            let schema = &self.managed[position];
            if attribute.values.len() > 1 && !schema.is_multi_valued {
                let (attribute, values) = (shown(&attribute.name), attribute.values.len());
                return Err(Misfit::SeveralValues { attribute, values });
            }
            for value in &attribute.values {
                check_value(schema, value, &mut is_known)?;
            }
        }
        Ok(())
    }
}

fn shown(text: &str) -> String {
    printable(text, SHOWN_CHARACTERS_MAX)
}

fn check_value(
    schema: &TypeAttribute,
    value: &Value,
    is_known: &mut impl FnMut(&ObjectRef) -> bool,
) -> Result<(), Misfit> {
    let fits = match (&schema.of, value) {
        (AttributeKind::Reference(of), Value::Reference(to)) if *of == to.kind => {
            if !is_known(to) {
                let (kind, id) = (shown(&to.kind), shown(&to.id));
                let attribute = shown(&schema.name);
                return Err(Misfit::UnknownReference { attribute, kind, id });
            }
            true
        }
        (AttributeKind::Reference(_), _) | (_, Value::Reference(_)) => false,
        (AttributeKind::String, _) => true,
        (AttributeKind::Long, value) => matches!(value, Value::Integer(_) | Value::TimestampMs(_)),
        (AttributeKind::Int, value) => {
            matches!(value, Value::Integer(number) if i32::try_from(*number).is_ok())
        }
        (AttributeKind::Boolean, value) => matches!(value, Value::Boolean(_)),
    };
    if fits {
        return Ok(());
    }
    let declared = match &schema.of {
        AttributeKind::Reference(of) => format!("a reference to `{}`", shown(of)),
        other => format!("`{}`", other.name()),
    };
    let (attribute, found) = (shown(&schema.name), described(value));
    Err(Misfit::WrongType { attribute, found, declared })
}

fn described(value: &Value) -> String {
    match value {
        Value::Text(_) => "a text".to_owned(),
        Value::Boolean(_) => "a truth value".to_owned(),
        Value::Integer(number) => format!("the number {number}"),
        Value::Decimal(_) | Value::Real(_) => "a number that is not whole".to_owned(),
        Value::Bytes(_) => "bytes".to_owned(),
        Value::TimestampMs(_) => "a time".to_owned(),
        Value::Date(_) => "a date".to_owned(),
        Value::Uuid(_) => "a UUID".to_owned(),
        Value::Reference(to) => format!("a reference to `{}`", shown(&to.kind)),
        Value::Json(_) => "a structured value".to_owned(),
    }
}

/// The first value of an attribute, as people would write it; own attributes come before those of
/// the resource.
pub fn value_of(name: &str, own: &[Attribute], resource: &[Attribute]) -> Option<String> {
    let attribute = own.iter().chain(resource).find(|attribute| attribute.name == name)?;
    let text = match attribute.values.first()? {
        Value::Text(text)
        | Value::Decimal(text)
        | Value::Date(text)
        | Value::Uuid(text)
        | Value::Json(text) => text.clone(),
        Value::Boolean(is_true) => is_true.to_string(),
        Value::Integer(number) | Value::TimestampMs(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Reference(to) => to.id.clone(),
        Value::Bytes(_) => return None,
    };
    Some(printable(&text, VALUE_CHARACTERS_MAX)).filter(|text| !text.trim().is_empty())
}
