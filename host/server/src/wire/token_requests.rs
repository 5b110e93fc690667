//! How a registered client gets a token: a command to copy, and what is left to do at the issuer.

use grantry_api::clients as wire;
use grantry_engine::{Issuer, Registration};
use grantry_model::oidc::IssuerKind;

/// A text for a POSIX shell, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The client's token request.
pub(crate) fn token_request(registration: &Registration, issuer: &Issuer) -> wire::TokenRequest {
    let trusted = &issuer.trusted;
    let endpoint = issuer.token_endpoint.clone().unwrap_or_default();
    let asked = match trusted.kind {
        IssuerKind::Entra => format!("scope={}/.default", trusted.audience),
        IssuerKind::Generic => format!("audience={}", trusted.audience),
    };
    let curl = [
        format!("curl -sS {}", quoted(&endpoint)),
        "-d grant_type=client_credentials".to_owned(),
        format!(
            "--data-urlencode {}",
            quoted(&format!("client_id={}", registration.application_id))
        ),
        "--data-urlencode \"client_secret=$CLIENT_SECRET\"".to_owned(),
        format!("--data-urlencode {}", quoted(&asked)),
    ];
    let consent = match trusted.kind {
        IssuerKind::Entra => entra_consent(registration, issuer),
        IssuerKind::Generic => generic_consent(registration, issuer),
    };
    wire::TokenRequest {
        audience: trusted.audience.clone(),
        token_endpoint: issuer.token_endpoint.clone(),
        curl: curl.join(" \\\n  "),
        consent,
    }
}

fn entra_consent(registration: &Registration, issuer: &Issuer) -> Vec<String> {
    let (audience, application) = (&issuer.trusted.audience, &registration.application_id);
    vec![
        format!(
            "Grantry's own app registration has the Application ID URI `{audience}` (*Expose an \
             API*) and an enterprise application in this tenant. This is done once, not for each \
             client."
        ),
        format!(
            "If that enterprise application has *Assignment required* set, an administrator gives \
             the client `{application}` an app role of it: *API permissions*, *My APIs*, \
             *Application permissions*, then *Grant admin consent*. If it is not set, nothing is \
             left to consent to."
        ),
        "Nothing else: the client needs no permission of Microsoft Graph or of any other API."
            .to_owned(),
    ]
}

fn generic_consent(registration: &Registration, issuer: &Issuer) -> Vec<String> {
    let (audience, application) = (&issuer.trusted.audience, &registration.application_id);
    let subject = &registration.object_id;
    vec![
        format!("The issuer allows the client `{application}` the grant `client_credentials`."),
        format!(
            "Its access tokens name the audience `{audience}` in `aud`, the client in `azp` or \
             `client_id`, and `{subject}` in `sub`."
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_quotes() {
        assert_eq!(quoted("a'; rm -rf $HOME #"), r"'a'\''; rm -rf $HOME #'");
    }
}
