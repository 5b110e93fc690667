//! Pushing: first the blobs that the registry does not have, then the manifest under its tag.

use bytes::Bytes;
use grantry_model::plugin::Digest;
use grantry_model::registry::{Reference, RegistryFault};
use http::{Method, StatusCode};

use crate::Result;
use crate::artifact::{self, Artifact, MANIFEST_TYPE};
use crate::session::{Ask, Session, unexpected};

pub(crate) async fn push(
    session: &mut Session<'_>,
    reference: &Reference,
    artifact: &Artifact<'_>,
) -> Result<Digest> {
    let Some(tag) = &reference.tag else {
        return Err(RegistryFault::NotFound("tag to publish under".to_owned()));
    };
    let (manifest, config) = artifact::write(artifact);
    put_blob(session, Bytes::copy_from_slice(artifact.component)).await?;
    put_blob(session, config.into()).await?;
    let digest = Digest::of(&manifest);
    let ask = Ask {
        method: Method::PUT,
        target: session.target(&format!("manifests/{tag}"))?,
        accept: "",
        content_type: MANIFEST_TYPE,
        body: manifest.into(),
    };
    let answer = session.send(&ask).await?;
    match answer.status {
        StatusCode::CREATED => Ok(digest),
        _ => Err(unexpected(&answer, "a manifest")),
    }
}

/// Uploads a blob in one piece, unless it is there.
async fn put_blob(session: &mut Session<'_>, bytes: Bytes) -> Result<()> {
    let digest = format!("sha256:{}", Digest::of(&bytes));
    let target = session.target(&format!("blobs/{digest}"))?;
    let head = Ask { method: Method::HEAD, ..Ask::get(target, "") };
    let there = session.send(&head).await?.status;
    if there == StatusCode::OK || there.is_redirection() {
        return Ok(());
    }
    let target = session.target("blobs/uploads/")?;
    let begin = Ask { method: Method::POST, ..Ask::get(target.clone(), "") };
    let answer = session.send(&begin).await?;
    if answer.status != StatusCode::ACCEPTED {
        return Err(unexpected(&answer, "the begin of an upload"));
    }
    let mut target = session.located(&target, &answer)?;
    target.add_parameter("digest", &digest);
    let content_type = "application/octet-stream";
    let put = Ask { method: Method::PUT, target, accept: "", content_type, body: bytes };
    let answer = session.send(&put).await?;
    match answer.status {
        StatusCode::CREATED => Ok(()),
        _ => Err(unexpected(&answer, "an upload")),
    }
}
