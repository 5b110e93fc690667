//! The provisioning gate: what may be written to an integration's target (INT-4 to INT-6, ADR 8).
//!
//! A runner's `apply` takes a [`Licence`], and only [`admit`] makes one, from the integration's
//! settings at that moment. So no path of the program can write against them by forgetting a check.
//! The same holds for connection tests that write: [`admit_test`].

use serde::{Deserialize, Serialize};

use crate::ids::IntegrationId;
use crate::method::{self, Method};
use crate::plugin::TestDepth;
use crate::provision::Operation;
use crate::settings::Settings;
use crate::ticket::TicketRequest;

/// Why nothing is written to a target. A membership that meets it waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The integration is read-only.
    #[error(
        "this integration is read-only: a person has to do it in the target, and what is seen there \
         is then recorded"
    )]
    ReadOnly,
    /// The integration tracks permissions and does not change them.
    #[error(
        "this integration does not change permissions of accounts: what is seen in the target is \
         recorded"
    )]
    PermissionChanges,
    /// The integration creates and deletes no accounts.
    #[error(
        "this integration creates and deletes no accounts: a person has to do it in the target"
    )]
    AccountCreation,
    /// The app has no integration: there is no target that Grantry could write to.
    #[error(
        "no integration feeds this app: a person has to do it there and settles the membership, or \
         the next list that is applied shows it"
    )]
    Manual,
    /// The entitlement's or the integration's method is manual.
    #[error("this access is given and taken by hand: a person has to do it in the target")]
    ManualMethod,
    /// The connector finally failed, and the integration falls back to a person.
    #[error("the connector could not do it: a person has to do it in the target")]
    Fallback,
}

impl Closed {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ReadOnly,
        Self::PermissionChanges,
        Self::AccountCreation,
        Self::Manual,
        Self::ManualMethod,
        Self::Fallback,
    ];

    /// Whether a person is asked to do it, by a task (INT-4). Where permissions are only tracked
    /// nobody is (INT-5).
    pub fn asks_person(self) -> bool {
        match self {
            Self::ReadOnly
            | Self::AccountCreation
            | Self::Manual
            | Self::ManualMethod
            | Self::Fallback => true,
            Self::PermissionChanges => false,
        }
    }

    /// The reason's code on the wire and in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::ReadOnly => "integration_read_only",
            Self::PermissionChanges => "permission_changes_off",
            Self::AccountCreation => "account_creation_off",
            Self::Manual => "manual",
            Self::ManualMethod => "manual_method",
            Self::Fallback => "fallback",
        }
    }

    /// The reason with that code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|closed| closed.code() == code)
    }
}

/// Proof that the gate let this operation through for this integration. It is used up by the
/// attempt: the next one asks the gate again.
#[derive(Debug)]
pub struct Licence {
    integration: IntegrationId,
    operation: Operation,
    method: Method,
}

impl Licence {
    /// For whose target.
    pub fn integration(&self) -> &IntegrationId {
        &self.integration
    }

    /// What may be written.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// By which method.
    pub fn method(&self) -> Method {
        self.method
    }
}

/// Proof that the gate let a ticket be opened in an integration's service desk.
#[derive(Debug)]
pub struct AdmittedTicket {
    integration: IntegrationId,
    request: TicketRequest,
}

impl AdmittedTicket {
    /// In whose desk.
    pub fn integration(&self) -> &IntegrationId {
        &self.integration
    }

    /// What is opened.
    pub fn request(&self) -> &TicketRequest {
        &self.request
    }
}

/// Proof that the gate let a connection test go this far.
#[derive(Debug)]
pub struct AdmittedTest {
    depth: TestDepth,
}

impl AdmittedTest {
    /// How far it goes.
    pub fn depth(&self) -> TestDepth {
        self.depth
    }
}

/// What an operation changes in the target.
enum Change {
    Permission,
    Account,
}

fn change(operation: &Operation) -> Change {
    match operation {
        Operation::Grant(_)
        | Operation::Revoke(_)
        | Operation::Update(_)
        | Operation::Enable(_)
        | Operation::Disable(_) => Change::Permission,
        Operation::Create(_) | Operation::Delete(_) => Change::Account,
    }
}

