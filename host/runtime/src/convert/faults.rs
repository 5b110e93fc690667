//! `types.error` and the issues inside it.

use grantry_model::fault as model;

use super::all;
use super::catalogue::object_ref;
use crate::bindings::grantry::plugin::types as wit;

pub(crate) fn field_issue(from: wit::FieldIssue) -> model::FieldIssue {
    model::FieldIssue { path: from.path, code: from.code, message: from.message }
}

fn backoff(from: wit::Backoff) -> model::Backoff {
    model::Backoff { after_ms: from.after_ms, bucket: from.bucket, remaining: from.remaining }
}

pub(crate) fn plugin_error(from: wit::Error) -> model::PluginError {
    match from {
        wit::Error::InvalidConfig(issues) => {
            model::PluginError::InvalidConfig(all(issues, field_issue))
        }
        wit::Error::Unauthenticated(text) => model::PluginError::Unauthenticated(text),
        wit::Error::PermissionDenied(missing) => model::PluginError::PermissionDenied(missing),
        wit::Error::NotFound(object) => model::PluginError::NotFound(object.map(object_ref)),
        wit::Error::AlreadyExists(object) => {
            model::PluginError::AlreadyExists(object.map(object_ref))
        }
        wit::Error::PreconditionFailed(text) => model::PluginError::PreconditionFailed(text),
        wit::Error::InvalidInput(issues) => {
            model::PluginError::InvalidInput(all(issues, field_issue))
        }
        wit::Error::RateLimited(wait) => model::PluginError::RateLimited(backoff(wait)),
        wit::Error::Unavailable(wait) => model::PluginError::Unavailable(backoff(wait)),
        wit::Error::TimedOut => model::PluginError::TimedOut,
        wit::Error::CursorExpired => model::PluginError::CursorExpired,
        wit::Error::QuotaExceeded(text) => model::PluginError::QuotaExceeded(text),
        wit::Error::Unsupported(text) => model::PluginError::Unsupported(text),
        wit::Error::EgressDenied(text) => model::PluginError::EgressDenied(text),
        wit::Error::BadData(text) => model::PluginError::BadData(text),
        wit::Error::OutcomeUnknown(text) => model::PluginError::OutcomeUnknown(text),
        wit::Error::Cancelled => model::PluginError::Cancelled,
        wit::Error::Internal(text) => model::PluginError::Internal(text),
        wit::Error::Other(text) => model::PluginError::Other(text),
    }
}
