//! ServiceProviderConfig, ResourceTypes and Schemas (RFC 7644 section 4).

use serde_json::{Value, json};

use super::path::{ENTERPRISE_USER, Kind};
use super::quirk::{Quirk, QuirkSet};

pub(super) fn service_provider_config(
    base_url: &str,
    page_items_max: usize,
    quirks: &QuirkSet,
) -> Value {
    let has_no_patch = quirks.has(&Quirk::PatchUnsupported { is_advertised: false });
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": !has_no_patch },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": page_items_max },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "The token that the directory was started with",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base_url}/ServiceProviderConfig"),
        },
    })
}

pub(super) fn resource_types(base_url: &str) -> Vec<Value> {
    [Kind::User, Kind::Group].map(|kind| resource_type(kind, base_url)).into()
}

pub(super) fn schemas(base_url: &str) -> Vec<Value> {
    let text = |name| attribute(name, "string", false);
    let user = [
        required("userName"),
        complex("name", &["formatted", "givenName", "familyName"], false),
        text("displayName"),
        text("title"),
        attribute("active", "boolean", false),
        complex("emails", &["value", "type", "primary"], true),
        text("preferredLanguage"),
    ];
    let group = [required("displayName"), complex("members", &["value", "display", "type"], true)];
    let enterprise = [
        text("employeeNumber"),
        text("department"),
        complex("manager", &["value", "displayName"], false),
    ];
    vec![
        schema(Kind::User.schema(), "User", &user, base_url),
        schema(Kind::Group.schema(), "Group", &group, base_url),
        schema(ENTERPRISE_USER, "EnterpriseUser", &enterprise, base_url),
    ]
}

fn resource_type(kind: Kind, base_url: &str) -> Value {
    let extensions = match kind {
        Kind::User => json!([{ "schema": ENTERPRISE_USER, "required": false }]),
        Kind::Group => json!([]),
    };
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": kind.name(),
        "name": kind.name(),
        "endpoint": format!("/{}", kind.endpoint()),
        "schema": kind.schema(),
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base_url}/ResourceTypes/{}", kind.name()),
        },
    })
}

fn schema(id: &str, name: &str, attributes: &[Value], base_url: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": id,
        "name": name,
        "attributes": attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base_url}/Schemas/{id}") },
    })
}

fn attribute(name: &str, kind: &str, is_multi_valued: bool) -> Value {
    json!({
        "name": name,
        "type": kind,
        "multiValued": is_multi_valued,
        "required": false,
        "caseExact": false,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    })
}

fn required(name: &str) -> Value {
    let mut attribute = attribute(name, "string", false);
    attribute["required"] = true.into();
    if name == "userName" {
        attribute["uniqueness"] = "server".into();
    }
    attribute
}

fn complex(name: &str, sub_attributes: &[&str], is_multi_valued: bool) -> Value {
    let mut complex = attribute(name, "complex", is_multi_valued);
    let kind = |name: &str| if name == "primary" { "boolean" } else { "string" };
    complex["subAttributes"] =
        sub_attributes.iter().map(|name| attribute(name, kind(name), false)).collect();
    complex
}
