//! Versions of an integration's plugin.

use grantry_api::integrations::TestError;
use grantry_api::versions as wire;
use grantry_engine::RolledOut;
use grantry_model::approval::Approval;
use grantry_model::ids::PluginId;

use super::integrations::{read_approval, read_plugin_id};
use crate::problem::Problem;

/// A move to another version, from the wire.
pub(crate) fn read_move(
    wanted: wire::MoveVersion,
) -> Result<(PluginId, Option<Approval>), Problem> {
    Ok((read_plugin_id(&wanted.plugin_id)?, wanted.approval.map(read_approval)))
}

/// How a roll-out went.
pub(crate) fn roll_out(outcome: Vec<RolledOut>) -> wire::RollOut {
    let mut result = wire::RollOut { moved: Vec::new(), kept: Vec::new() };
    for rolled in outcome {
        let integration_id = rolled.integration.to_string();
        match rolled.kept.map(Problem::from) {
            None => result.moved.push(integration_id),
            Some(problem) => {
                let reason =
                    TestError { code: problem.kind.code.to_owned(), detail: problem.detail };
                result.kept.push(wire::Kept { integration_id, reason });
            }
        }
    }
    result
}
