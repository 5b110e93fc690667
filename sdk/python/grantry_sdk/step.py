"""One step of a multi-step run."""

from wit_world.exports import step_logic
from wit_world.exports.step_logic import *  # noqa: F403 (the contract's own names)

from ._guard import Guarded
from .errors import Unsupported


class StepLogic(Guarded):
    """Does a step and undoes it. The manual is `wit/logic.wit`."""

    def run_step(self, input: step_logic.StepInput) -> step_logic.StepOutput:
        """Does it."""
        raise NotImplementedError("the logic of a step is `run_step`")

    def compensate(self, input: step_logic.StepInput, done: str) -> step_logic.StepOutput:
        """Undoes what `run_step` reported as done, when a later step failed."""
        raise Unsupported("this step cannot be undone")
