"""Writing to the target."""

from typing import Any

from wit_world.exports import provision
from wit_world.exports.provision import *  # noqa: F403 (the contract's own names)

from ._guard import Guarded
from .errors import Unsupported


class Provision(Guarded):
    """Changes the target and reads back what is true in it. The manual is `wit/provision.wit`."""

    def plan(
        self, operation: provision.Operation, context: provision.OperationContext
    ) -> provision.PlanResult:
        """What `apply` would call. Only `GET` may be sent."""
        raise Unsupported("nothing can be planned")

    def apply(
        self, operation: provision.Operation, context: provision.OperationContext
    ) -> provision.Outcome:
        """Raises `OutcomeUnknown` whenever the write may have happened."""
        raise NotImplementedError("a connector that writes has to `apply`")

    def status(self, token: str) -> provision.Outcome:
        """How an operation that `apply` left in progress stands."""
        raise Unsupported("nothing here stays in progress")

    def verify(
        self, operation: provision.Operation, context: provision.OperationContext
    ) -> provision.Verification:
        """Whether what the operation wants is true in the target now. Only `GET` may be sent."""
        return provision.Verification_CannotTell("this plugin cannot read back")

    def actions(self) -> list[provision.ActionSchema]:
        """The target's own actions, for `invoke`."""
        return []


def effects(**more: Any) -> provision.Effects:
    """Nothing else happened than what was asked for."""
    fields: dict[str, Any] = {
        "objects": [],
        "assignments": [],
        "also_revoked": [],
        "replaced": [],
        "changed": [],
        "sealed": [],
        "result_json": None,
    }
    return provision.Effects(**(fields | more))
