//! Every operation × every kind of caller × own, other and missing entity, against an oracle.
//!
//! The oracle says PRM-1 to PRM-4 again in other words and shares no code with `authz`. [`ROWS`] names
//! the action of each operation by hand: a route without a row fails, and so does a row without one.

use std::collections::BTreeMap;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_authz::{Door, Role, actions};
use grantry_engine::token_text;
use grantry_model::clock::UnixMs;
use grantry_model::ids::PrincipalId;
use grantry_model::permission::PrincipalKind;
use grantry_store::{AuditEntry, NewPrincipal};
use http::Request;
use serde_json::{Map, Value, json};

use crate::host::{Host, fresh_key, text};
use crate::openapi::operations;

const ROWS: &[(&str, &str)] = &[
    ("install_plugin", "plugin.install"),
    ("pull_plugin", "plugin.install"),
    ("list_plugins", "plugin.read"),
    ("get_plugin", "plugin.read"),
    ("delete_plugin", "plugin.install"),
    ("create_publisher", "plugin.install"),
    ("list_publishers", "plugin.read"),
    ("get_publisher", "plugin.read"),
    ("revoke_publisher", "plugin.install"),
    ("create_registry", "plugin.install"),
    ("list_registries", "plugin.read"),
    ("get_registry", "plugin.read"),
    ("delete_registry", "plugin.install"),
    ("create_integration", "integration.write"),
    ("list_integrations", "integration.read"),
    ("get_integration", "integration.read"),
    ("update_integration", "integration.write"),
    ("delete_integration", "integration.write"),
    ("test_connection", "integration.write"),
    ("try_connection", "integration.write"),
    ("release_integration", "integration.write"),
    ("list_external_changes", "integration.read"),
    ("list_application_types", "plugin.read"),
    ("rotate_secret", "integration.write"),
    ("move_version", "integration.write"),
    ("roll_back_version", "integration.write"),
    ("roll_out_version", "integration.write"),
    ("list_accounts", "integration.read"),
    ("list_resources", "integration.read"),
    ("list_entitlements", "integration.read"),
    ("list_assignments", "integration.read"),
    ("create_access_profile", "access_profile.write"),
    ("list_access_profiles", "access_profile.read"),
    ("get_access_profile", "access_profile.read"),
    ("update_access_profile", "access_profile.write"),
    ("delete_access_profile", "access_profile.write"),
    ("list_profile_entitlements", "access_profile.read"),
    ("search_entitlements", "app_and_role_read"),
    ("list_holders", "integration.read"),
    ("create_entitlement_type", "integration.write"),
    ("list_entitlement_types", "integration.read"),
    ("get_entitlement_type", "integration.read"),
    ("update_entitlement_type", "integration.write"),
    ("delete_entitlement_type", "integration.write"),
    ("preview_re_key", "integration.write"),
    ("re_key_entitlement_type", "integration.write"),
    ("get_entitlement", "integration.read"),
    ("update_entitlement", "integration.write"),
    ("set_privileged", "integration.write"),
    ("get_resource_rules", "resource.read"),
    ("update_resource_rules", "resource.write"),
    ("get_entitlement_rules", "resource.read"),
    ("update_entitlement_rules", "resource.write"),
    ("get_resource", "resource.read"),
    ("set_resource_people", "resource.write"),
    ("list_resource_roles", "resource.read"),
    ("list_resource_memberships", "resource.read"),
    ("settle_resource_membership", "resource.settle"),
    ("get_mapping_rules", "integration.read"),
    ("set_mapping_rules", "integration.write"),
    ("preview_mapping", "integration.write"),
    ("apply_mapping", "integration.write"),
    ("get_mapping", "integration.read"),
    ("set_mapping", "integration.write"),
    ("release_mapping", "integration.write"),
    ("list_identity_accounts", "data_source_read"),
    ("get_app_mapping_rules", "integration.read"),
    ("set_app_mapping_rules", "integration.write"),
    ("preview_app_mapping", "integration.write"),
    ("apply_app_mapping", "integration.write"),
    ("get_app_mapping", "integration.read"),
    ("set_app_mapping", "integration.write"),
    ("release_app_mapping", "integration.write"),
    ("get_app_resource_rules", "resource.read"),
    ("update_app_resource_rules", "resource.write"),
    ("get_role_rules", "resource.read"),
    ("update_role_rules", "resource.write"),
    ("start_aggregation", "aggregation.run"),
    ("list_aggregations", "integration.read"),
    ("get_aggregation", "integration.read"),
    ("cancel_aggregation", "aggregation.run"),
    ("watch_aggregation", "integration.read"),
    ("list_issues", "integration.read"),
    ("list_run_changes", "integration.read"),
    ("list_log", "integration.read"),
    ("create_schedule", "integration.write"),
    ("list_schedules", "integration.read"),
    ("get_schedule", "integration.read"),
    ("update_schedule", "integration.write"),
    ("delete_schedule", "integration.write"),
    ("get_removal", "integration.read"),
    ("list_removed_rows", "integration.read"),
    ("approve_removal", "aggregation.run"),
    ("discard_removal", "aggregation.run"),
    ("undo_removal", "aggregation.run"),
    ("get_deletion_guard", "integration.read"),
    ("update_deletion_guard", "integration.write"),
    ("list_apps", "app_and_role_read"),
    ("get_app", "app_and_role_read"),
    ("create_app", "app.write"),
    ("update_app", "app.write"),
    ("delete_app", "app.write"),
    ("list_app_accounts", "app_and_role_read"),
    ("list_app_assignments", "app_and_role_read"),
    ("list_roles", "app_and_role_read"),
    ("list_memberships", "app_and_role_read"),
    ("grant_membership", "app_membership_write"),
    ("get_membership", "app_and_role_read"),
    ("delete_membership", "app_membership_write"),
    ("list_operations", "app_and_role_read"),
    ("extend_membership", "app_membership_write"),
    ("renew_membership", "app_membership_write"),
    ("settle_membership", "app_membership_write"),
    ("create_data_source", "data_source.write"),
    ("list_data_sources", "data_source_read"),
    ("get_data_source", "data_source_read"),
    ("update_data_source", "data_source.write"),
    ("delete_data_source", "data_source.write"),
    ("list_identities", "data_source_read"),
    ("get_identity", "data_source_read"),
    ("upload_members", "csv_app_user_upload"),
    ("list_members_uploads", "csv_app_user_upload"),
    ("get_members_upload", "csv_app_user_upload"),
    ("discard_members_upload", "csv_app_user_upload"),
    ("preview_members_upload", "csv_app_user_upload"),
    ("list_members_upload_changes", "csv_app_user_upload"),
    ("apply_members_upload", "csv_app_user_upload"),
    ("undo_members_upload", "csv_app_user_upload"),
    ("get_members_template", "csv_app_user_upload"),
    ("export_members", "app_and_role_read"),
    ("get_list_template", "csv_app_user_upload"),
    ("export_list", "app_and_role_read"),
    ("upload_users", "data_source_users_update"),
    ("list_users_uploads", "data_source_users_update"),
    ("get_users_upload", "data_source_users_update"),
    ("discard_users_upload", "data_source_users_update"),
    ("preview_users_upload", "data_source_users_update"),
    ("list_users_upload_changes", "data_source_users_update"),
    ("apply_users_upload", "data_source_users_update"),
    ("get_users_template", "data_source_users_update"),
    ("export_users", "data_source_read"),
    ("create_workflow", "workflow.write"),
    ("list_workflows", "workflow.read"),
    ("get_workflow", "workflow.read"),
    ("update_workflow", "workflow.write"),
    ("delete_workflow", "workflow.write"),
    ("create_request", "own"),
    ("list_requests", "own"),
    ("get_request", "request"),
    ("list_request_events", "request"),
    ("decide_request", "request"),
    ("withdraw_request", "request"),
    ("get_own_delegation", "own"),
    ("set_own_delegation", "own"),
    ("end_own_delegation", "own"),
    ("list_tasks", "own"),
    ("get_task", "request"),
    ("complete_task", "request"),
    ("reject_task", "request"),
    ("assign_task", "request"),
    ("get_entitlement_provisioning", "integration.read"),
    ("set_entitlement_provisioning", "integration.write"),
    ("get_app_webhook", "integration.read"),
    ("set_app_webhook", "integration.write"),
    ("delete_app_webhook", "integration.write"),
    ("rotate_app_webhook_key", "integration.write"),
    ("take_callback", "public"),
    ("get_ticket_desk", "integration.read"),
    ("set_ticket_desk", "integration.write"),
    ("delete_ticket_desk", "integration.write"),
    ("list_ticket_schemas", "integration.read"),
    ("list_jobs", "job.read"),
    ("get_job", "job.read"),
    ("cancel_job", "aggregation.run"),
    ("create_client", "client.write"),
    ("list_clients", "client.read"),
    ("get_client", "client.read"),
    ("update_client", "client.write"),
    ("delete_client", "client.write"),
    ("create_token", "client.write"),
    ("list_tokens", "client.read"),
    ("revoke_token", "client.write"),
    ("list_people", "person.read"),
    ("get_person", "person.read"),
    ("create_person", "person.write"),
    ("update_person", "person.write"),
    ("delete_person", "person.write"),
    ("create_issuer", "issuer.write"),
    ("list_issuers", "issuer.read"),
    ("get_issuer", "issuer.read"),
    ("update_issuer", "issuer.write"),
    ("delete_issuer", "issuer.write"),
    ("check_issuer", "issuer.write"),
    ("search_applications", "client.write"),
    ("list_sign_in_offers", "public"),
    ("sign_in_with_token", "public"),
    ("begin_sign_in", "public"),
    ("finish_sign_in", "public"),
    ("get_me", "none"),
    ("update_me", "own"),
    ("list_own_identities", "own"),
    ("list_own_resources", "own"),
    ("list_own_accounts", "own"),
    ("claim_account", "own"),
    ("give_up_account", "own"),
    ("list_own_sessions", "own"),
    ("sign_out_everywhere", "own"),
    ("end_own_session", "own"),
    ("sign_out", "own"),
    ("create_own_token", "own"),
    ("list_own_tokens", "own"),
    ("revoke_own_token", "own"),
    ("get_permissions", "client.read"),
    ("set_permissions", "client.write"),
    ("list_effective", "client.read"),
    ("list_audit", "audit.read"),
    ("export_audit", "audit.read"),
    ("list_checkpoints", "audit.read"),
    ("get_audit_key", "audit.read"),
    ("create_audit_sink", "audit.write"),
    ("list_audit_sinks", "audit.read"),
    ("get_audit_sink", "audit.read"),
    ("update_audit_sink", "audit.write"),
    ("delete_audit_sink", "audit.write"),
    ("rotate_audit_sink_key", "audit.write"),
    ("create_channel", "notification.write"),
    ("list_channels", "notification.read"),
    ("get_channel", "notification.read"),
    ("update_channel", "notification.write"),
    ("delete_channel", "notification.write"),
    ("rotate_channel_key", "notification.write"),
    ("test_channel", "notification.write"),
    ("list_templates", "notification.read"),
    ("set_template", "notification.write"),
    ("reset_template", "notification.write"),
    ("preview_template", "notification.read"),
    ("list_deliveries", "notification.read"),
    ("get_delivery", "notification.read"),
    ("retry_delivery", "notification.write"),
    ("check_health", "public"),
    ("check_readiness", "public"),
    ("show_metrics", "public"),
    ("explain_problem", "public"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Anonymous,
    Nobody,
    Global(&'static str),
    OwnApp,
    OtherApp,
    OwnSource,
    OtherSource,
    /// The own app and the own data source.
    Both,
    Auditor,
    User,
    Admin,
}

const ACTIONS: [&str; 4] = [
    "app_and_role_read",
    "csv_app_user_upload",
    "data_source_users_update",
    "app_membership_write",
];

/// What kind of entity an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    App,
    Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Own,
    Other,
    Missing,
}

#[derive(Debug, PartialEq, Eq)]
enum Class {
    Unauthenticated,
    Forbidden,
    NotFound,
    Allowed,
}

/// What must come of it. `entity` is `None` for operations that are not about one.
fn oracle(action: &str, caller: Caller, entity: Option<(Kind, Which)>) -> Class {
    if action == "public" {
        return Class::Allowed;
    }
    match (action, caller) {
        ("own" | "the admin's own" | "read request" | "request", Caller::Admin) => {
            return Class::Allowed;
        }
        // A request is seen by those whom it concerns, and by auditors, who decide about nothing.
        ("read request", Caller::Auditor) => return Class::Allowed,
        ("request", Caller::Auditor) => return Class::Forbidden,
        ("read request" | "request", Caller::User) => return Class::NotFound,
        ("own", Caller::Auditor | Caller::User) => return Class::Allowed,
        ("nobody's own", Caller::Auditor | Caller::User | Caller::Admin) => {
            return Class::NotFound;
        }
        ("the admin's own", Caller::Auditor | Caller::User) => return Class::NotFound,
        (_, Caller::Anonymous) => return Class::Unauthenticated,
        ("nobody's own", _) => return Class::Forbidden,
        ("own" | "the admin's own" | "read request" | "request", _) => return Class::Forbidden,
        _ => {}
    }
    let is_admin_action = action.contains('.');
    let (holds, sees) = match (caller, entity) {
        (Caller::Anonymous, _) => return Class::Unauthenticated,
        (Caller::Admin, _) => (true, true),
        (Caller::Auditor, _) => {
            let reads = [".read", "_read", "none"].iter().any(|end| action.ends_with(end));
            (reads, true)
        }
        _ if is_admin_action => (false, true),
        // `none`, and lists that show less to those who hold less.
        (_, None) => (true, true),
        (Caller::Global(held), Some(_)) => (held == action || action == "data_source_read", true),
        // An entity gives all four actions, and nothing beside itself.
        (given, Some(entity)) => {
            let is_given = match given {
                Caller::OwnApp => entity == (Kind::App, Which::Own),
                Caller::OtherApp => entity == (Kind::App, Which::Other),
                Caller::OwnSource => entity == (Kind::Source, Which::Own),
                Caller::OtherSource => entity == (Kind::Source, Which::Other),
                Caller::Both => entity.1 == Which::Own,
                _ => false,
            };
            (is_given, is_given)
        }
    };
    match (sees, holds, entity) {
        (false, ..) | (true, true, Some((_, Which::Missing))) => Class::NotFound,
        (true, false, _) => Class::Forbidden,
        (true, true, _) => Class::Allowed,
    }
}

/// A host with two apps, two data sources and one of everything, and a token of every caller.
pub(crate) struct World {
    pub(crate) host: Host,
    tokens: Vec<(Caller, String)>,
    /// Values of path and query parameters and of body fields, by name, for each entity.
    pub(crate) own: BTreeMap<&'static str, String>,
    pub(crate) other: BTreeMap<&'static str, String>,
}

/// A person with that role: their id, an unscoped token, and the id of that token.
async fn person(host: &Host, role: Role) -> (String, String, String) {
    let admin = host.engine.authenticate(&host.admin, Door::Http, "test").await.unwrap().unwrap();
    let permit = admin.actor.permit_admin::<actions::ClientWrite>().unwrap();
    let db = host.engine.db();
    let new = NewPrincipal {
        id: PrincipalId::parse(&format!("{}-{}", role.name(), fresh_key())).unwrap(),
        kind: PrincipalKind::Person,
        name: role.name().to_owned(),
        description: String::new(),
        role: Some(role),
    };
    let (record, token) = token_text(db, &new.id, None);
    let mut tx = db.begin(permit.provenance()).await.unwrap();
    tx.create_client(&permit, &new).await.unwrap();
    tx.create_token(&permit, &record).await.unwrap();
    let id = new.id.to_string();
    tx.commit(AuditEntry::about("test", "person", &id, json!({}))).await.unwrap();
    (id, token.expose().to_owned(), record.id.to_string())
}

/// The id of a session of the admin.
async fn own_session(host: &Host) -> String {
    let signed_in = host.call("POST", "/sign-in", json!({"token": host.admin})).await.ok();
    text(&signed_in["session"], "id")
}

/// The id of an issuer that people can sign in by.
async fn issuer(host: &Host, name: &str) -> String {
    let body = json!({"name": name, "kind": "generic", "audience": "grantry",
        "url": format!("https://{name}.example"), "client_id": "grantry"});
    text(&host.call("POST", "/issuers", body).await.ok(), "id")
}

/// The id of a token that the admin has made.
async fn own_token(host: &Host) -> String {
    let body = json!({"name": "own", "scope": {"admin_actions": ["job.read"]},
        "expires_ms": 1_800_100_000_000_i64});
    text(&host.call("POST", "/me/tokens", body).await.ok(), "id")
}

/// The id of a publisher whose key nobody holds.
async fn publisher(host: &Host, name: &str) -> String {
    let mut key = [0; 42];
    key[..2].copy_from_slice(b"Ed");
    let number = &name.as_bytes()[..3];
    key[2..5].copy_from_slice(number);
    key[10..13].copy_from_slice(number);
    let body = json!({"name": name, "public_key": STANDARD.encode(key)});
    text(&host.call("POST", "/publishers", body).await.ok(), "id")
}

async fn values(host: &Host, name: &str) -> BTreeMap<&'static str, String> {
    let integration = host.aggregated(name).await;
    let (id, app) = (text(&integration, "id"), text(&integration, "app_id"));
    let account = host.first(&format!("/integrations/{id}/accounts")).await;
    let role = host.get(&format!("/apps/{app}/roles")).await.ok()["items"][0].clone();
    let (role, resource) = (text(&role, "id"), text(&role, "resource_id"));
    let of_type = host.first(&format!("/integrations/{id}/entitlement-types")).await;
    let path = format!("/apps/{app}/memberships");
    let body = json!({"role_id": role, "account_id": account});
    let membership = text(&host.call("POST", &path, body).await.ok(), "id");
    host.work_until(&format!("{path}/{membership}"), &["active"]).await;
    let run = host.get(&format!("/integrations/{id}/aggregations")).await.ok()["items"][0].clone();
    let schedule = json!({"name": name, "recurrence": {"kind": "daily"}, "at": "17:00",
        "time_zone": "UTC"});
    let path = format!("/integrations/{id}/schedules");
    let schedule = text(&host.call("POST", &path, schedule).await.ok(), "id");
    let client = text(&host.call("POST", "/clients", json!({"name": name})).await.ok(), "id");
    let token = host.call("POST", &format!("/clients/{client}/tokens"), json!({})).await.ok();
    let source = host.call("POST", "/data-sources", json!({"name": name})).await.ok();
    let source = text(&source, "id");
    let users = host.applied(&format!("/data-sources/{source}"), "external_id\n1\n").await;
    let identity = host.first(&format!("/data-sources/{source}/identities")).await;
    let profile = host.call("POST", "/access-profiles", json!({"name": name})).await.ok();
    let request = asked(host, &id, &app, &role, &identity).await;
    let task = task(host, name).await;
    let path = format!("/integrations/{id}/webhook");
    let body = json!({"url": "https://a.example"});
    let hook = host.request("PUT", &path, &body).header("If-Match", "\"1\"");
    host.send(hook.body(Body::from(body.to_string())).unwrap()).await.ok();
    let path = format!("/integrations/{id}/ticket-desk");
    let body = json!({"desk_id": id, "template": {"schema": "10002"}});
    let desk = host.request("PUT", &path, &body).header("If-Match", "\"1\"");
    host.send(desk.body(Body::from(body.to_string())).unwrap()).await.ok();
    let workflow = json!({"name": name, "steps": []});
    let workflow = text(&host.call("POST", "/workflows", workflow).await.ok(), "id");
    let csv_app = text(&host.call("POST", "/apps", json!({"name": name})).await.ok(), "id");
    let members = host.applied(&format!("/apps/{csv_app}"), "external_id\n1\n").await;
    let csv_account = host.first(&format!("/apps/{csv_app}/accounts")).await;
    let csv_role = host.get(&format!("/apps/{csv_app}/roles")).await.ok()["items"][0].clone();
    let webhook =
        json!({"name": name, "settings": {"kind": "webhook", "url": "https://a.example"}});
    let sink = text(&host.call("POST", "/audit/sinks", webhook.clone()).await.ok(), "id");
    let channel = host.call("POST", "/notifications/channels", webhook).await.ok();
    let channel = text(&channel, "id");
    let path = format!("/notifications/channels/{channel}/test");
    let delivery = host.call("POST", &path, json!({})).await.ok();
    let registry = json!({"host": format!("{name}.example")});
    let registry = host.call("POST", "/registries", registry).await.ok();
    BTreeMap::from([
        ("publisher_id", publisher(host, name).await),
        ("registry_id", text(&registry, "id")),
        ("data_source_id", source),
        ("identity_id", identity),
        ("users upload_id", text(&users, "id")),
        ("users diff", text(&users["diff"], "hash")),
        ("csv app_id", csv_app),
        ("csv account_id", csv_account),
        ("csv role_id", text(&csv_role, "id")),
        ("csv resource_id", text(&csv_role, "resource_id")),
        ("access_profile_id", text(&profile, "id")),
        ("members upload_id", text(&members, "id")),
        ("members diff", text(&members["diff"], "hash")),
        ("kind", "added".to_owned()),
        ("desk_id", id.clone()),
        ("integration_id", id),
        ("schedule_id", schedule),
        ("app_id", app.clone()),
        ("entity_id", app),
        ("entity_kind", "app".to_owned()),
        ("account_id", account),
        ("entitlement_id", role.clone()),
        ("resource_id", resource),
        ("type_id", of_type),
        ("role_id", role),
        ("membership_id", membership),
        ("aggregation_id", text(&run, "id")),
        ("job_id", text(&run, "job_id")),
        ("client_id", client.clone()),
        ("principal_id", client),
        ("token_id", text(&token, "id")),
        ("person_id", person(host, Role::User).await.0),
        ("delegate_id", person(host, Role::User).await.0),
        ("workflow_id", workflow),
        ("request_id", request),
        ("callback_token", callback(host, name, &task).await),
        ("task_id", task),
        ("own_token_id", own_token(host).await),
        ("sink_id", sink),
        ("delivery_id", text(&delivery, "id")),
        ("channel_id", channel),
        ("notice_kind", "aggregation.failed".to_owned()),
        ("own_session_id", own_session(host).await),
        ("issuer_id", issuer(host, name).await),
        ("token", host.admin.clone()),
        ("code", "not_found".to_owned()),
        ("search", "payroll".to_owned()),
    ])
}

