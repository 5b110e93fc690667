//! Whether a manifest makes sense: what an admin will read and approve must be printable, bounded
//! and well-formed, and its pointers must point at something.

use grantry_model::package::PackageRejection;
use grantry_model::plugin::{AuthKind, AuthScheme, HostRule, KindSchema, Manifest, NeededHost};
use grantry_model::text::{check_description, check_name};
use http::HeaderName;
use serde_json::Value;
use url::Host;

const JSON_BYTES_MAX: usize = 256 * 1024;
const ITEMS_MAX: usize = 200;
const IDENTIFIER_BYTES_MAX: usize = 64;

type Checked = Result<(), PackageRejection>;

fn bad<T>(why: String) -> Result<T, PackageRejection> {
    Err(PackageRejection::BadManifest(why))
}

/// Accepts the manifest or names the first thing that is wrong with it.
pub(super) fn check(manifest: &Manifest) -> Checked {
    identifier("name", &manifest.name)?;
    version(&manifest.version)?;
    name("publisher", &manifest.publisher)?;
    name("application-type", &manifest.application_type)?;
    description("description", &manifest.description)?;
    if let Some(url) = &manifest.docs_url {
        docs_url(url)?;
    }
    let schema = json("connection-schema", &manifest.connection_schema)?;
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return bad("the connection schema does not have `\"type\": \"object\"`".to_owned());
    }
    let example = json("example-connection", &manifest.example_connection)?;
    if !example.is_object() {
        return bad("the example connection is not a JSON object".to_owned());
    }
    bounded("auth", manifest.auth.len())?;
    for (index, scheme) in manifest.auth.iter().enumerate() {
        let earlier = manifest.auth.iter().take(index);
        if earlier.clone().any(|other| other.name == scheme.name) {
            return bad(format!("two auth schemes are named `{}`", scheme.name));
        }
        auth_scheme(scheme, &schema)?;
    }
    bounded("hosts", manifest.hosts.len())?;
    manifest.hosts.iter().try_for_each(|host| needed_host(host, &schema))?;
    bounded("kinds", manifest.kinds.len())?;
    manifest.kinds.iter().try_for_each(kind)
}

fn bounded(what: &str, count: usize) -> Checked {
    match count > ITEMS_MAX {
        true => bad(format!("`{what}` has more than {ITEMS_MAX} items")),
        false => Ok(()),
    }
}

/// Lower case letters, digits, hyphens; begins with a letter.
fn identifier(what: &str, text: &str) -> Checked {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_valid = text.len() <= IDENTIFIER_BYTES_MAX
        && text.bytes().all(is_plain)
        && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
    match is_valid {
        true => Ok(()),
        false => bad(format!("`{what}` is not a name of lower case letters, digits and hyphens")),
    }
}

/// Three numbers, perhaps with a pre-release or build part (semver.org).
fn version(text: &str) -> Checked {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-+".contains(&b);
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_valid = text.len() <= IDENTIFIER_BYTES_MAX
        && text.bytes().all(is_plain)
        && numbers.len() == 3
        && numbers.iter().all(is_number);
    match is_valid {
        true => Ok(()),
        false => bad("`version` is not a semantic version".to_owned()),
    }
}

fn name(what: &str, text: &str) -> Checked {
    check_name(text).or_else(|error| bad(format!("`{what}` {error}")))
}

fn description(what: &str, text: &str) -> Checked {
    check_description(text).or_else(|error| bad(format!("`{what}` {error}")))
}

fn docs_url(text: &str) -> Checked {
    match url::Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.has_host() => Ok(()),
        _ => bad("`docs-url` is not an https URL".to_owned()),
    }
}

fn json(what: &str, text: &str) -> Result<Value, PackageRejection> {
    if text.len() > JSON_BYTES_MAX {
        return bad(format!("`{what}` has more than {JSON_BYTES_MAX} bytes"));
    }
    serde_json::from_str(text).or_else(|error| bad(format!("`{what}` is not JSON: {error}")))
}

