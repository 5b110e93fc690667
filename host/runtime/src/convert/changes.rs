//! `changes`: feeds and what they say.

use grantry_model::changes as model;

use super::all;
use super::catalogue::{assignment, attribute_delta, entitlement, object, object_ref};
use crate::bindings::exports::grantry::plugin::changes as wit;

pub(crate) fn feed(from: wit::Feed) -> model::Feed {
    model::Feed {
        id: from.id,
        display: from.display,
        kinds: from.kinds,
        is_ordered: from.is_ordered,
        min_poll_ms: from.min_poll_ms,
        retention_ms: from.retention_ms,
    }
}

fn change(from: wit::Event) -> model::Change {
    match from.change {
        wit::Change::Upserted(of) => model::Change::Upserted(Box::new(object(of))),
        wit::Change::Changed(of) => model::Change::Changed(model::PartialChange {
            about: object_ref(of.about),
            deltas: all(of.deltas, attribute_delta),
        }),
        wit::Change::Deleted(of) => model::Change::Deleted(object_ref(of)),
        wit::Change::Offered(of) => model::Change::Offered(Box::new(entitlement(of))),
        wit::Change::Withdrawn(id) => model::Change::Withdrawn(id),
        wit::Change::Granted(of) => model::Change::Granted(Box::new(assignment(of))),
        wit::Change::Revoked(of) => model::Change::Revoked(Box::new(assignment(of))),
        wit::Change::Used(_) => model::Change::Used,
        wit::Change::Resync(kind) => model::Change::Resync(kind),
    }
}

pub(crate) fn page(from: wit::ChangePage) -> model::ChangePage {
    model::ChangePage {
        changes: all(from.events, change),
        next: from.next,
        has_more: from.has_more,
    }
}
