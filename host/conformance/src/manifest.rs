//! What can be said of a component without a connection: whether the host would take it, and whether
//! what it says of itself holds together.

use std::collections::BTreeSet;

use grantry_model::connection;
use grantry_model::fault::FieldIssue;
use grantry_model::package::{Interface, PackageRejection, PackageReport};
use grantry_model::plugin::{AttributeType, KindSchema, Manifest};
use serde_json::Value;

use crate::checks::{ACCEPTED, CREATABLE, EXAMPLE, KINDS, SCHEMA, SECRETS, STABLE, VERBS};
use crate::report::{Check, Report, Verdict, broken, skipped};
use crate::sandbox::Sandbox;

/// Names of fields that hold secrets, as parts of words.
const SECRET_NAMES: [&str; 7] =
    ["password", "passwd", "secret", "token", "api_key", "apikey", "private_key"];
/// Parts of names that only look like one: where a token comes from is no secret.
const NOT_SECRET: [&str; 4] = ["url", "uri", "endpoint", "name"];

/// All checks of the group.
pub async fn check(sandbox: &Sandbox) -> Report {
    let package = &sandbox.report;
    let mut report = Report::of(package);
    report.note(&ACCEPTED, Ok(()));
    report.note(&STABLE, stable(sandbox).await);
    report.note(&SCHEMA, schema(package));
    report.note(&EXAMPLE, example(sandbox).await);
    report.note(&SECRETS, secrets(package));
    report.note(&KINDS, kinds(&package.manifest.kinds));
    report.note(&CREATABLE, required_are_creatable(&package.manifest.kinds));
    report.note(&VERBS, verbs(&package.interfaces, &package.manifest));
    report
}

async fn stable(sandbox: &Sandbox) -> Verdict {
    match sandbox.inspect_again().await {
        Ok(again) if again.manifest == sandbox.report.manifest => Ok(()),
        Ok(_) => broken("two calls of `describe` gave two manifests"),
        Err(rejection) => broken(format!("the second call of `describe` failed: {rejection}")),
    }
}

/// The faults that are about the schema itself come with any connection.
fn schema(package: &PackageReport) -> Verdict {
    let schema = &package.manifest.connection_schema;
    let empty = Value::Object(serde_json::Map::new());
    match connection::split(schema, &empty) {
        Err(issues) if is_about_schema(&issues) => broken(words(&issues)),
        _ => Ok(()),
    }
}

fn is_about_schema(issues: &[FieldIssue]) -> bool {
    issues.iter().any(|issue| issue.code == "bad_schema")
}

async fn example(sandbox: &Sandbox) -> Verdict {
    let manifest = &sandbox.report.manifest;
    let whole: Value = serde_json::from_str(&manifest.example_connection).unwrap_or_default();
    let session = match sandbox.session(&whole, &Default::default()) {
        Ok(session) => session,
        Err(issues) if is_about_schema(&issues) => {
            return skipped("the connection schema cannot be used");
        }
        Err(issues) => return broken(words(&issues)),
    };
    match session.validate_config(None).await {
        Ok(issues) if issues.is_empty() => Ok(()),
        Ok(issues) => broken(format!("`validate-config` says: {}", words(&issues))),
        Err(fault) => broken(format!("`validate-config` failed: {fault}")),
    }
}

