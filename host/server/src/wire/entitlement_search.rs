//! Searches over all entitlements, and what they find.

use grantry_api::access_profiles::AccessProfileName;
use grantry_api::entitlement_search as wire;
use grantry_engine::{FoundEntitlement, PageQuery, ProfilesOf, SearchQuery};
use grantry_model::entitlement_search::{Order, State};
use grantry_model::ids::AccessProfileId;

use crate::query::page;

/// What is looked for, from the wire.
pub(crate) fn read_query(query: wire::EntitlementSearchQuery) -> SearchQuery {
    SearchQuery {
        page: PageQuery {
            search: query.search.unwrap_or_default(),
            kind: query.kind.unwrap_or_default(),
            privileged: query.privileged,
            ..page(query.limit, query.cursor)
        },
        integration: query.integration_id.unwrap_or_default(),
        app: query.app_id.unwrap_or_default(),
        resource: query.resource_id.unwrap_or_default(),
        account: query.account_id.unwrap_or_default(),
        identity: query.identity_id.unwrap_or_default(),
        requestable: query.requestable,
        state: match query.state.unwrap_or_default() {
            wire::EntitlementState::Live => State::Live,
            wire::EntitlementState::Removed => State::Removed,
            wire::EntitlementState::Any => State::Any,
        },
        order: match query.sort.unwrap_or_default() {
            wire::EntitlementOrder::Name => Order::Name,
            wire::EntitlementOrder::Kind => Order::Kind,
            wire::EntitlementOrder::App => Order::App,
            wire::EntitlementOrder::Changed => Order::Changed,
        },
    }
}

/// What was found, with the access profiles that it is in.
pub(crate) fn found(found: &FoundEntitlement, profiles: &ProfilesOf) -> wire::FoundEntitlement {
    let of = profiles.get(found.entitlement.id.as_str()).map(Vec::as_slice).unwrap_or_default();
    let named = |(id, name): &(AccessProfileId, String)| AccessProfileName {
        id: id.to_string(),
        name: name.clone(),
    };
    wire::FoundEntitlement {
        access_profiles: of.iter().map(named).collect(),
        app_name: found.app_name.clone(),
        entitlement: super::catalogue::entitlement(&found.entitlement),
    }
}
