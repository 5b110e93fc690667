//! `grantry plugin install`: a component onto a running server.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_api::client::Client;
use grantry_api::plugins::{InstallQuery, Plugin, PullPlugin};
use grantry_model::ids::fresh_uuid;

use super::package::{self, Place};
use super::{read, signer_words};
use crate::ambient::{SystemClock, SystemRandom};
use crate::options::InstallOptions;
use crate::output::Output;

pub(super) async fn run(options: &InstallOptions, output: Output) -> anyhow::Result<()> {
    let client = Client::new(&options.server.url, &options.server.token)?;
    let key = fresh_uuid(&SystemClock, &SystemRandom);
    let allow_unsigned = options.allow_unsigned;
    let installed = match Place::parse(&options.at)? {
        Place::File(file) => {
            let signature = package::signature(&file)?.map(|text| STANDARD.encode(text));
            let query = InstallQuery { allow_unsigned: allow_unsigned.then_some(true) };
            client.install_plugin(read(&file)?, signature.as_deref(), &query, &key).await
        }
        Place::Registry(reference) => {
            let body = PullPlugin { reference: reference.to_string(), allow_unsigned };
            client.post("/plugins/from-registry", &key, &body).await
        }
    };
    let plugin = installed.with_context(|| format!("cannot install `{}`", options.at))?;
    output.print(&plugin, |plugin| {
        let Plugin { id, manifest, digest, source, .. } = plugin;
        let source = source.iter().map(|source| format!("\nfrom   {source}")).collect::<String>();
        format!(
            "Installed {} {} as {id}\nsha256 {digest}{source}\nsigned by {}",
            manifest.name,
            manifest.version,
            signer_words(plugin)
        )
    })
}
