//! The life of a managed access (ACC-2), as a pure and exhaustive state machine.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMs;
use crate::gate::Closed;
use crate::ids::{AccountId, AppId, EntitlementId, MembershipId};

/// Shortest time for which access can be granted, in milliseconds: one minute.
pub const DURATION_MS_MIN: i64 = 60_000;
/// Longest time for which access can be granted, in milliseconds: ten years.
pub const DURATION_MS_MAX: i64 = 10 * 366 * 24 * 3_600_000;

/// Where a membership stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being made true in the target.
    Provisioning,
    /// True in the target, by a read-back.
    Active,
    /// Could not be made true; says why.
    Failed,
    /// Being made untrue in the target, because it ended or was deleted.
    Deprovisioning,
    /// Its time is over and the access is gone. Can be renewed.
    Expired,
    /// Ended by a deletion, and the access is gone. Final.
    Deleted,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Provisioning,
        Self::Active,
        Self::Failed,
        Self::Deprovisioning,
        Self::Expired,
        Self::Deleted,
    ];

    /// The status's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Deprovisioning => "deprovisioning",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Why the access ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its time is over.
    Expiry,
    /// Somebody deleted it.
    Deletion,
}

/// What happens to a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Move the end of an active one.
    Extend {
        /// The new end.
        ends: UnixMs,
    },
    /// Start a new period on an expired (or failed) one.
    Renew {
        /// The new end, if it has one.
        ends: Option<UnixMs>,
    },
    /// End it now.
    Delete,
    /// Its end has come.
    Expire,
    /// The target confirmed that the access is there.
    Provisioned,
    /// The target confirmed that the access is gone.
    Deprovisioned,
    /// Provisioning was given up.
    ProvisioningFailed,
    /// The target took the access away beside another change.
    Lost,
}

/// What has to be done in the target after a change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Make the access true.
    Grant,
    /// Make it untrue.
    Revoke,
}

/// A membership: an account's managed access to a role of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// The app.
    pub app: AppId,
    /// The role: an entitlement of the app.
    pub role: EntitlementId,
    /// Who holds it.
    pub account: AccountId,
    /// Where it stands.
    pub status: Status,
    /// Why it ends or ended.
    pub ending: Option<Ending>,
    /// Since when.
    pub starts: UnixMs,
    /// Until when; without an end it lasts until it is deleted.
    pub ends: Option<UnixMs>,
    /// Why provisioning failed, in words.
    pub failure: Option<String>,
    /// Which setting keeps Grantry from doing it: a person has to.
    pub waiting: Option<Closed>,
    /// Since when its revocation is overdue: the access was to be gone a day before.
    pub overdue: Option<UnixMs>,
    /// Grows with every change; the ETag.
    pub version: i64,
}

/// The event is not possible in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a membership that is {} cannot be {verb}", .status.name())]
pub struct NotPossible {
    /// Where the membership stands.
    pub status: Status,
    /// What was asked for, as a past participle.
    pub verb: &'static str,
}

/// The next status, the ending, the end and the effect in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The new status.
    pub status: Status,
    /// The new ending.
    pub ending: Option<Ending>,
    /// The new end.
    pub ends: Option<UnixMs>,
    /// What to do in the target.
    pub effect: Effect,
}

/// What an event does to a membership. Deleting what is gone already changes nothing.
pub fn next(membership: &Membership, event: Event) -> Result<Transition, NotPossible> {
    use Status::{Active, Deleted, Deprovisioning, Expired, Failed, Provisioning};
    let status = membership.status;
    let ending = membership.ending;
    let to = |status, ending, ends, effect| Ok(Transition { status, ending, ends, effect });
    let ends = membership.ends;
    let refuse = |verb| Err(NotPossible { status, verb });
    match (status, event) {
        (Active, Event::Extend { ends }) => to(Active, None, Some(ends), Effect::None),
        (Provisioning, Event::Extend { ends }) => to(Provisioning, None, Some(ends), Effect::None),
        (Failed | Deprovisioning | Expired | Deleted, Event::Extend { .. }) => refuse("extended"),

        (Expired | Failed, Event::Renew { ends }) => to(Provisioning, None, ends, Effect::Grant),
        (Provisioning | Active | Deprovisioning | Deleted, Event::Renew { .. }) => {
            refuse("renewed")
        }

        (Provisioning | Active | Failed, Event::Delete) => {
            to(Deprovisioning, Some(Ending::Deletion), ends, Effect::Revoke)
        }
        // The revocation is under way; only the reason changes.
        (Deprovisioning, Event::Delete) => {
            to(Deprovisioning, Some(Ending::Deletion), ends, Effect::None)
        }
        (Expired, Event::Delete) => to(Deleted, Some(Ending::Deletion), ends, Effect::None),
        (Deleted, Event::Delete) => to(Deleted, ending, ends, Effect::None),

        // A failed one may have left access behind, so it is revoked as well.
        (Provisioning | Active | Failed, Event::Expire) => {
            to(Deprovisioning, Some(Ending::Expiry), ends, Effect::Revoke)
        }
        (Deprovisioning | Expired | Deleted, Event::Expire) => refuse("expired"),

        (Provisioning, Event::Provisioned) => to(Active, None, ends, Effect::None),
        (Active | Failed | Deprovisioning | Expired | Deleted, Event::Provisioned) => {
            refuse("activated")
        }

        (Deprovisioning, Event::Deprovisioned) => {
            let end = match ending {
                Some(Ending::Expiry) => Expired,
                Some(Ending::Deletion) | None => Deleted,
            };
            to(end, ending, ends, Effect::None)
        }
        (Provisioning | Active | Failed | Expired | Deleted, Event::Deprovisioned) => {
            refuse("ended")
        }

        (Provisioning, Event::ProvisioningFailed) => to(Failed, None, ends, Effect::None),
        (Active | Failed | Deprovisioning | Expired | Deleted, Event::ProvisioningFailed) => {
            refuse("failed")
        }

        (Active, Event::Lost) => to(Failed, None, ends, Effect::None),
        (Provisioning | Failed | Deprovisioning | Expired | Deleted, Event::Lost) => refuse("lost"),
    }
}