/// A task of an app that lists feed.
async fn task(host: &Host, name: &str) -> String {
    let app = json!({"name": format!("{name} wiki")});
    let app = text(&host.call("POST", "/apps", app).await.ok(), "id");
    host.applied(&format!("/apps/{app}"), "external_id\n1\n").await;
    let role = host.first(&format!("/apps/{app}/roles")).await;
    let account = host.first(&format!("/apps/{app}/accounts")).await;
    let body = json!({"role_id": role, "account_id": account});
    host.call("POST", &format!("/apps/{app}/memberships"), body).await.ok();
    host.first(&format!("/tasks?app_id={app}")).await
}

/// The SHA-256 of `callback-Own` and `callback-Other`.
const CALLBACK_HASHES: [(&str, &str); 2] = [
    ("Own", "fe037755f21c390bce639f3a058083f38f2ed466e797d6d5694a24cbcdad1c9c"),
    ("Other", "13a097527d1e88a9a14f74d87bd217ae9e9bb986ac861fd9d22b96765c46d6c7"),
];

/// The token of a callback about the operation of a task.
async fn callback(host: &Host, name: &str, task: &str) -> String {
    let shown = host.get(&format!("/tasks/{task}")).await.ok();
    let (_, hash) = CALLBACK_HASHES.into_iter().find(|(of, _)| *of == name).unwrap();
    let admin = host.engine.authenticate(&host.admin, Door::Http, "test").await.unwrap().unwrap();
    let permit = admin.actor.permit_admin::<actions::ClientWrite>().unwrap();
    let mut tx = host.engine.db().begin(permit.provenance()).await.unwrap();
    let operation = format!("{}-1", text(&shown, "membership_id"));
    tx.add_callback(&operation, hash, UnixMs(i64::MAX)).await.unwrap();
    tx.commit(AuditEntry::about("test", "task", task, json!({}))).await.unwrap();
    format!("callback-{name}")
}

