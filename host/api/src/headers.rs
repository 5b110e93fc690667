//! Request headers that some operations want.

use serde::Deserialize;
use utoipa::IntoParams;

/// The header of requests that create something or have an effect outside.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyHeader {
    /// Any text of your own that is unique to this request. A repeated request with the same key
    /// and body is carried out once and gets the first answer again, for a day.
    #[param(rename = "Idempotency-Key", max_length = 255, pattern = "^[!-~]+$")]
    pub idempotency_key: String,
}

/// The same header where it is optional.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct OptionalIdempotencyHeader {
    /// Any text of your own that is unique to this request. A repeated request with the same key
    /// and body is carried out once and gets the first answer again, for a day.
    #[param(rename = "Idempotency-Key", max_length = 255, pattern = "^[!-~]+$")]
    pub idempotency_key: Option<String>,
}

/// The header of changes that expect a version.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IfMatchHeader {
    /// The `ETag` of what was read. If it has changed meanwhile, the change is refused.
    #[param(rename = "If-Match", example = "\"1\"")]
    pub if_match: String,
}

/// The header of uploaded components that are signed.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct SignatureHeader {
    /// The component's `.minisig` file, in base64.
    #[param(rename = "Plugin-Signature", max_length = 5464)]
    pub signature: Option<String>,
}
