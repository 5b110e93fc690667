//! Ids as newtypes, so that no two kinds can be mixed up.
//!
//! Ids of things that Grantry creates are UUIDv7 in text form (sortable by time, opaque to callers).
//! Ids of catalogue rows are derived from what they identify: see [`crate::fingerprint`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Random};

/// Longest id that is accepted from outside, in bytes.
pub const ID_LENGTH_MAX: usize = 64;

/// The text is empty, too long, or holds a character that no id has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 1 to {ID_LENGTH_MAX} letters, digits, `-` or `_` are expected")]
pub struct InvalidId;

fn check(text: &str) -> Result<(), InvalidId> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_valid = !text.is_empty() && text.len() <= ID_LENGTH_MAX && text.bytes().all(is_plain);
    is_valid.then_some(()).ok_or(InvalidId)
}

/// A new UUIDv7: the clock's time in front, 74 random bits behind.
pub fn fresh_uuid(clock: &dyn Clock, random: &dyn Random) -> String {
    let mut bits = [0_u8; 10];
    random.fill(&mut bits);
    let now_ms = u64::try_from(clock.now().0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(now_ms, &bits).into_uuid().to_string()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A new id that nothing has yet.
            pub fn fresh(clock: &dyn Clock, random: &dyn Random) -> Self {
                Self(fresh_uuid(clock, random))
            }

            /// Checks the characters and the length of an id from outside.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text).map(|()| Self(text.to_owned()))
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A client, a person, or an integration's plugin.
    PrincipalId,
    /// One configured instance of an application type.
    IntegrationId,
    /// An application that people get access to.
    AppId,
    /// Where identities come from.
    DataSourceId,
    /// A person in a data source.
    IdentityId,
    /// An account, in Grantry's catalogue.
    AccountId,
    /// A resource, in Grantry's catalogue.
    ResourceId,
    /// An entitlement. Seen through its app it is a role: same row, same id.
    EntitlementId,
    /// What entitlements of one native kind are like.
    EntitlementTypeId,
    /// An observed fact: an account holds an entitlement.
    AssignmentId,
    /// A named set of entitlements.
    AccessProfileId,
    /// A managed access with a start and an end.
    MembershipId,
    /// A wish for access, to be decided about.
    RequestId,
    /// Something that a person has to do in a target.
    TaskId,
    /// A way to decide about requests.
    WorkflowId,
    /// One aggregation.
    RunId,
    /// When an integration is aggregated by itself.
    ScheduleId,
    /// A unit of durable work.
    JobId,
    /// An installed plugin version.
    PluginId,
    /// Somebody whose signatures on plugins are believed.
    PublisherId,
    /// A registry that plugins are pulled from.
    RegistryId,
    /// An uploaded list.
    UploadId,
    /// One reading of an uploaded list.
    ReadingId,
    /// A bearer token (its public half).
    TokenId,
    /// An OIDC issuer that people or clients come from.
    IssuerId,
    /// A person's session (its public name, not what the browser holds).
    SessionId,
    /// Something that people are to be told of.
    NoticeId,
    /// A way to tell people: a mail server, a chat room, a webhook.
    ChannelId,
    /// One message to one receiver.
    DeliveryId,
    /// A receiver of the audit log.
    SinkId,
    /// Access that changed without Grantry.
    ExternalChangeId,
}
