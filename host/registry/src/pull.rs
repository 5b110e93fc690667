//! Pulling: the tag is resolved once, and every byte is held against its digest.

use grantry_model::plugin::Digest;
use grantry_model::registry::{Pulled, Reference, RegistryFault};
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use sha2::Digest as _;

use crate::Result;
use crate::artifact::{self, Layer, MANIFEST_TYPE};
use crate::session::{Ask, Session, read, unexpected};

/// Most bytes of a manifest; ours have about 1,500.
const MANIFEST_BYTES_MAX: usize = 256 * 1024;

pub(crate) async fn pull(session: &mut Session<'_>, reference: &Reference) -> Result<Pulled> {
    let name = match (&reference.digest, &reference.tag) {
        (Some(digest), _) => format!("sha256:{digest}"),
        (None, Some(tag)) => tag.clone(),
        (None, None) => return Err(RegistryFault::NotFound(reference.to_string())),
    };
    let target = session.target(&format!("manifests/{name}"))?;
    let answer = session.send(&Ask::get(target, MANIFEST_TYPE)).await?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(RegistryFault::NotFound(reference.to_string())),
        _ => return Err(unexpected(&answer, "a request for a manifest")),
    }
    let bytes = read(answer.body, MANIFEST_BYTES_MAX).await?;
    let manifest = Digest::of(&bytes);
    if let Some(expected) = reference.digest.as_ref().filter(|digest| **digest != manifest) {
        return Err(RegistryFault::DigestMismatch {
            what: "the manifest",
            expected: expected.clone(),
            found: format!("sha256:{manifest}"),
        });
    }
    let (layer, signature) = artifact::read(&bytes)?;
    let target = session.target(&format!("blobs/sha256:{}", layer.digest))?;
    let answer = session.send(&Ask::get(target, "")).await?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(RegistryFault::NotFound(reference.to_string())),
        _ => return Err(unexpected(&answer, "a request for a component")),
    }
    let component = component(answer.body, &layer).await?;
    Ok(Pulled { manifest, component, signature })
}

/// The bytes of exactly that size and digest. More than announced is not read.
async fn component(mut body: Incoming, layer: &Layer) -> Result<Vec<u8>> {
    let mismatch = |found: String| RegistryFault::DigestMismatch {
        what: "the component",
        expected: layer.digest.clone(),
        found,
    };
    let size = usize::try_from(layer.size).unwrap_or(usize::MAX);
    let (mut bytes, mut hash) = (Vec::new(), sha2::Sha256::new());
    // Bounded in bytes by the size, which was checked, and in time by the whole transfer.
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| RegistryFault::Unavailable("its answer broke off".into()))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > size - bytes.len() {
            return Err(mismatch(format!("more than {size} bytes")));
        }
        hash.update(&data);
        bytes.extend_from_slice(&data);
    }
    let found = hex::encode(hash.finalize());
    if bytes.len() != size || found != layer.digest.as_str() {
        return Err(mismatch(format!("sha256:{found}")));
    }
    Ok(bytes)
}
