//! Which crate may depend on which, from `cargo metadata`.
//!
//! [`ALLOWED`] is the whole list of internal edges. [`FORBIDDEN`] holds over the whole graph: a crate
//! that stays free of wasmtime builds and tests without it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Deserialize;

use super::Report;
use crate::command;

/// Every crate of the host with the crates of the host it may name. A new crate needs a row.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("grantry-model", &[]),
    ("grantry-authz", &["grantry-model"]),
    ("grantry-store", &["grantry-model", "grantry-authz"]),
    ("grantry-egress", &["grantry-model"]),
    ("grantry-deliver", &["grantry-model", "grantry-egress"]),
    ("grantry-registry", &["grantry-model", "grantry-egress"]),
    // Shares no code with what writes the log.
    ("grantry-verify", &[]),
    ("grantry-runtime", &["grantry-model", "grantry-egress"]),
    ("grantry-conformance", &["grantry-model", "grantry-runtime"]),
    ("grantry-guest-build", &[]),
    ("grantry-oidc", &["grantry-model"]),
    ("grantry-engine", &["grantry-model", "grantry-authz", "grantry-store"]),
    ("grantry-api", &[]),
    ("grantry-server", &["grantry-api", "grantry-engine", "grantry-authz", "grantry-model"]),
    (
        "grantry-cli",
        &[
            "grantry-model",
            "grantry-authz",
            "grantry-store",
            "grantry-egress",
            "grantry-deliver",
            "grantry-registry",
            "grantry-verify",
            "grantry-runtime",
            "grantry-conformance",
            "grantry-guest-build",
            "grantry-oidc",
            "grantry-engine",
            "grantry-api",
            "grantry-server",
        ],
    ),
];

/// Edges that only a crate's own tests may use.
const ALLOWED_IN_TESTS: [(&str, &[&str]); 5] = [
    // Peers that vendors' descriptions judge.
    ("grantry-runtime", &["grantry-tests"]),
    ("grantry-store", &["grantry-verify"]),
    ("grantry-engine", &["grantry-verify", "grantry-oidc"]),
    ("grantry-server", &["grantry-store"]),
    // The harness knows none of the host's crates.
    ("grantry-conformance", &["grantry-tests"]),
];

/// What a crate must not reach, not even through others.
const FORBIDDEN: [(&str, &[&str]); 12] = [
    ("grantry-model", &["tokio", "sqlx", "axum", "wasmtime"]),
    ("grantry-authz", &["tokio", "sqlx", "axum", "wasmtime"]),
    ("grantry-store", &["axum", "wasmtime"]),
    ("grantry-egress", &["sqlx", "axum", "wasmtime"]),
    ("grantry-deliver", &["sqlx", "axum", "wasmtime"]),
    ("grantry-registry", &["sqlx", "axum", "wasmtime", "reqwest"]),
    ("grantry-verify", &["axum", "wasmtime"]),
    ("grantry-runtime", &["sqlx", "axum"]),
    ("grantry-conformance", &["sqlx", "axum"]),
    ("grantry-oidc", &["sqlx", "axum", "wasmtime"]),
    ("grantry-engine", &["axum", "wasmtime", "reqwest", "jsonwebtoken"]),
    ("grantry-server", &["wasmtime"]),
];

/// Only these may name the library themselves, tests aside.
const OWNERS: [(&str, &[&str]); 5] = [
    ("sqlx", &["grantry-store", "grantry-verify", "grantry-tests", "grantry-bench"]),
    ("wasmtime", &["grantry-runtime", "grantry-bench"]),
    ("jsonwebtoken", &["grantry-oidc"]),
    ("wasmtime-wasi", &["grantry-runtime"]),
    ("axum", &["grantry-server", "grantry-tests"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

pub(super) fn check(report: &mut Report) -> Result<()> {
    let arguments = ["metadata", "--format-version=1", "--locked"];
    let output = command::output(command::cargo().args(arguments))?;
    let metadata: Metadata = serde_json::from_slice(&output)?;
    for package in metadata.packages.iter().filter(|p| metadata.workspace_members.contains(&p.id)) {
        check_internal(package, report);
        check_owners(package, report);
    }
    check_reach(&metadata, report);
    Ok(())
}

fn check_internal(package: &Package, report: &mut Report) {
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
        if !["grantry-tests", "grantry-bench", "xtask"].contains(&package.name.as_str()) {
            report.problem(&package.name, "a new crate needs a row in xtask/src/tidy/edges.rs");
        }
        return;
    };
    let in_tests = ALLOWED_IN_TESTS.iter().find(|(name, _)| *name == package.name);
    let in_tests = in_tests.map_or(&[][..], |(_, also)| also);
    for dependency in package.dependencies.iter().filter(|d| d.name.starts_with("grantry-")) {
        let name = dependency.name.as_str();
        let is_for_tests = dependency.kind.as_deref() == Some("dev");
        let is_allowed = allowed.contains(&name) || (is_for_tests && in_tests.contains(&name));
        if !is_allowed {
            report.problem(&package.name, format!("must not depend on `{name}`"));
        }
    }
}

fn check_owners(package: &Package, report: &mut Report) {
    for (library, owners) in OWNERS {
        let is_it = |d: &Dependency| d.name == library && d.kind.as_deref() != Some("dev");
        let names_it = package.dependencies.iter().any(is_it);
        if names_it && !owners.contains(&package.name.as_str()) {
            let owners = owners.join(", ");
            report.problem(&package.name, format!("only {owners} may depend on `{library}`"));
        }
    }
}

fn check_reach(metadata: &Metadata, report: &mut Report) {
    let names: BTreeMap<&str, &str> =
        metadata.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    for member in &metadata.workspace_members {
        let name = names.get(member.as_str()).copied().unwrap_or_default();
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(krate, _)| *krate == name) else {
            continue;
        };
        let reached = reach(member, &nodes);
        let reached = reached.iter().filter_map(|id| names.get(id));
        for library in reached.filter(|library| forbidden.contains(*library)) {
            report.problem(name, format!("must not reach `{library}`; see `cargo tree`"));
        }
    }
}

/// The packages that end up in this one, tests and build scripts aside.
fn reach<'a>(start: &'a str, nodes: &BTreeMap<&'a str, &'a Node>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        let Some(node) = nodes.get(id).filter(|_| reached.insert(id)) else { continue };
        let is_linked = |edge: &&Edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none());
        open.extend(node.deps.iter().filter(is_linked).map(|edge| edge.pkg.as_str()));
    }
    reached
}
