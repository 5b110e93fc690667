//! Entitlement types and their schemas (CAT-1, CAT-2): what a connector declares, what an admin says
//! of it, and what is in force.
//!
//! [`in_force`] is pure and the only place where the two meet, so an admin's edits survive every
//! upgrade of the connector. What rows have to obey is [`check`].

mod check;
mod re_key;

use serde::{Deserialize, Serialize};

use crate::catalogue::NATIVE_ID_BYTES_MAX;
use crate::fault::FieldIssue;
use crate::plugin::{AttributeSchema, AttributeType, KindSchema};
use crate::text;

pub use check::{Misfit, Schema, value_of};
pub use re_key::{ReKey, ReKeyed, re_key};

/// Most types of one integration.
pub const TYPES_MAX: usize = 500;
/// Most attributes of one type.
pub const ATTRIBUTES_MAX: usize = 200;

/// What the values of an attribute are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// Text; any value that has a text form.
    String,
    /// A whole number of 64 bits.
    Long,
    /// A whole number of 32 bits.
    Int,
    /// True or false.
    Boolean,
    /// Points at objects of another type: the type's name.
    Reference(String),
}

impl AttributeKind {
    /// The kind of that name: one of the four words, else a reference to the type of that name.
    pub fn parse(name: &str) -> Self {
        match name {
            "string" => Self::String,
            "long" => Self::Long,
            "int" => Self::Int,
            "boolean" => Self::Boolean,
            other => Self::Reference(other.to_owned()),
        }
    }

    /// The name that [`AttributeKind::parse`] reads.
    pub fn name(&self) -> &str {
        match self {
            Self::String => "string",
            Self::Long => "long",
            Self::Int => "int",
            Self::Boolean => "boolean",
            Self::Reference(of) => of,
        }
    }

    fn declared(schema: &AttributeSchema) -> Self {
        match (schema.of_type, &schema.reference_kind) {
            (AttributeType::Boolean, _) => Self::Boolean,
            (AttributeType::Integer | AttributeType::Timestamp, _) => Self::Long,
            (AttributeType::Reference, Some(kind)) => Self::Reference(kind.clone()),
            (
                AttributeType::Text
                | AttributeType::Decimal
                | AttributeType::Real
                | AttributeType::Bytes
                | AttributeType::Date
                | AttributeType::Uuid
                | AttributeType::Reference
                | AttributeType::Json
                | AttributeType::Secret,
                _,
            ) => Self::String,
        }
    }
}

/// One attribute of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeAttribute {
    /// Its name, exactly as the connector reports it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What its values are.
    pub of: AttributeKind,
    /// Whether it may have several values.
    pub is_multi_valued: bool,
    /// Whether rows are held against it. One that is not managed is kept as it comes.
    pub is_managed: bool,
}

/// What a connector declares of a type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeclaredType {
    /// What people call it.
    pub display: String,
    /// The attribute that holds the native id.
    pub id_attribute: String,
    /// The attribute that holds the name, if it is another one.
    pub name_attribute: Option<String>,
    /// Its attributes.
    pub attributes: Vec<TypeAttribute>,
}

impl DeclaredType {
    /// The types that a connector's kinds declare, with their names: those of its resources.
    pub fn of_kinds(kinds: &[KindSchema]) -> Vec<(String, Self)> {
        let is_name = |name: &str| {
            !name.is_empty() && name.len() <= NATIVE_ID_BYTES_MAX && !name.contains('\0')
        };
        let resources = kinds.iter().filter(|kind| !kind.is_account() && is_name(&kind.kind));
        resources.take(TYPES_MAX).map(|kind| (kind.kind.clone(), Self::of(kind))).collect()
    }

    fn of(kind: &KindSchema) -> Self {
        let attribute = |schema: &AttributeSchema| TypeAttribute {
            name: schema.name.clone(),
            description: schema.description.clone(),
            of: AttributeKind::declared(schema),
            is_multi_valued: schema.traits.iter().any(|held| held == "multi_valued"),
            is_managed: true,
        };
        Self {
            display: kind.display.clone(),
            id_attribute: kind.id_attribute.clone(),
            name_attribute: kind.name_attribute.clone(),
            attributes: kind.attributes.iter().take(ATTRIBUTES_MAX).map(attribute).collect(),
        }
    }
}

/// What an admin says of a type. `None` leaves it to the connector or the default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields of `EntitlementType`")]
pub struct OwnType {
    pub display: Option<String>,
    pub description: Option<String>,
    pub includes_permissions: Option<bool>,
    pub is_cloud_enabled: Option<bool>,
    /// Attributes of the admin's own, and those of the connector that the admin edited.
    pub attributes: Vec<TypeAttribute>,
    /// Attributes of the connector that the admin took out.
    pub dropped: Vec<String>,
    pub id_attribute: Option<String>,
    pub name_attribute: Option<String>,
    pub description_attribute: Option<String>,
}

