//! `types.error` and the issues inside it.
//!
//! These texts end in logs, audit rows and the console: they are made printable and cut here, so that
//! nobody downstream has to remember it.

use grantry_model::fault as model;
use grantry_model::text::printable;

use super::catalogue::object_ref;
use crate::bindings::grantry::plugin::types as wit;

const TEXT_CHARACTERS_MAX: usize = 2_000;
const CODE_CHARACTERS_MAX: usize = 100;
/// Issues and permissions of one error that are kept.
const ITEMS_MAX: usize = 100;

/// A plugin's text for people.
pub(crate) fn text(from: String) -> String {
    printable(&from, TEXT_CHARACTERS_MAX)
}

/// A plugin's texts for people.
pub(crate) fn texts(from: Vec<String>) -> Vec<String> {
    from.into_iter().take(ITEMS_MAX).map(text).collect()
}

fn field_issue(from: wit::FieldIssue) -> model::FieldIssue {
    model::FieldIssue {
        path: text(from.path),
        code: printable(&from.code, CODE_CHARACTERS_MAX),
        message: text(from.message),
    }
}

pub(crate) fn field_issues(from: Vec<wit::FieldIssue>) -> Vec<model::FieldIssue> {
    from.into_iter().take(ITEMS_MAX).map(field_issue).collect()
}

fn backoff(from: wit::Backoff) -> model::Backoff {
    model::Backoff {
        after_ms: from.after_ms,
        bucket: from.bucket.map(text),
        remaining: from.remaining,
    }
}

pub(crate) fn plugin_error(from: wit::Error) -> model::PluginError {
    match from {
        wit::Error::InvalidConfig(issues) => {
            model::PluginError::InvalidConfig(field_issues(issues))
        }
        wit::Error::Unauthenticated(why) => model::PluginError::Unauthenticated(text(why)),
        wit::Error::PermissionDenied(missing) => {
            model::PluginError::PermissionDenied(texts(missing))
        }
        wit::Error::NotFound(object) => model::PluginError::NotFound(object.map(object_ref)),
        wit::Error::AlreadyExists(object) => {
            model::PluginError::AlreadyExists(object.map(object_ref))
        }
        wit::Error::PreconditionFailed(why) => model::PluginError::PreconditionFailed(text(why)),
        wit::Error::InvalidInput(issues) => model::PluginError::InvalidInput(field_issues(issues)),
        wit::Error::RateLimited(wait) => model::PluginError::RateLimited(backoff(wait)),
        wit::Error::Unavailable(wait) => model::PluginError::Unavailable(backoff(wait)),
        wit::Error::TimedOut => model::PluginError::TimedOut,
        wit::Error::CursorExpired => model::PluginError::CursorExpired,
        wit::Error::QuotaExceeded(why) => model::PluginError::QuotaExceeded(text(why)),
        wit::Error::Unsupported(why) => model::PluginError::Unsupported(text(why)),
        wit::Error::EgressDenied(why) => model::PluginError::EgressDenied(text(why)),
        wit::Error::BadData(why) => model::PluginError::BadData(text(why)),
        wit::Error::OutcomeUnknown(why) => model::PluginError::OutcomeUnknown(text(why)),
        wit::Error::Cancelled => model::PluginError::Cancelled,
        wit::Error::Internal(why) => model::PluginError::Internal(text(why)),
        wit::Error::Other(why) => model::PluginError::Other(text(why)),
    }
}
