//! All routes, by noun. Each file holds the handlers of one noun with their operations.

mod access_profiles;
mod aggregations;
mod app_mappings;
mod app_uploads;
mod app_webhooks;
mod application_types;
mod apps;
mod audit;
mod audit_sinks;
mod catalogue;
mod channels;
mod clients;
mod data_source_uploads;
mod data_sources;
mod deletion_guards;
mod deliveries;
mod entitlement_search;
mod entitlement_types;
mod entitlement_words;
mod external_changes;
mod health;
mod integrations;
mod issuers;
mod jobs;
mod mappings;
mod me;
mod memberships;
mod people;
mod permissions;
mod plugins;
mod publishers;
mod registries;
mod removals;
mod request_rules;
mod requests;
mod resources;
mod run_changes;
mod schedules;
mod sign_in;
mod tasks;
mod templates;
mod ticket_desks;
mod uploads;
mod versions;
mod workflows;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Server;

/// Every route of the server.
pub(crate) fn all() -> OpenApiRouter<Server> {
    let api = OpenApiRouter::new()
        .merge(plugins::routes())
        .merge(publishers::routes())
        .merge(registries::routes())
        .merge(integrations::routes())
        .merge(external_changes::routes())
        .merge(application_types::routes())
        .merge(versions::routes())
        .merge(catalogue::routes())
        .merge(deletion_guards::routes())
        .merge(mappings::routes())
        .merge(entitlement_search::routes())
        .merge(access_profiles::routes())
        .merge(entitlement_types::routes())
        .merge(entitlement_words::routes())
        .merge(request_rules::routes())
        .merge(resources::routes())
        .merge(requests::routes())
        .merge(workflows::routes())
        .merge(tasks::routes())
        .merge(app_webhooks::routes())
        .merge(ticket_desks::routes())
        .merge(aggregations::routes())
        .merge(removals::routes())
        .merge(run_changes::routes())
        .merge(schedules::routes())
        .merge(apps::routes())
        .merge(memberships::routes())
        .merge(data_sources::routes())
        .merge(app_mappings::routes())
        .merge(app_uploads::routes())
        .merge(data_source_uploads::routes())
        .merge(jobs::routes())
        .merge(clients::routes())
        .merge(people::routes())
        .merge(issuers::routes())
        .merge(sign_in::routes())
        .merge(me::routes())
        .merge(permissions::routes())
        .merge(audit::routes())
        .merge(audit_sinks::routes())
        .merge(channels::routes())
        .merge(templates::routes())
        .merge(deliveries::routes());
    OpenApiRouter::new().nest("/api/v1", api).merge(health::routes())
}