/// Lets an operation through, or says what keeps it: settings, or the method of the entitlement that
/// it is about.
pub fn admit(
    integration: &IntegrationId,
    settings: &Settings,
    own: Option<Method>,
    operation: Operation,
) -> Result<Licence, Closed> {
    let closed = match change(&operation) {
        Change::Permission => method::kept(settings, own),
        Change::Account if settings.is_read_only => Some(Closed::ReadOnly),
        Change::Account if !settings.allows_creating_accounts => Some(Closed::AccountCreation),
        Change::Account => None,
    };
    match closed {
        Some(closed) => Err(closed),
        None => {
            let method = method::in_force(settings, own);
            Ok(Licence { integration: integration.clone(), operation, method })
        }
    }
}

/// Lets a ticket be opened in the desk of an integration, or says which setting keeps it.
pub fn admit_ticket(
    integration: &IntegrationId,
    settings: &Settings,
    request: TicketRequest,
) -> Result<AdmittedTicket, Closed> {
    if settings.is_read_only {
        return Err(Closed::ReadOnly);
    }
    Ok(AdmittedTicket { integration: integration.clone(), request })
}

/// Lets a connection test go as far as asked, or says which setting keeps it. Only a write probe
/// writes.
pub fn admit_test(settings: &Settings, depth: TestDepth) -> Result<AdmittedTest, Closed> {
    match depth {
        TestDepth::Connect | TestDepth::Read => {}
        TestDepth::WriteProbe if settings.is_read_only => return Err(Closed::ReadOnly),
        TestDepth::WriteProbe if !settings.allows_changing_permissions => {
            return Err(Closed::PermissionChanges);
        }
        TestDepth::WriteProbe => {}
    }
    Ok(AdmittedTest { depth })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::ObjectRef;
    use crate::provision::{CreateRequest, GrantRequest, RevokeRequest, UpdateRequest};

    fn operations() -> Vec<(bool, Operation)> {
        let about = ObjectRef { kind: "User".into(), id: "1".into() };
        let (on, holder) = (about.clone(), about.clone());
        let entitlement = "member".to_owned();
        let grant = GrantRequest {
            entitlement: entitlement.clone(),
            on: on.clone(),
            holder: holder.clone(),
            ends_ms: None,
            parameters: Vec::new(),
        };
        let revoke = RevokeRequest { entitlement, on, holder, assignment_id: None };
        let update = UpdateRequest { about: about.clone(), deltas: Vec::new(), if_match: None };
        let create = CreateRequest {
            kind: "User".into(),
            attributes: Vec::new(),
            parent: None,
            ends_ms: None,
        };
        vec![
            (false, Operation::Grant(grant)),
            (false, Operation::Revoke(revoke)),
            (false, Operation::Update(update)),
            (false, Operation::Enable(about.clone())),
            (false, Operation::Disable(about.clone())),
            (true, Operation::Create(create)),
            (true, Operation::Delete(about)),
        ]
    }

    #[test]
    fn every_operation_meets_its_setting_in_every_combination() {
        let id = IntegrationId::parse("i").unwrap();
        for bits in 0..8_u8 {
            let settings = Settings {
                is_read_only: bits & 1 != 0,
                allows_changing_permissions: bits & 2 != 0,
                allows_creating_accounts: bits & 4 != 0,
                ..Settings::default()
            };
            for (is_account, operation) in operations() {
                let is_allowed = bits & 1 == 0 && bits & if is_account { 4 } else { 2 } != 0;
                let admitted = admit(&id, &settings, None, operation);
                assert_eq!(admitted.is_ok(), is_allowed, "{settings:?} {admitted:?}");
            }
            let may_probe = bits & 1 == 0 && bits & 2 != 0;
            assert_eq!(admit_test(&settings, TestDepth::WriteProbe).is_ok(), may_probe);
            assert!(admit_test(&settings, TestDepth::Read).is_ok());
        }
    }

    #[test]
    fn reasons_are_found_by_their_codes() {
        for closed in Closed::ALL {
            assert_eq!(Closed::parse(closed.code()), Some(closed));
        }
    }
}
