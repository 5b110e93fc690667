//! `grantry plugin publish`: a signed component into a registry.

use anyhow::{Context as _, ensure};
use grantry_model::registry::Reference;
use grantry_model::signature::Signature;
use grantry_registry::artifact::Artifact;
use serde_json::json;

use super::{inspect, package, read, sign};
use crate::options::PublishOptions;
use crate::output::Output;

pub(super) async fn run(options: &PublishOptions, output: Output) -> anyhow::Result<()> {
    let reference = Reference::parse(&options.reference)
        .map_err(|error| anyhow::anyhow!("`{}` {error}", options.reference))?;
    ensure!(
        reference.tag.is_some() && reference.digest.is_none(),
        "name a tag, and no digest: it is known after the upload"
    );
    let file = options.file.display().to_string();
    let component = read(&options.file)?;
    let signature = package::signature(&options.file)?.filter(|_| !options.unsigned);
    ensure!(
        signature.is_some() || options.unsigned,
        "there is no `{}`: sign the component first with `grantry plugin sign`, or say `--unsigned`",
        package::signature_file(&options.file).display()
    );
    let report = inspect::report(&component, &file).await?;
    if let Some(text) = &signature {
        sign::check_said(&Signature::parse(text)?, &report)?;
    }
    let artifact = Artifact {
        name: &report.manifest.name,
        version: &report.manifest.version,
        imports: &report.imports,
        component: &component,
        signature: signature.as_deref(),
    };
    let (registries, access) =
        (package::registries(&options.registry)?, package::access(&options.registry, &reference)?);
    let pushed = registries.push(&reference, &access, &artifact).await;
    let manifest = pushed.with_context(|| format!("cannot publish `{reference}`"))?;
    let pinned = reference.pinned(&manifest).to_string();
    let published = json!({ "reference": pinned, "digest": report.digest });
    output.print(&published, |_| {
        let manifest = &report.manifest;
        format!("Published {} {} as\n{pinned}", manifest.name, manifest.version)
    })
}