fn auth_scheme(scheme: &AuthScheme, schema: &Value) -> Checked {
    identifier("auth.name", &scheme.name)?;
    match &scheme.kind {
        AuthKind::Bearer { secret } => secret_place(secret, schema),
        AuthKind::Basic { username, password } => {
            place(username, schema)?;
            secret_place(password, schema)
        }
        AuthKind::Header { header, prefix, secret } => {
            credential_header(header, prefix)?;
            secret_place(secret, schema)
        }
        AuthKind::Query { parameter, secret } => {
            name("auth.parameter", parameter)?;
            secret_place(secret, schema)
        }
        AuthKind::Oauth2ClientCredentials { token_url, client_id, client_secret, scope } => {
            place(token_url, schema)?;
            place(client_id, schema)?;
            scope.iter().try_for_each(|pointer| place(pointer, schema).map(drop))?;
            secret_place(client_secret, schema)
        }
    }
}

fn credential_header(header: &str, prefix: &str) -> Checked {
    let is_valid = HeaderName::from_bytes(header.as_bytes()).is_ok_and(|name| {
        name == http::header::AUTHORIZATION || !crate::http::is_own_header(&name)
    });
    let is_printable = prefix.bytes().all(|b| (0x20..0x7f).contains(&b)) && prefix.len() <= 64;
    match is_valid && is_printable {
        true => Ok(()),
        false => bad(format!("a credential cannot be placed into header `{header:?}`")),
    }
}

/// The schema of the property at a pointer. Every step goes through `properties`.
fn place<'a>(pointer: &str, schema: &'a Value) -> Result<&'a Value, PackageRejection> {
    let steps = pointer.strip_prefix('/');
    let found = steps.and_then(|steps| {
        steps.split('/').try_fold(schema, |at, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            at.get("properties")?.get(step)
        })
    });
    match found {
        Some(found) => Ok(found),
        None => bad(format!("`{pointer:?}` points at no property of the connection schema")),
    }
}

fn secret_place(pointer: &str, schema: &Value) -> Checked {
    match place(pointer, schema)?.get("writeOnly") {
        Some(Value::Bool(true)) => Ok(()),
        _ => bad(format!("the secret at `{pointer}` is not marked `\"writeOnly\": true`")),
    }
}

fn needed_host(needed: &NeededHost, schema: &Value) -> Checked {
    description("hosts.why", &needed.why)?;
    let is_method = |m: &String| {
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&m.to_ascii_uppercase().as_str())
    };
    if !needed.methods.iter().all(is_method) {
        return bad("`hosts.methods` has a method that the contract does not have".to_owned());
    }
    let prefix = &needed.path_prefix;
    if !(prefix.is_empty() || prefix.starts_with('/'))
        || !prefix.bytes().all(|b| b.is_ascii_graphic())
    {
        return bad("`hosts.path-prefix` does not begin with `/`".to_owned());
    }
    match &needed.host {
        HostRule::Exact(host) => host_name(host),
        HostRule::Suffix(suffix) => match suffix.strip_prefix('.') {
            // A suffix of one label would be a whole top-level domain.
            Some(rest) if rest.contains('.') => host_name(rest),
            _ => bad(format!("`{suffix:?}` is not a suffix such as `.example.com`")),
        },
        HostRule::FromConnection(pointer) => place(pointer, schema).map(drop),
    }
}

/// A name as it will be compared: lower case, IDNA applied, without port or path.
fn host_name(host: &str) -> Checked {
    let is_canonical = match Host::parse(host) {
        Ok(Host::Domain(name)) => name == host && host.contains('.'),
        Ok(Host::Ipv4(ip)) => ip.to_string() == host,
        _ => false,
    };
    match is_canonical {
        true => Ok(()),
        false => bad(format!("`{host:?}` is not a host name in its plain form")),
    }
}

fn kind(kind: &KindSchema) -> Checked {
    name("kinds.kind", &kind.kind)?;
    name("kinds.display", &kind.display)?;
    bounded("kinds.attributes", kind.attributes.len())?;
    for attribute in &kind.attributes {
        name("kinds.attributes.name", &attribute.name)?;
        description("kinds.attributes.description", &attribute.description)?;
        bounded("kinds.attributes.choices", attribute.choices.len())?;
    }
    Ok(())
}
