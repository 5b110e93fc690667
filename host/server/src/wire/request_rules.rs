//! How single resources and entitlements are requested.

use grantry_api::request_rules as wire;
use grantry_engine::RulesView;
use grantry_model::request_rules::RulesChange;

use super::name;

/// The rules.
pub(crate) fn rules(view: &RulesView) -> wire::RequestRules {
    let workflow = view.in_force.workflow.as_ref();
    wire::RequestRules {
        is_requestable: view.in_force.is_requestable,
        workflow: workflow.map(|(workflow, _)| workflow.clone()),
        workflow_of: workflow.map(|(_, of)| name(of)),
        own_is_requestable: view.own.is_requestable,
        own_workflow: view.own.workflow.clone(),
        version: view.version,
    }
}

/// A change, from the wire.
pub(crate) fn read_update(change: wire::UpdateRequestRules) -> RulesChange {
    let wire::UpdateRequestRules { is_requestable, workflow } = change;
    RulesChange { is_requestable, workflow }
}
