//! `grantry plugin inspect`: checks a component as the server would, and says what it asks for.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use async_trait::async_trait;
use grantry_model::package::{ComponentSource, PackageInspector as _, PackageReport};
use grantry_model::plugin::{Digest, HostRule, KindSchema, Manifest, NeededHost};
use grantry_runtime::Inspector;

use super::cache::CompiledCode;
use super::read;
use crate::output::Output;
use crate::wiring;

pub(super) async fn run(file: &Path, output: Output) -> anyhow::Result<()> {
    let component = read(file)?;
    let compiled = CompiledCode::open()?;
    let folder = compiled.folder.clone();
    let runtime = wiring::runtime(folder, compiled.key, Arc::new(NoComponents), None)?;
    let inspected = Inspector::new(runtime).inspect(&component).await;
    let report = inspected.map_err(|rejection| {
        anyhow!("`{}` is refused: {rejection} (`{}`)", file.display(), rejection.code())
    })?;
    output.print(&report, words)
}

/// Nothing is installed here.
struct NoComponents;

#[async_trait]
impl ComponentSource for NoComponents {
    async fn component(&self, _: &Digest) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
}

fn words(report: &PackageReport) -> String {
    let manifest = &report.manifest;
    let mut lines = vec![
        format!("{} {} by {}", manifest.name, manifest.version, manifest.publisher),
        manifest.description.clone(),
        String::new(),
        format!("Connects to   {}", manifest.application_type),
        format!("Documentation {}", manifest.docs_url.as_deref().unwrap_or("none")),
        format!("sha256        {}", report.digest),
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
