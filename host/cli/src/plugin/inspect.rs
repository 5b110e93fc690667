//! `grantry plugin inspect`: checks a component as the server would, and says what it asks for.

use std::sync::Arc;

use anyhow::anyhow;
use async_trait::async_trait;
use grantry_model::package::{ComponentSource, PackageInspector as _, PackageReport};
use grantry_model::plugin::{Digest, HostRule, KindSchema, Manifest, NeededHost};
use grantry_model::signature::{PublicKey, Signature};
use grantry_runtime::Inspector;
use serde::Serialize;

use super::cache::CompiledCode;
use super::package::{self, Package};
use super::sign;
use crate::options::InspectOptions;
use crate::output::Output;
use crate::wiring;

/// What is shown.
#[derive(Serialize)]
struct Inspected {
    #[serde(flatten)]
    report: PackageReport,
    /// Where it came from, by its manifest's digest.
    source: Option<String>,
    /// The number of the key that made the signature.
    key_id: Option<String>,
    /// Whether the signature was held against a key.
    is_verified: bool,
}

pub(super) async fn run(options: &InspectOptions, output: Output) -> anyhow::Result<()> {
    let key = options.key.as_deref().map(sign::public_key).transpose()?;
    let package = package::load(&options.at, &options.registry).await?;
    let report = report(&package.component, &options.at).await?;
    let (key_id, is_verified) = signed(&package, &report, key.as_ref())?;
    let inspected = Inspected { report, source: package.source, key_id, is_verified };
    output.print(&inspected, words)
}

/// Who signed it. A signature that is about something else, or not by the key, is an error.
fn signed(
    package: &Package,
    report: &PackageReport,
    key: Option<&PublicKey>,
) -> anyhow::Result<(Option<String>, bool)> {
    let Some(text) = &package.signature else {
        if key.is_some() {
            return Err(anyhow!("it is not signed"));
        }
        return Ok((None, false));
    };
    let signature = Signature::parse(text)?;
    if let Some(key) = key {
        signature.verify(&package.component, key)?.check(&report.manifest)?;
    } else {
        sign::check_said(&signature, report)?;
    }
    Ok((Some(signature.key_id().to_string()), key.is_some()))
}

/// What the server would find in a component.
pub(super) async fn report(component: &[u8], at: &str) -> anyhow::Result<PackageReport> {
    let compiled = CompiledCode::open()?;
    let folder = compiled.folder.clone();
    let runtime = wiring::runtime(folder, compiled.key, Arc::new(NoComponents), None)?;
    let inspected = Inspector::new(runtime).inspect(component).await;
    inspected
        .map_err(|rejection| anyhow!("`{at}` is refused: {rejection} (`{}`)", rejection.code()))
}

/// Nothing is installed here.
struct NoComponents;

#[async_trait]
impl ComponentSource for NoComponents {
    async fn component(&self, _: &Digest) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
}

fn words(inspected: &Inspected) -> String {
    let report = &inspected.report;
    let manifest = &report.manifest;
    let mut lines = vec![
        format!("{} {} by {}", manifest.name, manifest.version, manifest.publisher),
        manifest.description.clone(),
        String::new(),
        format!("Connects to   {}", manifest.application_type),
        format!("Documentation {}", manifest.docs_url.as_deref().unwrap_or("none")),
        format!("sha256        {}", report.digest),
        format!("Source        {}", inspected.source.as_deref().unwrap_or("this machine")),
        format!("Signed by     {}", signer_words(inspected)),
        format!("Size          {} KiB", report.size_bytes.div_ceil(1024)),
        format!("Contract      {}", report.contract),
        String::new(),
        "It asks for:".to_owned(),
    ];
    lines.extend(asked(manifest).into_iter().map(|line| format!("  - {line}")));
    lines.push(String::new());
    lines.push("It knows:".to_owned());
    lines.extend(manifest.kinds.iter().map(|kind| format!("  - {}", kind_words(kind))));
    lines.push(String::new());
    lines.push("Example connection:".to_owned());
    lines.push(manifest.example_connection.clone());
    lines.join("\n")
}

fn signer_words(inspected: &Inspected) -> String {
    match (&inspected.key_id, inspected.is_verified) {
        (None, _) => "nobody".to_owned(),
        (Some(key), true) => format!("key {key}, verified"),
        (Some(key), false) => {
            format!("key {key}, not verified: give its publisher's public key with `--key`")
        }
    }
}

fn asked(manifest: &Manifest) -> Vec<String> {
    let mut asked: Vec<String> = manifest.hosts.iter().map(host_words).collect();
    let action = |action: &grantry_model::permission::Action| {
        format!("the action `{}` on Grantry itself, where you grant it", action.name())
    };
    asked.extend(manifest.platform_actions.iter().map(action));
    if manifest.needs_kv {
        asked.push("a small store of its own for keys and values".to_owned());
    }
    if asked.is_empty() {
        asked.push("nothing".to_owned());
    }
    asked
}

fn host_words(needed: &NeededHost) -> String {
    let place = match &needed.host {
        HostRule::Exact(host) => format!("`{host}`"),
        HostRule::Suffix(suffix) => format!("any host below `{suffix}`"),
        HostRule::FromConnection(pointer) => format!("the host in the connection's `{pointer}`"),
    };
    let methods = match needed.methods.as_slice() {
        [] => "any request".to_owned(),
        methods => methods.join(", "),
    };
    let below = match needed.path_prefix.as_str() {
        "" | "/" => String::new(),
        prefix => format!(" below `{prefix}`"),
    };
    format!("{methods} to {place}{below}: {}", needed.why)
}

fn kind_words(kind: &KindSchema) -> String {
    let verbs: Vec<String> = kind.verbs.iter().map(|verb| format!("{verb:?}")).collect();
    match verbs.as_slice() {
        [] => format!("{}: reads only", kind.kind),
        verbs => format!("{}: reads, {}", kind.kind, verbs.join(", ").to_lowercase()),
    }
}
