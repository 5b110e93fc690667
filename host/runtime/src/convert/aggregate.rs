//! `aggregate`: page requests and pages.

use grantry_model::catalogue as model;

use super::catalogue::{assignment, entitlement, object, object_ref, to_object_ref};
use super::{all, faults};
use crate::bindings::exports::grantry::plugin::aggregate as wit;

fn to_target(from: &model::Target) -> wit::Target {
    match from {
        model::Target::Objects(kind) => wit::Target::Objects(kind.clone()),
        model::Target::EntitlementsOfKind(kind) => wit::Target::EntitlementsOfKind(kind.clone()),
        model::Target::AssignmentsOfKind(kind) => wit::Target::AssignmentsOfKind(kind.clone()),
        model::Target::EntitlementsOf(on) => wit::Target::EntitlementsOf(to_object_ref(on)),
        model::Target::AssignmentsOf(on) => wit::Target::AssignmentsOf(to_object_ref(on)),
    }
}

pub(crate) fn to_page_request(from: model::PageRequest) -> wit::PageRequest {
    wit::PageRequest {
        target: to_target(&from.target),
        run_id: from.run_id,
        at: from.at,
        max_items: from.max_items,
        max_bytes: from.max_bytes,
    }
}

fn disposition(from: wit::Disposition) -> model::Disposition {
    match from {
        wit::Disposition::Fresh => model::Disposition::Fresh,
        wit::Disposition::Unchanged => model::Disposition::Unchanged,
    }
}

fn scope(from: wit::Scope) -> model::Scope {
    model::Scope {
        key: from.key,
        disposition: disposition(from.disposition),
        validator: from.validator,
    }
}

fn skip(from: wit::Skip) -> model::Skip {
    model::Skip { about: from.about.map(object_ref), error: faults::plugin_error(from.error) }
}

pub(crate) fn page(from: wit::Page) -> model::Page {
    model::Page {
        objects: all(from.objects, object),
        entitlements: all(from.entitlements, entitlement),
        assignments: all(from.assignments, assignment),
        next: from.next,
        expected_total: from.expected_total,
        is_complete: from.is_complete,
        scope: from.scope.map(scope),
        skipped: all(from.skipped, skip),
    }
}