/// A change of an admin's word: what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields of `EntitlementType`")]
pub struct TypeChange {
    pub display: Option<Option<String>>,
    pub description: Option<String>,
    pub includes_permissions: Option<bool>,
    pub is_cloud_enabled: Option<bool>,
    /// All attributes that the type is to have.
    pub attributes: Option<Vec<TypeAttribute>>,
    pub name_attribute: Option<Option<String>>,
    pub description_attribute: Option<Option<String>>,
}

/// Whose word an attribute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaidBy {
    /// The connector's.
    Connector,
    /// An admin's, instead of the connector's.
    Edited,
    /// An admin's alone.
    Admin,
}

/// An attribute in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeInForce {
    /// What holds.
    pub attribute: TypeAttribute,
    /// Whose word it is.
    pub said_by: SaidBy,
    /// What the connector declares instead.
    pub declared: Option<TypeAttribute>,
}

/// A type as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitlementType {
    /// Exactly the target's native object type.
    pub name: String,
    /// What people call it.
    pub display: String,
    /// What it is for.
    pub description: String,
    /// Whether aggregations read who holds its entitlements.
    pub includes_permissions: bool,
    /// Whether people are offered its entitlements.
    pub is_cloud_enabled: bool,
    /// Its attributes.
    pub attributes: Vec<AttributeInForce>,
    /// Attributes that the connector declares and an admin took out.
    pub dropped: Vec<String>,
    /// The attribute that is the Entitlement ID; `None` where the connector gives the id alone.
    pub id_attribute: Option<String>,
    /// The attribute that is the Entitlement Name.
    pub name_attribute: Option<String>,
    /// The attribute that serves as the description; `None` for the connector's own.
    pub description_attribute: Option<String>,
    /// From which attributes the three are read; `None` where the connector gives them.
    pub read: ReadAttributes,
}

/// Attributes from which the id, the name and the description of entitlements are read; `None` leaves
/// what the connector gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReadAttributes {
    pub id: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
}

impl ReadAttributes {
    /// Whether entitlements are what the connector gives.
    pub fn is_plain(&self) -> bool {
        self.id.is_none() && self.name.is_none() && self.description.is_none()
    }
}

/// The type that follows from what a connector declares and an admin says.
pub fn in_force(name: &str, declared: Option<&DeclaredType>, own: &OwnType) -> EntitlementType {
    let of_connector = declared.map_or(&[][..], |declared| &declared.attributes);
    let edit = |name: &str| own.attributes.iter().find(|attribute| attribute.name == name);
    let kept = of_connector.iter().filter(|attribute| !own.dropped.contains(&attribute.name));
    let mut attributes: Vec<AttributeInForce> = kept
        .map(|attribute| match edit(&attribute.name) {
            Some(edited) => AttributeInForce {
                attribute: edited.clone(),
                said_by: SaidBy::Edited,
                declared: Some(attribute.clone()),
            },
            None => AttributeInForce {
                attribute: attribute.clone(),
                said_by: SaidBy::Connector,
                declared: None,
            },
        })
        .collect();
    let is_there = |name: &str| of_connector.iter().any(|attribute| attribute.name == name);
    let added = own.attributes.iter().filter(|attribute| !is_there(&attribute.name));
    attributes.extend(added.map(|attribute| AttributeInForce {
        attribute: attribute.clone(),
        said_by: SaidBy::Admin,
        declared: None,
    }));
    let native_id = declared.map(|declared| declared.id_attribute.clone());
    let native_name =
        declared.and_then(|declared| declared.name_attribute.clone()).or_else(|| native_id.clone());
    let differs = |own: &Option<String>, native: &Option<String>| {
        own.clone().filter(|attribute| native.as_ref() != Some(attribute))
    };
    EntitlementType {
        name: name.to_owned(),
        display: own
            .display
            .clone()
            .or_else(|| declared.map(|declared| declared.display.clone()))
            .filter(|display| !display.trim().is_empty())
            .unwrap_or_else(|| name.to_owned()),
        description: own.description.clone().unwrap_or_default(),
        includes_permissions: own.includes_permissions.unwrap_or(true),
        is_cloud_enabled: own.is_cloud_enabled.unwrap_or(true),
        attributes,
        dropped: own.dropped.clone(),
        read: ReadAttributes {
            id: differs(&own.id_attribute, &native_id),
            name: differs(&own.name_attribute, &native_name),
            description: own.description_attribute.clone(),
        },
        id_attribute: own.id_attribute.clone().or(native_id),
        name_attribute: own.name_attribute.clone().or(native_name),
        description_attribute: own.description_attribute.clone(),
    }
}

fn issue(path: impl Into<String>, code: &str, message: impl Into<String>) -> FieldIssue {
    FieldIssue { path: path.into(), code: code.to_owned(), message: message.into() }
}

fn checked_text(path: &str, checked: Result<(), text::InvalidText>) -> Option<FieldIssue> {
    checked.err().map(|error| issue(path, "invalid_string", error.to_string()))
}