/// The end asked for is in the past, too near or too far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the end must be between one minute and ten years from now")]
pub struct InvalidDuration;

/// Accepts an end that lies within the allowed time from now.
pub fn check_end(now: UnixMs, ends: UnixMs) -> Result<(), InvalidDuration> {
    let duration_ms = ends.0.checked_sub(now.0).ok_or(InvalidDuration)?;
    let is_allowed = (DURATION_MS_MIN..=DURATION_MS_MAX).contains(&duration_ms);
    is_allowed.then_some(()).ok_or(InvalidDuration)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn membership(status: Status) -> Membership {
        Membership {
            id: MembershipId::parse("m").unwrap(),
            app: AppId::parse("a").unwrap(),
            role: EntitlementId::parse("r").unwrap(),
            account: AccountId::parse("c").unwrap(),
            status,
            ending: None,
            starts: UnixMs(0),
            ends: None,
            failure: None,
            waiting: None,
            overdue: None,
            version: 1,
        }
    }

    #[test]
    fn a_deleted_membership_is_never_extended_or_renewed() {
        let deleted = membership(Status::Deleted);
        assert!(next(&deleted, Event::Extend { ends: UnixMs(1) }).is_err());
        assert!(next(&deleted, Event::Renew { ends: None }).is_err());
    }

    #[test]
    fn an_expired_membership_can_be_renewed_but_not_extended() {
        let expired = membership(Status::Expired);
        assert!(next(&expired, Event::Extend { ends: UnixMs(1) }).is_err());
        let renewed = next(&expired, Event::Renew { ends: None }).unwrap();
        assert_eq!((renewed.status, renewed.effect), (Status::Provisioning, Effect::Grant));
    }

    #[test]
    fn deleting_twice_revokes_once() {
        let first = next(&membership(Status::Active), Event::Delete).unwrap();
        assert_eq!(first.effect, Effect::Revoke);
        let second = next(&membership(Status::Deprovisioning), Event::Delete).unwrap();
        assert_eq!(second.effect, Effect::None);
    }

    #[test]
    fn ends_in_the_past_and_far_future_are_refused() {
        let now = UnixMs(1_000_000);
        assert_eq!(check_end(now, UnixMs(0)), Err(InvalidDuration));
        assert_eq!(check_end(now, now), Err(InvalidDuration));
        assert_eq!(check_end(now, UnixMs(i64::MAX)), Err(InvalidDuration));
        assert_eq!(check_end(UnixMs(i64::MIN), UnixMs(i64::MAX)), Err(InvalidDuration));
        assert_eq!(check_end(now, now.plus_ms(DURATION_MS_MIN)), Ok(()));
    }

    proptest! {
        /// Access that may be in the target never becomes a final state without a revocation.
        #[test]
        fn no_path_ends_with_access_left(steps in proptest::collection::vec(0_usize..8, 0..40)) {
            let events = [
                Event::Extend { ends: UnixMs(9) }, Event::Renew { ends: None }, Event::Delete,
                Event::Expire, Event::Provisioned, Event::Deprovisioned, Event::ProvisioningFailed,
                Event::Lost,
            ];
            let mut current = membership(Status::Provisioning);
            let mut may_be_there = true;
            for step in steps {
                let Ok(after) = next(&current, events[step]) else { continue };
                if events[step] == Event::Deprovisioned { may_be_there = false }
                if after.effect == Effect::Grant { may_be_there = true }
                current.status = after.status;
                current.ending = after.ending;
                if matches!(after.status, Status::Deleted) && events[step] != Event::Delete {
                    prop_assert!(!may_be_there);
                }
            }
        }
    }
}
