"""Granting and revoking memberships.

Every change is the smallest that the target knows, and what is so already is left alone.
"""

import json
from typing import Any

from grantry_sdk import http, provision
from grantry_sdk.errors import InvalidInput, NotFound, Unsupported
from grantry_sdk.types import issue

from directory import Directory, members


def entitlement_id(group: str) -> str:
    """The id of a group's one entitlement."""
    return f"{group}:member"


class Change:
    """A membership that is wanted, or not wanted any more."""

    def __init__(self, operation: provision.Operation) -> None:
        match operation:
            case provision.Operation_Grant(request):
                self.wants = True
            case provision.Operation_Revoke(request):
                self.wants = False
            case _:
                raise Unsupported("only memberships are changed")
        self.group, self.member = request.on, request.holder
        if request.entitlement != entitlement_id(self.group.id):
            words = f"`{request.entitlement}` is not the membership of `{self.group.id}`"
            raise InvalidInput([issue("/entitlement", "unknown_entitlement", words)])

    @property
    def path(self) -> str:
        """The group's."""
        return f"/Groups/{http.encode(self.group.id)}"

    def patch(self) -> dict[str, Any]:
        """One member, never the whole list: two changes at once would undo each other."""
        if self.wants:
            return {"op": "add", "path": "members", "value": [{"value": self.member.id}]}
        return {"op": "remove", "path": f"members[value eq {json.dumps(self.member.id)}]"}

    def is_so(self, directory: Directory) -> bool:
        """Whether it is so in the target now."""
        group = directory.find("/Groups", self.group.id)
        is_member = group is not None and self.member.id in members(group)
        return is_member == self.wants


def plan(directory: Directory, operation: provision.Operation) -> provision.PlanResult:
    """What would be sent. The host lets nothing but GET through meanwhile."""
    change = Change(operation)
    call = provision.PlannedCall(
        method="PATCH",
        url=directory.url(change.path),
        summary=f"{'add' if change.wants else 'remove'} the member `{change.member.id}`",
        is_destructive=not change.wants,
    )
    return provision.PlanResult([call], [])


def apply(directory: Directory, operation: provision.Operation) -> provision.Outcome:
    """Makes it so."""
    change = Change(operation)
    if directory.find("/Groups", change.group.id) is None:
        raise NotFound(change.group)
    if change.is_so(directory):
        return provision.Outcome_Already(provision.effects())
    if change.wants and directory.find("/Users", change.member.id) is None:
        raise NotFound(change.member)
    directory.patch(change.path, change.patch())
    return provision.Outcome_Done(provision.effects())


def verify(directory: Directory, operation: provision.Operation) -> provision.Verification:
    """Whether it is so."""
    is_so = Change(operation).is_so(directory)
    return provision.Verification_Holds() if is_so else provision.Verification_Absent()
