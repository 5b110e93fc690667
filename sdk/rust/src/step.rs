//! One step of a multi-step provisioning run.

use crate::bindings::exports::grantry::plugin::step_logic::Guest;
pub use crate::bindings::exports::grantry::plugin::step_logic::{StepInput, StepOutput, Wait};
use crate::types::{Error, Result};

/// Runs a step and undoes it. The manual is `wit/logic.wit`.
pub trait StepLogic {
    /// # Errors
    /// The host decides by the case whether it runs the step again.
    fn run_step(input: StepInput) -> Result<StepOutput>;

    /// Undoes what `run_step` reported as `done`. Without it a person has to.
    ///
    /// # Errors
    /// As `run_step`.
    fn compensate(input: StepInput, done: String) -> Result<StepOutput> {
        let _ = (input, done);
        Err(Error::Unsupported("this step cannot be undone".into()))
    }
}

impl<T: StepLogic> Guest for T {
    fn run_step(input: StepInput) -> Result<StepOutput> {
        crate::panics::log_them();
        T::run_step(input)
    }

    fn compensate(input: StepInput, done: String) -> Result<StepOutput> {
        crate::panics::log_them();
        T::compensate(input, done)
    }
}
