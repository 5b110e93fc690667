//! `grantry plugin trust`, `publishers` and `revoke`: whose signatures a running server believes.

use anyhow::Context as _;
use grantry_api::client::Client;
use grantry_api::publishers::{CreatePublisher, Publisher, RevokePublisher};
use grantry_model::ids::{PublisherId, fresh_uuid};

use super::sign;
use crate::ambient::{SystemClock, SystemRandom};
use crate::lists;
use crate::options::{RevokeOptions, ServerOptions, TrustOptions};
use crate::output::{Output, table};

pub(super) async fn trust(options: &TrustOptions, output: Output) -> anyhow::Result<()> {
    let public_key = sign::public_key(&options.key)?.as_str().to_owned();
    let client = Client::new(&options.server.url, &options.server.token)?;
    let key = fresh_uuid(&SystemClock, &SystemRandom);
    let body = CreatePublisher { name: options.name.clone(), public_key };
    let created = client.post("/publishers", &key, &body).await;
    let publisher: Publisher = created.context("cannot trust the publisher")?;
    output.print(&publisher, |publisher| {
        let Publisher { name, key_id, id, .. } = publisher;
        format!("`{name}` with key {key_id} is trusted, as {id}")
    })
}

pub(super) async fn list(server: &ServerOptions, output: Output) -> anyhow::Result<()> {
    let client = Client::new(&server.url, &server.token)?;
    let publishers: Vec<Publisher> = lists::list(&client, "/publishers").await?;
    output.print(&publishers, |publishers| {
        if publishers.is_empty() {
            return "No publisher is trusted.".to_owned();
        }
        let head = ["ID", "NAME", "KEY", "STATE"].map(str::to_owned).to_vec();
        let row = |publisher: &Publisher| {
            let state = if publisher.revoked_ms.is_some() { "revoked" } else { "trusted" };
            let Publisher { id, name, key_id, .. } = publisher.clone();
            vec![id, name, key_id, state.to_owned()]
        };
        let rows: Vec<_> = std::iter::once(head).chain(publishers.iter().map(row)).collect();
        table(&rows)
    })
}

pub(super) async fn revoke(options: &RevokeOptions, output: Output) -> anyhow::Result<()> {
    let client = Client::new(&options.server.url, &options.server.token)?;
    let id = PublisherId::parse(&options.id)?;
    let key = fresh_uuid(&SystemClock, &SystemRandom);
    let body = RevokePublisher { reason: options.reason.clone() };
    let revoked = client.post(&format!("/publishers/{id}/revoke"), &key, &body).await;
    let publisher: Publisher = revoked.context("cannot revoke the publisher")?;
    output.print(&publisher, |publisher| {
        format!("The key {} of `{}` is revoked.", publisher.key_id, publisher.name)
    })
}