/// A request of the admin's for the identity, which gets the integration's second account.
async fn asked(host: &Host, integration: &str, app: &str, role: &str, identity: &str) -> String {
    let accounts = host.get(&format!("/integrations/{integration}/accounts")).await.ok();
    let account = text(&accounts["items"][1], "id");
    let path = format!("/integrations/{integration}/accounts/{account}/mapping");
    let body = json!({"identity_id": identity});
    let request = host.request("PUT", &path, &body).header("If-Match", "\"1\"");
    host.send(request.body(Body::from(body.to_string())).unwrap()).await.ok();
    let body = json!({"identity_id": identity, "reason": "needed",
        "items": [{"app_id": app, "role_id": role}]});
    text(&host.call("POST", "/requests", body).await.ok(), "id")
}

pub(crate) async fn world() -> World {
    let host = Host::start().await;
    let mut own = values(&host, "Own").await;
    let mut other = values(&host, "Other").await;
    let unused = text(&host.upload(b"\0asm unused").await.ok(), "id");
    own.insert("plugin_id", unused.clone());
    other.insert("plugin_id", unused);
    let app = |values: &BTreeMap<&str, String>| json!({"kind": "app", "id": values["app_id"]});
    let csv = |values: &BTreeMap<&str, String>| json!({"kind": "app", "id": values["csv app_id"]});
    let source = |values: &BTreeMap<&str, String>| json!({"kind": "data_source", "id": values["data_source_id"]});
    let mut tokens = vec![
        (Caller::Anonymous, String::new()),
        (Caller::Nobody, host.client(json!([]), json!([])).await.1),
        (Caller::OwnApp, host.client(json!([]), json!([app(&own), csv(&own)])).await.1),
        (Caller::OtherApp, host.client(json!([]), json!([app(&other), csv(&other)])).await.1),
        (Caller::OwnSource, host.client(json!([]), json!([source(&own)])).await.1),
        (Caller::OtherSource, host.client(json!([]), json!([source(&other)])).await.1),
        (Caller::Both, host.client(json!([]), json!([app(&own), csv(&own), source(&own)])).await.1),
        (Caller::Auditor, person(&host, Role::Auditor).await.1),
        (Caller::User, person(&host, Role::User).await.1),
        (Caller::Admin, host.admin.clone()),
    ];
    for action in ACTIONS {
        let token = host.client(json!([action]), json!([])).await.1;
        tokens.push((Caller::Global(action), token));
    }
    World { host, tokens, own, other }
}

