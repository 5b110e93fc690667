//! The behaviours by name.

use grantry_sdk::platform::Entity;
use grantry_sdk::types::{Error, Result};

use crate::connection::Connection;
use crate::{calls, exhaust};

/// Every behaviour there is.
pub const NAMES: &[&str] = &[
    "normal",
    "panic",
    "endless_loop",
    "memory_bomb",
    "memory_probe",
    "deep_recursion",
    "host_call_storm",
    "http_storm",
    "log_flood",
    "oversize_result",
    "random_flood",
    "forbidden_headers",
    "forbidden_methods",
    "ssrf",
    "http_get",
    "secret_echo",
    "secret_in_url",
    "secret_in_header",
    "foreign_auth",
    "kv_flood",
    "kv_bad_keys",
    "kv_large_value",
    "kv_write",
    "kv_write_then_trap",
    "kv_read",
    "kv_list_percent",
    "list_apps",
    "list_roles",
    "grant_membership",
    "extend_membership",
    "renew_membership",
    "delete_membership",
    "list_data_sources",
    "upload_members",
    "upload_users",
];

/// Misbehaves, and says what came of it.
///
/// # Errors
/// [`Error::InvalidConfig`] for an unknown behaviour.
pub fn behave(connection: &Connection) -> Result<Vec<String>> {
    Ok(match connection.behaviour.as_str() {
        "normal" => Vec::new(),
        "panic" => panic!("the connection asks for a panic"),
        "endless_loop" => exhaust::endless_loop(),
        "memory_bomb" => exhaust::memory_bomb(),
        "memory_probe" => exhaust::memory_probe(),
        "deep_recursion" => exhaust::deep_recursion(),
        "host_call_storm" => exhaust::host_call_storm(),
        "http_storm" => calls::http_storm(connection),
        "log_flood" => exhaust::log_flood(),
        "oversize_result" => exhaust::oversize_result(),
        "random_flood" => exhaust::random_flood(),
        "forbidden_headers" => calls::forbidden_headers(connection),
        "forbidden_methods" => calls::forbidden_methods(connection),
        "ssrf" | "http_get" => calls::get(connection),
        "secret_echo" => calls::secret_echo(connection),
        "secret_in_url" => calls::secret_in_url(connection),
        "secret_in_header" => calls::secret_in_header(connection),
        "foreign_auth" => calls::foreign_auth(connection),
        "kv_flood" => calls::kv_flood(),
        "kv_bad_keys" => calls::kv_bad_keys(),
        "kv_large_value" => calls::kv_large_value(),
        "kv_write" => calls::kv_write(),
        "kv_write_then_trap" => {
            calls::kv_write();
            panic!("after the write")
        }
        "kv_read" => calls::kv_read(),
        "kv_list_percent" => calls::kv_list_percent(),
        "list_apps" => calls::list_apps(),
        "list_roles" => calls::list_roles(connection),
        "grant_membership" => calls::grant_membership(connection),
        "extend_membership" => calls::extend_membership(connection),
        "renew_membership" => calls::renew_membership(connection),
        "delete_membership" => calls::delete_membership(connection),
        "list_data_sources" => calls::list_data_sources(),
        "upload_members" => calls::upload(&Entity::App(connection.app.clone())),
        "upload_users" => calls::upload(&Entity::DataSource(connection.app.clone())),
        other => {
            let message = format!("there is no behaviour `{other}`");
            return Err(Error::invalid_config("/behaviour", "unknown_behaviour", message));
        }
    })
}
