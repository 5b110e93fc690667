"""Reading everything, one bounded page a call."""

from typing import Any

from wit_world.exports import aggregate
from wit_world.exports.aggregate import *  # noqa: F403 (the contract's own names)
from wit_world.imports import types

from ._guard import Guarded
from .errors import Unsupported


class Aggregate(Guarded):
    """Lists objects, entitlements and assignments. The manual is `wit/aggregate.wit`."""

    def read_page(self, request: aggregate.PageRequest) -> aggregate.Page:
        """The page at `request.at`, or the first. Never a short page instead of an error."""
        raise NotImplementedError("a connector has to `read_page`")

    def get(self, id: types.ObjectRef) -> types.Object | None:
        """One object as it is now, `None` if the target has none."""
        raise Unsupported(f"a single `{id.kind}` cannot be read")

    def count(self, kind: str) -> int | None:
        """How many objects of a kind there are, if the target tells cheaply."""
        return None


def page(**rows: Any) -> aggregate.Page:
    """A page; not the last one unless it says so by `is_complete`."""
    fields: dict[str, Any] = {
        "objects": [],
        "entitlements": [],
        "assignments": [],
        "next": None,
        "expected_total": None,
        "is_complete": False,
        "scope": None,
        "skipped": [],
    }
    return aggregate.Page(**(fields | rows))


def unchanged(key: str) -> aggregate.Page:
    """A page that says of a scope, for which the host holds a validator, that nothing moved."""
    return page(scope=aggregate.Scope(key, aggregate.Disposition.UNCHANGED, None))
