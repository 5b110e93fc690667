//! Durable work: what a job is, and when a failed one is tried again.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMs;
use crate::ids::{IntegrationId, JobId, MembershipId, RunId};

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// Read everything from an integration's target.
    Aggregate {
        /// The integration.
        integration: IntegrationId,
        /// The aggregation.
        run: RunId,
    },
    /// Remove what an aggregation did not see any more, or bring it back.
    Remove {
        /// The integration.
        integration: IntegrationId,
        /// The aggregation.
        run: RunId,
    },
    /// Bring a membership's access in the target in line with its status.
    Provision {
        /// The integration.
        integration: IntegrationId,
        /// The membership.
        membership: MembershipId,
    },
}

impl Work {
    /// The work's name, for metrics and lists.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Aggregate { .. } => "aggregate",
            Self::Remove { .. } => "remove",
            Self::Provision { .. } => "provision",
        }
    }

    /// Whose target the work is about.
    pub fn integration(&self) -> &IntegrationId {
        match self {
            Self::Aggregate { integration, .. }
            | Self::Remove { integration, .. }
            | Self::Provision { integration, .. } => integration,
        }
    }

    /// Whose access the work changes, if it writes to the target.
    pub fn membership(&self) -> Option<&MembershipId> {
        match self {
            Self::Provision { membership, .. } => Some(membership),
            Self::Aggregate { .. } | Self::Remove { .. } => None,
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for a worker, or for its next attempt.
    Queued,
    /// A worker has it.
    Running,
    /// Done.
    Succeeded,
    /// Given up; says why.
    Failed,
    /// Cancelled.
    Cancelled,
}

impl JobStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The status's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A worker's hold on a job. Every commit of the worker names it: once another worker holds the
/// job, the old hold's commits are refused (security.md T10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// Grows with every lease of the job.
    pub fence: i64,
    /// How often it was begun, this time included.
    pub attempt: u32,
    /// When it was due. A later moment in the table tells that somebody is in a hurry.
    pub due: UnixMs,
}

/// Shortest pause before another attempt, in milliseconds.
pub const BACKOFF_MS_MIN: i64 = 1_000;
/// Longest pause between attempts, in milliseconds.
pub const BACKOFF_MS_MAX: i64 = 15 * 60_000;
/// Longest pause that a target can ask for, in milliseconds: a day (security.md row 59).
pub const RETRY_AFTER_MS_MAX: u64 = 24 * 3_600_000;

/// The pause before the next attempt: doubling from a second to a quarter of an hour, or what the
/// target asked for, within a second and a day.
pub fn backoff_ms(attempt: u32, asked_ms: Option<u64>) -> i64 {
    if let Some(asked_ms) = asked_ms {
        let clamped = asked_ms.clamp(BACKOFF_MS_MIN as u64, RETRY_AFTER_MS_MAX);
        return i64::try_from(clamped).unwrap_or(BACKOFF_MS_MAX);
    }
    let doublings = attempt.saturating_sub(1).min(20);
    BACKOFF_MS_MIN.saturating_mul(1 << doublings).min(BACKOFF_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_cannot_ask_for_more_than_a_day_or_less_than_a_second() {
        assert_eq!(backoff_ms(1, Some(1_000_000_000_000_000_000)), 86_400_000);
        assert_eq!(backoff_ms(1, Some(0)), 1_000);
    }

    #[test]
    fn the_pause_doubles_up_to_a_quarter_of_an_hour() {
        assert_eq!(backoff_ms(1, None), 1_000);
        assert_eq!(backoff_ms(4, None), 8_000);
        assert_eq!(backoff_ms(u32::MAX, None), 900_000);
    }
}