impl World {
    fn value(&self, path: &str, name: &str, which: Which) -> String {
        if which == Which::Missing && matches!(name, "app_id" | "data_source_id") {
            return "missing".to_owned();
        }
        let values = if which == Which::Other { &self.other } else { &self.own };
        // Accounts and roles of apps that integrations feed are mapped and requested through these.
        let is_listed = path.contains("{app_id}")
            && ["/mapping", "/mapping/preview", "/mapping/apply", "/request-rules"]
                .iter()
                .any(|end| path.ends_with(end));
        // Lists are uploaded for apps that no integration feeds, and only such an app is deleted.
        let is_fed = !path.contains("/uploads")
            && !path.contains("/members/")
            && !path.contains("/list/")
            && path != "DELETE";
        let name = match name {
            "upload_id" | "diff" if path.contains("{app_id}") => format!("members {name}"),
            "upload_id" | "diff" => format!("users {name}"),
            "app_id" if !is_fed => "csv app_id".to_owned(),
            "app_id" | "account_id" | "role_id" | "resource_id" if is_listed => {
                format!("csv {name}")
            }
            _ => name.to_owned(),
        };
        let name = &*name;
        values.get(name).unwrap_or_else(|| panic!("give `{name}` a value in this test")).clone()
    }

    /// The request of an operation, made from its description.
    pub(crate) fn request(
        &self,
        document: &Value,
        (method, path, operation): &(String, String, Value),
        token: &str,
        which: Which,
    ) -> Request<Body> {
        let mut uri = path.clone();
        let is_delete_app = method == "DELETE" && path.ends_with("/{app_id}");
        let about = if is_delete_app { "DELETE" } else { path };
        let mut query = Vec::new();
        let mut request = Request::builder().method(method.as_str());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            match parameter["in"].as_str().unwrap() {
                "path" => {
                    uri = uri.replace(&format!("{{{name}}}"), &self.value(about, name, which))
                }
                "header" if name == "Idempotency-Key" => {
                    request = request.header(name, fresh_key());
                }
                "header" if parameter["required"] == false => {}
                "header" => request = request.header(name, parameter["example"].as_str().unwrap()),
                "query" if name == "allow_unsigned" => query.push(format!("{name}=true")),
                "query" if parameter["required"] == true => {
                    query.push(format!("{name}={}", self.value(about, name, which)));
                }
                _ => {}
            }
        }
        if !token.is_empty() {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let content = &operation["requestBody"]["content"];
        let body = if content.get("application/wasm").is_some() {
            request = request.header("Content-Type", "application/wasm");
            format!("\0asm {}", fresh_key())
        } else if let Some(json) = content.get("application/json") {
            request = request.header("Content-Type", "application/json");
            self.example(document, &json["schema"], (about, which)).to_string()
        } else if content.get("text/csv").is_some() {
            request = request.header("Content-Type", "text/csv");
            format!("external_id\n1\n{}\n", fresh_key())
        } else {
            String::new()
        };
        request.uri(format!("{uri}?{}", query.join("&"))).body(Body::from(body)).unwrap()
    }

