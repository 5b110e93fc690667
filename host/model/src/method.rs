//! By which method the effects of a membership are carried out: the one decision between a connector,
//! a webhook, a ticket and a person (PRV-1, PRV-3 to PRV-5, INT-4, INT-5).
//!
//! [`way`] is pure and asked wherever a membership begins, changes or ends; the gate asks [`kept`] once
//! more right before a write. A further method is a variant of [`Method`] and an arm of [`way`].

use serde::{Deserialize, Serialize};

use crate::gate::Closed;
use crate::settings::Settings;

/// How access is made true in a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The plugin grants and revokes (PRV-1).
    #[default]
    Connector,
    /// A person does it in the target, by a task (PRV-3).
    Manual,
    /// A signed request to a homegrown app (PRV-5).
    Webhook,
    /// A ticket in a service desk, whose people do it in the target (PRV-4).
    Ticket,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Connector, Self::Manual, Self::Webhook, Self::Ticket];

    /// The method's name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Manual => "manual",
            Self::Webhook => "webhook",
            Self::Ticket => "ticket",
        }
    }

    /// The method of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// What becomes of a change that its method cannot make (PRV-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// It fails.
    #[default]
    None,
    /// A person does it.
    Manual,
}

/// What the decision is about.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The settings of the app's integration; `None` where lists feed the app.
    pub settings: Option<&'a Settings>,
    /// What an admin says of the entitlement.
    pub own: Option<Method>,
    /// Whether the integration's plugin grants and revokes.
    pub can_provision: bool,
}

/// Who makes a membership true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The integration's plugin.
    Connector,
    /// A person, for this reason.
    Person(Closed),
    /// The integration's webhook.
    Webhook,
    /// The integration's service desk.
    Ticket,
    /// Nobody can: the plugin only reads.
    Nobody,
}

/// Decides who makes a membership true.
pub fn way(facts: &Facts<'_>) -> Way {
    let Some(settings) = facts.settings else { return Way::Person(Closed::Manual) };
    match (kept(settings, facts.own), in_force(settings, facts.own)) {
        (Some(closed), _) => Way::Person(closed),
        (None, Method::Webhook) => Way::Webhook,
        (None, Method::Ticket) => Way::Ticket,
        (None, _) if facts.can_provision => Way::Connector,
        (None, _) => Way::Nobody,
    }
}

/// The method in force: the entitlement's own, else the integration's.
pub fn in_force(settings: &Settings, own: Option<Method>) -> Method {
    own.unwrap_or(settings.method)
}

/// What keeps the host from changing permissions in an integration's target, if anything does. A ticket
/// writes nothing there: whoever has it does (INT-4).
pub fn kept(settings: &Settings, own: Option<Method>) -> Option<Closed> {
    let method = in_force(settings, own);
    if settings.is_read_only && method != Method::Ticket {
        return Some(Closed::ReadOnly);
    }
    if !settings.allows_changing_permissions {
        return Some(Closed::PermissionChanges);
    }
    match method {
        Method::Connector | Method::Webhook | Method::Ticket => None,
        Method::Manual => Some(Closed::ManualMethod),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(settings: &Settings, own: Option<Method>, can_provision: bool) -> Way {
        way(&Facts { settings: Some(settings), own, can_provision })
    }

    #[test]
    fn settings_come_before_the_entitlements_method_and_that_before_the_default() {
        let open = Settings::default();
        let manual = Settings { method: Method::Manual, ..Settings::default() };
        let read_only = Settings { is_read_only: true, ..manual.clone() };
        let tracks = Settings { allows_changing_permissions: false, ..manual.clone() };
        let by_hand = Way::Person(Closed::ManualMethod);
        assert_eq!(decided(&open, None, true), Way::Connector);
        assert_eq!(decided(&open, Some(Method::Manual), true), by_hand);
        assert_eq!(decided(&manual, None, true), by_hand);
        assert_eq!(decided(&manual, Some(Method::Connector), true), Way::Connector);
        for own in [None, Some(Method::Connector), Some(Method::Manual)] {
            assert_eq!(decided(&read_only, own, true), Way::Person(Closed::ReadOnly));
            assert_eq!(decided(&tracks, own, true), Way::Person(Closed::PermissionChanges));
            let listed = Facts { settings: None, own, can_provision: true };
            assert_eq!(way(&listed), Way::Person(Closed::Manual));
        }
    }

    #[test]
    fn a_ticket_is_opened_also_where_nothing_is_written_and_never_where_access_is_only_tracked() {
        let read_only = Settings { is_read_only: true, ..Settings::default() };
        let tracks = Settings { allows_changing_permissions: false, ..Settings::default() };
        for can_provision in [true, false] {
            let by_ticket =
                |settings: &Settings| decided(settings, Some(Method::Ticket), can_provision);
            assert_eq!(by_ticket(&Settings::default()), Way::Ticket);
            assert_eq!(by_ticket(&read_only), Way::Ticket);
            let both = Settings { is_read_only: true, ..tracks.clone() };
            assert_eq!(by_ticket(&tracks), Way::Person(Closed::PermissionChanges));
            assert_eq!(by_ticket(&both), Way::Person(Closed::PermissionChanges));
        }
        let desk = Settings { method: Method::Ticket, ..read_only };
        assert_eq!(decided(&desk, None, false), Way::Ticket);
        assert_eq!(decided(&desk, Some(Method::Connector), true), Way::Person(Closed::ReadOnly));
    }

    #[test]
    fn a_plugin_that_only_reads_leaves_it_to_a_person_or_to_nobody() {
        assert_eq!(decided(&Settings::default(), None, false), Way::Nobody);
        let manual = Settings { method: Method::Manual, ..Settings::default() };
        assert_eq!(decided(&manual, None, false), Way::Person(Closed::ManualMethod));
        assert_eq!(decided(&manual, Some(Method::Webhook), false), Way::Webhook);
    }

    #[test]
    fn names_are_read_back() {
        for method in Method::ALL {
            assert_eq!(Method::parse(method.name()), Some(method));
        }
    }
}
