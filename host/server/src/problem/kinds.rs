//! The closed list of problems: code, status and title.

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// For programs; the last segment of the problem's type URL.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// In a few words, the same every time.
    pub title: &'static str,
}

const fn new(code: &'static str, status: u16, title: &'static str) -> Kind {
    Kind { code, status, title }
}

/// All of them, in the order of docs/problems.md.
pub const KINDS: &[Kind] = &[
    // Who calls, and what they may do.
    new("invalid_token", 401, "The token is missing or not valid"),
    new("token_expired", 401, "The token has expired"),
    new("token_not_yet_valid", 401, "The token is not valid yet"),
    new("session_ended", 401, "The session has ended"),
    new("client_disabled", 401, "The caller is disabled or deleted"),
    new("action_not_granted", 403, "The action is not granted"),
    new("accounts_read_only", 403, "People do not give up or claim accounts here"),
    new("csrf", 403, "The CSRF token is missing or wrong"),
    new("sign_in_failed", 400, "The sign-in was not completed"),
    new("sign_up_not_allowed", 403, "You are not known here"),
    new("not_found", 404, "Nothing here, or nothing that you may see"),
    new("rate_limited", 429, "Too many requests"),
    // How the request is put.
    new("invalid_path", 400, "The path is not valid"),
    new("method_not_allowed", 405, "The path does not have this method"),
    new("malformed_json", 400, "The body is not JSON"),
    new("unsupported_media_type", 415, "The media type is not accepted"),
    new("payload_too_large", 413, "The body is too large"),
    new("request_timeout", 408, "The body did not arrive in time"),
    new("idempotency_key_required", 400, "An Idempotency-Key is required"),
    new("idempotency_key_invalid", 400, "The Idempotency-Key is not valid"),
    new("idempotency_key_reused", 422, "The Idempotency-Key was used for another request"),
    new("request_in_progress", 409, "The same request is under way"),
    new("precondition_required", 428, "An If-Match header is required"),
    new("version_conflict", 412, "It has changed meanwhile"),
    new("invalid_cursor", 400, "The cursor is not one of this list"),
    new("invalid_limit", 422, "The limit is out of range"),
    // What the request says.
    new("unknown_field", 422, "The input has an unknown field"),
    new("invalid_input", 422, "The input is not valid"),
    new("invalid_string", 422, "A text is not acceptable"),
    new("invalid_duration", 422, "The duration is not acceptable"),
    new("csv_invalid", 422, "The file is not a valid list"),
    new("upload_incomplete", 400, "The file ended too early"),
    new("address_not_allowed", 422, "The address may not be reached"),
    // What the state of things forbids.
    new("conflict", 409, "There is such a thing already"),
    new("account_taken", 409, "The account is not yours to claim"),
    new("membership_not_active", 409, "The membership's status does not allow it"),
    new("blocked_threshold", 409, "The list would lose too many"),
    new("diff_changed", 409, "The diff is not what you saw"),
    new("upload_not_ready", 409, "The upload's status does not allow it"),
    new("too_many_uploads", 409, "Too many uploads wait"),
    new("fed_by_integration", 409, "An integration feeds the app"),
    new("directory_not_offered", 409, "The issuer's directory is not searched"),
    new("consent_missing", 409, "The issuer's administrator has not consented"),
    new("registration_refused", 409, "The issuer refuses Grantry's registration"),
    new("account_unmapped", 409, "The identity has no account here"),
    new("several_accounts", 409, "The identity has several accounts here"),
    new("sync_running", 409, "An aggregation is under way"),
    new("accounts_not_read", 409, "The accounts were never read"),
    new("type_deleted", 409, "The entitlement type is deleted"),
    new("removal_decided", 409, "The removal was decided about already"),
    new("not_undoable", 409, "This list cannot be undone"),
    new("undo_expired", 409, "It is too late to undo it"),
    new("integration_read_only", 409, "The integration is read-only"),
    new("permission_changes_off", 409, "The integration does not change permissions"),
    new("account_creation_off", 409, "The integration creates no accounts"),
    new("issuer_in_use", 409, "People or clients come from the issuer"),
    new("workflow_missing", 409, "The approval workflow is not there"),
    new("workflow_in_use", 409, "Something names the workflow"),
    new("request_decided", 409, "The request is over, or you said so already"),
    new("not_an_approver", 403, "You are not asked about this request now"),
    new("not_requester", 403, "Only the requester takes a request back"),
    new("no_identity", 409, "You are no identity here"),
    new("task_over", 409, "The task is over, or something else was said of it"),
    new("last_admin", 409, "It is the last admin"),
    new("own_person", 409, "It is yourself"),
    new("person_owns_integrations", 409, "The person owns integrations"),
    new("plugin_asks_for_more", 409, "The plugin version asks for more"),
    new("secret_not_kept", 409, "A stored secret would not stay secret"),
    new("no_previous_version", 409, "There is no version to go back to"),
    new("integration_in_use", 409, "Memberships of the integration are living"),
    new("app_in_use", 409, "Memberships of the app are living"),
    new("integration_busy", 409, "Work on the integration is under way"),
    new("desk_in_use", 409, "Other integrations open their tickets there"),
    new("plugin_in_use", 409, "Integrations use the plugin"),
    new("plugin_installed", 409, "The component is installed already"),
    new("plugin_signer_revoked", 409, "The key that signed the plugin was revoked"),
    new("integration_quarantined", 409, "The plugin is in quarantine"),
    // Why a component is refused at install.
    new("not_a_component", 422, "Not a WebAssembly component"),
    new("plugin_compile_limit", 422, "Compiling takes too much"),
    new("plugin_import_not_allowed", 422, "The component imports what no plugin gets"),
    new("plugin_feature_not_allowed", 422, "The component uses a feature that is off"),
    new("plugin_manifest_invalid", 422, "The component does not describe itself"),
    new("plugin_check_unavailable", 503, "Components cannot be checked now"),
    new("plugin_not_signed", 422, "The plugin is not signed"),
    new("plugin_signer_unknown", 422, "Nobody who is trusted signed the plugin"),
    new("plugin_signature_invalid", 422, "The plugin's signature is wrong"),
    // Why a registry does not give a plugin.
    new("registry_not_found", 424, "The registry does not have it"),
    new("registry_access_refused", 424, "The registry refuses access"),
    new("registry_unavailable", 424, "The registry cannot be used now"),
    new("registry_digest_mismatch", 424, "What came is not what its digest says"),
    new("not_a_plugin_artifact", 422, "The registry has something else there"),
    // How a plugin's call failed.
    new("plugin_trap", 424, "The plugin crashed"),
    new("plugin_timeout", 424, "The plugin did not finish in time"),
    new("plugin_result_too_large", 424, "The plugin's result is too large"),
    new("plugin_bad_result", 424, "The plugin's result cannot be read"),
    new("plugin_quota_exceeded", 424, "The plugin used up a quota"),
    new("plugin_not_offered", 422, "The plugin does not offer this"),
    new("plugin_digest_mismatch", 424, "The plugin's bytes were changed"),
    new("plugin_missing", 424, "The plugin's component is missing"),
    new("plugin_internal", 424, "The connector failed"),
    new("plugin_other", 424, "The connector gave another reason"),
    new("internal_plugin_host_error", 500, "The server failed while it served a plugin"),
    // What the target said, through its connector.
    new("invalid_config", 422, "The connection is not valid"),
    new("unauthenticated", 424, "The target refused the credential"),
    new("target_permission_denied", 424, "The credential lacks permissions in the target"),
    new("target_not_found", 424, "The target does not have it"),
    new("already_exists", 424, "The target has it already"),
    new("precondition_failed", 424, "The target's state changed meanwhile"),
    new("target_rate_limited", 424, "The target limits the rate of requests"),
    new("target_unavailable", 424, "The target is not available"),
    new("upstream_timeout", 424, "The target did not answer in time"),
    new("cursor_expired", 424, "The target forgot the place in its list"),
    new("target_quota_exceeded", 424, "A quota of the target is used up"),
    new("unsupported", 424, "The connector does not support it"),
    new("egress_denied", 424, "An outgoing request was refused"),
    new("bad_data", 424, "The target's answer cannot be trusted"),
    new("outcome_unknown", 424, "Not known whether the write took effect"),
    new("cancelled", 409, "Cancelled"),
    // What is wrong with the server.
    new("issuer_unavailable", 503, "The issuer does not answer"),
    new("storage_unavailable", 503, "The database does not work now"),
    new("too_many_streams", 503, "Too many event streams"),
    new("internal", 500, "The server failed"),
];

/// Whether the code is in the list.
pub(super) fn is_known(code: &str) -> bool {
    KINDS.iter().any(|kind| kind.code == code)
}

/// The kind with that code; an unknown code is `internal`, the last of the list.
pub(super) fn kind(code: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.code == code).unwrap_or(&KINDS[KINDS.len() - 1])
}
