//! Writing to the target.

use crate::bindings::exports::grantry::plugin::provision::Guest;
pub use crate::bindings::exports::grantry::plugin::provision::{
    ActionSchema, CreateRequest, Credential, CredentialRequest, DeleteMode, DeleteRequest, Effects,
    GrantRequest, HumanStep, Invitation, InvokeRequest, LinkRequest, Operation, OperationContext,
    Outcome, PartialEffects, Pending, PlanResult, PlannedCall, RevokeRequest, UpdateRequest,
    Verification,
};
use crate::types::{Error, Result};

/// Changes the target and reads back what is true in it. The manual is `wit/provision.wit`.
pub trait Provision {
    /// What `apply` would call. Only `GET` may be sent.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is no such operation here.
    fn plan(operation: Operation, context: OperationContext) -> Result<PlanResult>;

    /// # Errors
    /// [`Error::OutcomeUnknown`] whenever the write may have happened.
    fn apply(operation: Operation, context: OperationContext) -> Result<Outcome>;

    /// How an operation that `apply` left in progress stands.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless overridden.
    fn status(token: String) -> Result<Outcome> {
        let _ = token;
        Err(Error::Unsupported("nothing here stays in progress".into()))
    }

    /// Whether what the operation wants is true in the target now. Only `GET` may be sent.
    ///
    /// # Errors
    /// As the target says.
    fn verify(operation: Operation, context: OperationContext) -> Result<Verification> {
        let _ = (operation, context);
        Ok(Verification::CannotTell("this plugin cannot read back".into()))
    }

    /// The target's own actions, for `invoke`.
    fn actions() -> Vec<ActionSchema> {
        Vec::new()
    }
}

impl<T: Provision> Guest for T {
    fn plan(operation: Operation, context: OperationContext) -> Result<PlanResult> {
        crate::panics::log_them();
        T::plan(operation, context)
    }

    fn apply(operation: Operation, context: OperationContext) -> Result<Outcome> {
        crate::panics::log_them();
        T::apply(operation, context)
    }

    fn status(token: String) -> Result<Outcome> {
        crate::panics::log_them();
        T::status(token)
    }

    fn verify(operation: Operation, context: OperationContext) -> Result<Verification> {
        crate::panics::log_them();
        T::verify(operation, context)
    }

    fn actions() -> Vec<ActionSchema> {
        crate::panics::log_them();
        T::actions()
    }
}

impl Effects {
    /// Nothing else happened than what was asked for.
    pub fn none() -> Self {
        Self {
            objects: Vec::new(),
            assignments: Vec::new(),
            also_revoked: Vec::new(),
            replaced: Vec::new(),
            changed: Vec::new(),
            sealed: Vec::new(),
            result_json: None,
        }
    }
}