impl OwnType {
    /// An admin's word with a change, if the result is valid. `types` are the names that attributes
    /// may refer to.
    pub fn changed(
        &self,
        declared: Option<&DeclaredType>,
        change: &TypeChange,
        types: &[String],
    ) -> Result<Self, Vec<FieldIssue>> {
        let mut own = self.clone();
        let mut issues = Vec::new();
        if let Some(display) = &change.display {
            let faulty = display.as_ref().map(|display| text::check_name(display));
            issues.extend(faulty.and_then(|checked| checked_text("/display", checked)));
            own.display = display.as_ref().map(|display| display.trim().to_owned());
        }
        if let Some(description) = &change.description {
            let checked = text::check_description(description);
            issues.extend(checked_text("/description", checked));
            own.description = Some(description.clone()).filter(|text| !text.is_empty());
        }
        own.includes_permissions = change.includes_permissions.or(own.includes_permissions);
        own.is_cloud_enabled = change.is_cloud_enabled.or(own.is_cloud_enabled);
        if let Some(attributes) = &change.attributes {
            issues.extend(check_attributes(declared, attributes, types));
            own.set_attributes(declared, attributes);
        }
        if let Some(name) = &change.name_attribute {
            own.name_attribute.clone_from(name);
        }
        if let Some(description) = &change.description_attribute {
            own.description_attribute.clone_from(description);
        }
        issues.extend(own.unknown_attributes(declared));
        if issues.is_empty() { Ok(own) } else { Err(issues) }
    }

    /// What differs from the connector's word is the admin's.
    fn set_attributes(&mut self, declared: Option<&DeclaredType>, all: &[TypeAttribute]) {
        let of_connector = declared.map_or(&[][..], |declared| &declared.attributes);
        self.attributes =
            all.iter().filter(|attribute| !of_connector.contains(attribute)).cloned().collect();
        let is_kept = |name: &str| all.iter().any(|attribute| attribute.name == name);
        let names = of_connector.iter().map(|attribute| &attribute.name);
        self.dropped = names.filter(|name| !is_kept(name)).cloned().collect();
    }

    /// Id, name and description come from attributes that the type has.
    fn unknown_attributes(&self, declared: Option<&DeclaredType>) -> Vec<FieldIssue> {
        let all = in_force("", declared, self);
        let chosen = [
            ("/id_attribute", &all.read.id),
            ("/name_attribute", &all.read.name),
            ("/description_attribute", &all.read.description),
        ];
        let is_unknown = |name: &&String| {
            !all.attributes.iter().any(|in_force| in_force.attribute.name == **name)
        };
        let issues = chosen.into_iter().filter_map(|(path, chosen)| {
            let name = chosen.as_ref().filter(is_unknown)?;
            let message = format!("the type has no attribute `{}`", text::printable(name, 80));
            Some(issue(path, "unknown_attribute", message))
        });
        issues.collect()
    }

    /// With another attribute as the Entitlement ID, if the type has it; `None` for the connector's
    /// own id.
    pub fn re_keyed(
        &self,
        declared: Option<&DeclaredType>,
        attribute: Option<&str>,
    ) -> Result<Self, Vec<FieldIssue>> {
        let own = Self { id_attribute: attribute.map(str::to_owned), ..self.clone() };
        let issues = own.unknown_attributes(declared);
        if issues.is_empty() { Ok(own) } else { Err(issues) }
    }

    /// A type that a person makes: its first attribute is id and name by default.
    pub fn with_first_attribute(mut self, declared: Option<&DeclaredType>) -> Self {
        let first = self.attributes.first().map(|attribute| attribute.name.clone());
        if declared.is_none() {
            self.id_attribute = self.id_attribute.or_else(|| first.clone());
            self.name_attribute = self.name_attribute.or(first);
        }
        self
    }
}

fn check_attributes(
    declared: Option<&DeclaredType>,
    attributes: &[TypeAttribute],
    types: &[String],
) -> Vec<FieldIssue> {
    if attributes.len() > ATTRIBUTES_MAX {
        let message = format!("must have at most {ATTRIBUTES_MAX} attributes");
        return vec![issue("/attributes", "too_many", message)];
    }
    let of_connector = declared.map_or(&[][..], |declared| &declared.attributes);
    let mut issues = Vec::new();
    for (position, attribute) in attributes.iter().enumerate() {
        let path = |field: &str| format!("/attributes/{position}/{field}");
        if attributes[..position].iter().any(|before| before.name == attribute.name) {
            issues.push(issue(path("name"), "duplicate", "is there already"));
        }
        if of_connector.contains(attribute) {
            continue;
        }
        issues.extend(checked_text(&path("name"), text::check_name(&attribute.name)));
        let checked = text::check_description(&attribute.description);
        issues.extend(checked_text(&path("description"), checked));
        let is_declared = |kind: &AttributeKind| of_connector.iter().any(|known| known.of == *kind);
        if let AttributeKind::Reference(of) = &attribute.of
            && !types.contains(of)
            && !is_declared(&attribute.of)
        {
            let message =
                "must be `string`, `long`, `int`, `boolean`, or a type of this integration";
            issues.push(issue(path("type"), "unknown_type", message));
        }
    }
    issues
}

#[cfg(test)]
mod tests;
