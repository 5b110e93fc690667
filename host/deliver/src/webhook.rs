//! Webhooks by the Standard Webhooks specification: id, timestamp, and an HMAC over both and the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_model::clock::UnixMs;
use grantry_model::delivery::{AuditBatch, NoticeMessage, Undelivered};
use grantry_model::secret::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderName;
use serde_json::json;
use sha2::Sha256;

/// How a signing key's text begins.
const PREFIX: &str = "whsec_";

/// The signature of one message with one key; `None` if the key is not one.
pub(crate) fn signature(key: &Secret, id: &str, seconds: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(key.expose().strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// The headers of a message: signed with every key that holds now.
pub(crate) fn headers(
    id: &str,
    now: UnixMs,
    body: &str,
    keys: &[Secret],
) -> Result<[(HeaderName, String); 3], Undelivered> {
    let seconds = now.0.div_euclid(1_000);
    let signatures: Vec<String> =
        keys.iter().filter_map(|key| signature(key, id, seconds, body)).collect();
    if signatures.is_empty() {
        return Err(Undelivered::later("the signing key is missing"));
    }
    Ok([
        (HeaderName::from_static("webhook-id"), id.to_owned()),
        (HeaderName::from_static("webhook-timestamp"), seconds.to_string()),
        (HeaderName::from_static("webhook-signature"), signatures.join(" ")),
    ])
}

/// A message for people, for a program.
pub(crate) fn notice(message: &NoticeMessage) -> String {
    let fields: serde_json::Value = serde_json::from_str(&message.fields).unwrap_or_default();
    json!({
        "type": message.kind,
        "created_ms": message.created,
        "data": { "title": message.title, "text": message.text, "fields": fields },
    })
    .to_string()
}

/// Lines of the audit log, each as the export has it: the hashes stay checkable.
pub(crate) fn batch(batch: &AuditBatch) -> String {
    let lines: Vec<&str> = batch.lines.iter().map(|line| line.json.as_str()).collect();
    format!(r#"{{"type":"audit.entries","data":[{}]}}"#, lines.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementations.
    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let key = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let body = r#"{"test": 2432232314}"#;
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn both_keys_sign_while_they_overlap() {
        let keys = ["whsec_BAUG", "whsec_AQID"].map(|key| Secret::new(key.to_owned()));
        let headers = headers("a", UnixMs(5_999), "{}", &keys).unwrap();
        assert_eq!(headers[1].1, "5");
        assert_eq!(headers[2].1.split(' ').count(), 2);
        assert!(super::headers("a", UnixMs(0), "{}", &[]).is_err());
    }
}
