//! Issuers.

use std::net::SocketAddr;

use grantry_api::issuers as wire;
use grantry_engine::{Issuer, IssuerChange, IssuerInput};
use grantry_model::oidc::{
    Applications, DirectoryApplication, Discovery, IssuerKind, SigningAlgorithm,
};
use grantry_model::secret::Secret;

use crate::problem::Problem;

fn kind(kind: IssuerKind) -> wire::IssuerKind {
    match kind {
        IssuerKind::Entra => wire::IssuerKind::Entra,
        IssuerKind::Generic => wire::IssuerKind::Generic,
    }
}

fn read_kind(kind: wire::IssuerKind) -> IssuerKind {
    match kind {
        wire::IssuerKind::Entra => IssuerKind::Entra,
        wire::IssuerKind::Generic => IssuerKind::Generic,
    }
}

/// An issuer, without its secret.
pub(crate) fn issuer(issuer: &Issuer) -> wire::Issuer {
    let trusted = &issuer.trusted;
    let mut warnings = Vec::new();
    if let Some(address) = trusted.address_exception {
        let words = format!(
            "`{address}` is asked without TLS being required: whoever listens there can say who \
             anybody is"
        );
        warnings.push(words);
    }
    if issuer.allows_sign_up {
        let words = "everybody whom this issuer vouches for can sign in";
        warnings.push(words.to_owned());
    }
    wire::Issuer {
        id: trusted.id.to_string(),
        name: issuer.name.clone(),
        kind: kind(trusted.kind),
        url: trusted.url.clone(),
        tenant_id: trusted.tenant_id.clone(),
        audience: trusted.audience.clone(),
        client_id: trusted.client_id.clone(),
        has_client_secret: issuer.has_secret,
        algorithms: trusted.algorithms.iter().map(|named| named.name().to_owned()).collect(),
        address_exception: trusted.address_exception.map(|address| address.to_string()),
        token_endpoint: issuer.token_endpoint.clone(),
        allows_sign_up: issuer.allows_sign_up,
        warnings,
        created_ms: issuer.created.0,
    }
}

/// What an issuer says.
pub(crate) fn check(discovery: Discovery) -> wire::IssuerCheck {
    let Discovery { authorization_endpoint, token_endpoint, jwks_uri, keys, .. } = discovery;
    wire::IssuerCheck { authorization_endpoint, token_endpoint, jwks_uri, keys }
}

fn read_algorithms(names: &[String]) -> Result<Vec<SigningAlgorithm>, Problem> {
    let read = |(index, name): (usize, &String)| {
        SigningAlgorithm::parse(name).ok_or_else(|| {
            let known = SigningAlgorithm::ALL.map(SigningAlgorithm::name).join("`, `");
            let message = format!("must be one of `{known}`");
            Problem::field(format!("/algorithms/{index}"), "invalid_value", message)
        })
    };
    names.iter().enumerate().map(read).collect()
}

fn read_address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        let message = "must be an address and a port, such as `127.0.0.1:8443`";
        Problem::field("/address_exception", "invalid_address", message)
    })
}

/// An issuer, from the wire.
pub(crate) fn read_create(new: wire::CreateIssuer) -> Result<IssuerInput, Problem> {
    Ok(IssuerInput {
        name: new.name,
        kind: read_kind(new.kind),
        url: new.url,
        tenant_id: new.tenant_id,
        audience: new.audience,
        client_id: new.client_id,
        client_secret: new.client_secret.map(Secret::new),
        algorithms: new.algorithms.as_deref().map(read_algorithms).transpose()?,
        address_exception: new.address_exception.as_deref().map(read_address).transpose()?,
        allows_sign_up: new.allows_sign_up,
    })
}

/// A change, from the wire.
pub(crate) fn read_update(change: wire::UpdateIssuer) -> Result<IssuerChange, Problem> {
    let address_exception = match change.address_exception.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(text) => Some(Some(read_address(text)?)),
    };
    Ok(IssuerChange {
        name: change.name,
        audience: change.audience,
        client_id: change.client_id,
        client_secret: change.client_secret.map(Secret::new),
        algorithms: change.algorithms.as_deref().map(read_algorithms).transpose()?,
        address_exception,
        allows_sign_up: change.allows_sign_up,
    })
}

/// What a search found.
pub(crate) fn applications(found: Applications) -> wire::Applications {
    let item = |found: DirectoryApplication| wire::DirectoryApplication {
        application_id: found.application_id,
        object_id: found.object_id,
        name: found.name,
    };
    wire::Applications {
        items: found.items.into_iter().map(item).collect(),
        has_more: found.has_more,
    }
}