    /// An object of a schema: its fields with an example, and those that are required.
    fn example(&self, document: &Value, schema: &Value, (about, which): (&str, Which)) -> Value {
        // One that can be left out is sent.
        let schema = schema.get("oneOf").map_or(schema, |either| &either[0]);
        let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let schema = &document["components"]["schemas"][name];
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let mut object = Map::new();
        for (name, field) in schema["properties"].as_object().unwrap() {
            let referred = field["$ref"].as_str().and_then(|name| name.rsplit('/').next());
            let referred = referred.map_or(field, |name| &document["components"]["schemas"][name]);
            if let Some(example) = referred
                .get("example")
                .filter(|_| required.contains(&json!(name)))
                .or(field.get("example"))
            {
                object.insert(name.clone(), example.clone());
            } else if name == "items" && about.ends_with("/requests") {
                let (app, role) =
                    (self.value("", "app_id", which), self.value("", "role_id", which));
                object.insert(name.clone(), json!([{"app_id": app, "role_id": role}]));
                object
                    .insert("identity_id".to_owned(), json!(self.value("", "identity_id", which)));
            } else if name == "connection" && required.contains(&json!(name)) {
                let connection = json!({"url": "https://c.example", "token": "t"});
                object.insert(name.clone(), connection);
            } else if field.get("$ref").is_some() && required.contains(&json!(name)) {
                object.insert(name.clone(), self.example(document, field, (about, which)));
            } else if required.contains(&json!(name)) || is_chosen(schema, name) {
                object.insert(name.clone(), json!(self.value(about, name, which)));
            } else if name == "filter" {
                // One that finds everything: what is selected is selected by ids or by a filter.
                object.insert(name.clone(), json!({}));
            }
        }
        Value::Object(object)
    }
}

