//! Publishers whose signatures are believed.

use grantry_api::publishers as wire;
use grantry_engine::{Publisher, PublisherInput};

/// A publisher.
pub(crate) fn publisher(stored: &Publisher) -> wire::Publisher {
    wire::Publisher {
        id: stored.id.to_string(),
        name: stored.name.clone(),
        key_id: stored.public_key.key_id().to_string(),
        public_key: stored.public_key.as_str().to_owned(),
        created_ms: stored.created.0,
        revoked_ms: stored.revoked.map(|at| at.0),
        revoked_reason: stored.revoked_reason.clone(),
    }
}

/// A publisher from the wire.
pub(crate) fn read_create(body: wire::CreatePublisher) -> PublisherInput {
    PublisherInput { name: body.name, public_key: body.public_key }
}