/// What is wrong with a connection, in one line.
pub(crate) fn words(issues: &[FieldIssue]) -> String {
    let line = |issue: &FieldIssue| format!("`{}` {}", issue.path, issue.message);
    issues.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn secrets(package: &PackageReport) -> Verdict {
    let text = &package.manifest.connection_schema;
    let Ok(schema) = serde_json::from_str::<Value>(text) else {
        return skipped("the connection schema cannot be used");
    };
    let marked = connection::secret_places(text);
    let mut open = Vec::new();
    find_secret_names(&schema, "", 0, &mut open);
    open.retain(|place| !marked.contains(place));
    match open.as_slice() {
        [] => Ok(()),
        open => broken(format!("not marked `\"writeOnly\": true`: `{}`", open.join("`, `"))),
    }
}

/// How deep a schema is looked into.
const DEPTH_MAX: usize = 8;

fn find_secret_names(schema: &Value, at: &str, depth: usize, found: &mut Vec<String>) {
    if depth > DEPTH_MAX {
        return;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let lower = name.to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
        let is_text = property.get("type").and_then(Value::as_str) == Some("string");
        let place = format!("{at}/{name}");
        if is_text && has(&SECRET_NAMES) && !has(&NOT_SECRET) {
            found.push(place.clone());
        }
        find_secret_names(property, &place, depth + 1, found);
    }
}

fn kinds(kinds: &[KindSchema]) -> Verdict {
    let names: BTreeSet<&str> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
    if names.len() < kinds.len() {
        return broken("a kind is declared twice");
    }
    for kind in kinds {
        let unknown = kind.parent_kinds.iter().find(|parent| !names.contains(parent.as_str()));
        if let Some(parent) = unknown {
            return broken(format!("`{}` has the unknown parent kind `{parent}`", kind.kind));
        }
        attributes(kind, &names)?;
    }
    Ok(())
}

fn attributes(kind: &KindSchema, kinds: &BTreeSet<&str>) -> Verdict {
    let name = &kind.kind;
    let mut seen = BTreeSet::new();
    for attribute in &kind.attributes {
        if !seen.insert(attribute.name.as_str()) {
            return broken(format!("`{name}` has two attributes `{}`", attribute.name));
        }
        let refers_to = attribute.reference_kind.as_deref();
        if attribute.of_type == AttributeType::Reference
            && refers_to.is_some_and(|kind| !kinds.contains(kind))
        {
            return broken(format!("`{name}.{}` refers to an unknown kind", attribute.name));
        }
    }
    Ok(())
}

fn required_are_creatable(kinds: &[KindSchema]) -> Verdict {
    for kind in kinds {
        for attribute in &kind.attributes {
            let has = |name: &str| attribute.traits.iter().any(|held| held == name);
            if has("required") && !has("creatable") {
                return broken(format!("`{}.{}`", kind.kind, attribute.name));
            }
        }
    }
    Ok(())
}

fn verbs(interfaces: &[Interface], manifest: &Manifest) -> Verdict {
    if interfaces.contains(&Interface::Provision) {
        return Ok(());
    }
    if let Some(kind) = manifest.kinds.iter().find(|kind| !kind.verbs.is_empty()) {
        return broken(format!("`{}` has verbs, and `provision` is not exported", kind.kind));
    }
    match manifest.can_read_back {
        true => broken("it says `can-read-back`, and `provision` is not exported"),
        false => Ok(()),
    }
}

/// The report on a file that the host does not accept: nothing else can be said of it.
pub fn refused(file: &str, rejection: &PackageRejection) -> Report {
    let mut report = Report::on(file);
    let check = Check { fix: fix(rejection), ..ACCEPTED };
    report.note(&check, broken(format!("{rejection} (`{}`)", rejection.code())));
    report
}

/// What an author does about it.
fn fix(rejection: &PackageRejection) -> &'static str {
    match rejection {
        PackageRejection::NotAComponent(_) => {
            "make a component of it: `grantry plugin build` does, or `wasm-tools component new`"
        }
        PackageRejection::TooLarge(_) => {
            "build with optimisation for size, without debug information"
        }
        PackageRejection::CompileLimit => "make it smaller: huge functions take longest to compile",
        PackageRejection::ImportNotAllowed(_) => {
            "import only `grantry:plugin@0.1`; build Rust for wasm32-unknown-unknown, not for WASI"
        }
        PackageRejection::FeatureNotAllowed(_) => {
            "build without threads, garbage collection, exceptions and 64-bit memory, and within the \
             limits that docs/plugin-guide.md lists"
        }
        PackageRejection::BadManifest(_) => "correct what `describe` answers",
        PackageRejection::Unavailable(_) => {
            "try again; `grantry doctor` says what this machine lacks"
        }
    }
}

#[cfg(test)]
mod tests {
    use grantry_model::plugin::{AttributeSchema, DeltaSupport, Verb};

    use super::*;
    use crate::approval::tests::manifest;
    use crate::report::Not;

    fn kind(name: &str, attributes: Vec<AttributeSchema>) -> KindSchema {
        KindSchema {
            kind: name.into(),
            classes: Vec::new(),
            display: name.into(),
            id_attribute: "id".into(),
            name_attribute: None,
            parent_kinds: Vec::new(),
            attributes,
            verbs: Vec::new(),
            delta: DeltaSupport::None,
            is_countable: false,
        }
    }

    fn attribute(name: &str, traits: &[&str]) -> AttributeSchema {
        AttributeSchema {
            name: name.into(),
            of_type: AttributeType::Text,
            description: String::new(),
            traits: traits.iter().map(|held| (*held).into()).collect(),
            reference_kind: None,
            choices: Vec::new(),
        }
    }

    #[test]
    fn kinds_that_contradict_themselves_are_named() {
        let twice = [kind("User", Vec::new()), kind("User", Vec::new())];
        assert!(matches!(kinds(&twice), Err(Not::Kept(_))));
        let name = attribute("name", &["required"]);
        let attributes = kind("User", vec![name.clone(), name.clone()]);
        assert!(matches!(kinds(&[attributes]), Err(Not::Kept(_))));
        let orphan = KindSchema { parent_kinds: vec!["Org".into()], ..kind("User", Vec::new()) };
        assert!(matches!(kinds(&[orphan]), Err(Not::Kept(_))));
        assert!(required_are_creatable(&[kind("User", vec![name])]).is_err());
        let good = [kind("User", vec![attribute("name", &["required", "creatable"])])];
        assert_eq!((kinds(&good), required_are_creatable(&good)), (Ok(()), Ok(())));
    }

    #[test]
    fn verbs_and_reading_back_need_the_interface() {
        assert_eq!(verbs(&[], &manifest()), Ok(()));
        let granted = KindSchema { verbs: vec![Verb::Grant], ..kind("Group", Vec::new()) };
        let writes = Manifest { kinds: vec![granted], ..manifest() };
        let reads_back = Manifest { can_read_back: true, ..manifest() };
        for manifest in [&writes, &reads_back] {
            assert!(matches!(verbs(&[], manifest), Err(Not::Kept(_))));
            assert_eq!(verbs(&[Interface::Provision], manifest), Ok(()));
        }
    }

    #[test]
    fn fields_that_are_named_like_secrets_are_found() {
        let schema = serde_json::json!({ "properties": {
            "token_url": { "type": "string" },
            "auth": { "properties": { "password": { "type": "string" } } },
        } });
        let mut found = Vec::new();
        find_secret_names(&schema, "", 0, &mut found);
        assert_eq!(found, ["/auth/password"]);
    }
}