/// Of an account and an identity to which access can be given, the account is named.
fn is_chosen(schema: &Value, name: &str) -> bool {
    name == "account_id" && schema["properties"].get("identity_id").is_some()
}

fn class(status: u16) -> Class {
    match status {
        401 => Class::Unauthenticated,
        403 => Class::Forbidden,
        404 => Class::NotFound,
        _ => Class::Allowed,
    }
}

#[test]
fn every_operation_has_a_row_with_its_action() {
    let document = serde_json::to_value(grantry_server::openapi::document()).unwrap();
    let mut described: Vec<(String, String)> = operations(&document)
        .iter()
        .map(|(_, _, operation)| {
            (text(operation, "operationId"), text(operation, "x-grantry-action"))
        })
        .collect();
    described.sort();
    let mut rows: Vec<_> =
        ROWS.iter().map(|&(id, action)| (id.to_owned(), action.to_owned())).collect();
    rows.sort();
    assert_eq!(described, rows, "routes and ROWS differ");
}

/// The matrix in parts that run side by side: the whole takes minutes.
mod every_cell_is_as_the_oracle_says {
    macro_rules! part {
        ($($name:ident $part:literal),+) => {
            /// How many parts there are.
            pub const PARTS: usize = [$($part),+].len();
            $(#[tokio::test]
            async fn $name() {
                super::assert_part($part).await;
            })+
        };
    }
    part!(in_part_0 0, in_part_1 1, in_part_2 2, in_part_3 3, in_part_4 4, in_part_5 5);
}

/// What even the admin's good request is answered: a re-key wants a preview's hash, only an active
/// membership cannot be renewed, and keeps its integration, the same is asked for once at a time, there
/// is no version to go back to, a list of members cannot be undone, and a sign-in leads to the issuer and
/// needs its answer. The webhook and the desk are there already, at another version; what comes from the
/// registry is not signed; and an issuer has no directory unless Grantry has a secret there.
const UNREACHED: [&str; 12] = [
    "pull_plugin 422",
    "search_applications 409",
    "set_app_webhook 412",
    "set_ticket_desk 412",
    "re_key_entitlement_type 409",
    "create_request 422",
    "renew_membership 409",
    "delete_integration 409",
    "undo_members_upload 409",
    "roll_back_version 409",
    "finish_sign_in 400",
    "begin_sign_in 303",
];

/// Every `PARTS`th operation, for every caller on every entity.
async fn assert_part(part: usize) {
    let world = world().await;
    let document = serde_json::to_value(grantry_server::openapi::document()).unwrap();
    let (mut cells, mut mismatches, mut unreached) = (0, Vec::new(), Vec::new());
    let parts = every_cell_is_as_the_oracle_says::PARTS;
    for operation in operations(&document).into_iter().skip(part).step_by(parts) {
        let id = text(&operation.2, "operationId");
        let action = ROWS.iter().find(|row| row.0 == id).map_or("no row", |row| row.1);
        // What is one's own does not exist for others; the world's belongs to the admin.
        let is_about_own = operation.1.contains("{own_");
        // The world's accounts are connected with nobody of the callers.
        let is_account = operation.1.contains("/me/accounts/{");
        let action = match action {
            _ if is_account => "nobody's own",
            _ if is_about_own => "the admin's own",
            "request" if operation.0 == "GET" => "read request",
            action => action,
        };
        let kind = match &operation.1 {
            path if path.contains("{app_id}") => Some(Kind::App),
            path if path.contains("{data_source_id}") => Some(Kind::Source),
            _ => None,
        };
        let all = [Which::Own, Which::Other, Which::Missing];
        for &which in if kind.is_some() { &all[..] } else { &all[..1] } {
            for (caller, token) in &world.tokens {
                let expected = oracle(action, *caller, kind.map(|kind| (kind, which)));
                let request = world.request(&document, &operation, token, which);
                // What is allowed may change things: on a copy, so that every cell sees the same.
                let reply = if expected == Class::Allowed && operation.0 != "GET" {
                    world.host.copy().await.send(request).await
                } else {
                    world.host.send(request).await
                };
                cells += 1;
                let status = reply.status.as_u16();
                if class(status) != expected || status >= 500 {
                    mismatches.push(format!("{id} {caller:?} {which:?}: {status}, {expected:?}"));
                }
                // Nothing vanished here: `removals.rs` decides about what did.
                let is_decision = status == 409 && id.ends_with("_removal");
                let is_refused = expected == Class::Allowed && status >= 300;
                let answer = format!("{id} {status}");
                let is_known = is_decision || UNREACHED.contains(&answer.as_str());
                if *caller == Caller::Admin && is_refused && !is_known {
                    unreached.push(answer);
                }
            }
        }
    }
    assert!(mismatches.is_empty(), "{} of {cells}:\n{}", mismatches.len(), mismatches.join("\n"));
    // The admin's requests are good ones, so that no other refusal hides a wrong decision.
    assert_eq!(unreached, Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_and_its_reason_are_in_the_audit_log() {
    let world = world().await;
    let (_, token) = &world.tokens[1];
    world.host.get_as(token, "/clients").await;
    let denials = world.host.get("/audit?event=authz.denied&limit=1").await.ok();
    let denial = &denials["items"][0];
    assert_eq!(
        (&denial["action"], &denial["reason"]),
        (&json!("client.read"), &json!("action_not_granted"))
    );
}
