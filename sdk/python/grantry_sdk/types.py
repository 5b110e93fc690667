"""The nouns that every interface speaks of, with short ways to write them."""

from typing import Any

from wit_world.imports import types
from wit_world.imports.types import *  # noqa: F403 (the contract's own names)


def ref(kind: str, id: str) -> types.ObjectRef:
    """Points at the object of a kind by its native id."""
    return types.ObjectRef(kind, id)


def make_object(
    kind: str,
    id: str,
    *,
    name: str | None = None,
    display: str | None = None,
    description: str | None = None,
    status: types.ObjectStatus = types.ObjectStatus.ENABLED,
    attributes: list[types.Attribute] | None = None,
    aliases: list[str] | None = None,
    parent: types.ObjectRef | None = None,
    etag: str | None = None,
    created_ms: int | None = None,
    last_used_ms: int | None = None,
) -> types.Object:
    """An object; enabled and without attributes unless told otherwise."""
    object_id = types.ObjectId(kind, id, name, aliases or [], parent, etag)
    return types.Object(
        object_id, display, description, status, attributes or [], created_ms, last_used_ms
    )


def attribute(name: str, *values: types.Value) -> types.Attribute:
    """All the values that the target holds for an attribute."""
    return types.Attribute(name, list(values), types.Completeness.COMPLETE)


def text(name: str, value: str) -> types.Attribute:
    """An attribute that is a single text."""
    return attribute(name, types.Value_Text(value))


def make_entitlement(
    id: str, on: types.ObjectRef, slug: str, display: str, **more: Any
) -> types.Entitlement:
    """A right that can be granted on an object; its short name is `slug`."""
    fields: dict[str, Any] = {
        "kind": on.kind,
        "description": None,
        "purpose": types.Purpose.ACCESS,
        "grantable_to": [],
        "exclusive": None,
        "is_immutable": False,
        "is_privileged": False,
        "attributes": [],
    }
    return types.Entitlement(id=id, on=on, slug=slug, display=display, **(fields | more))


def make_assignment(entitlement: str, holder: types.ObjectRef, **more: Any) -> types.Assignment:
    """`holder` holds the entitlement, with nothing else known of it."""
    fields: dict[str, Any] = {
        "id": None,
        "expansion": None,
        "is_immutable": False,
        "starts_ms": None,
        "ends_ms": None,
        "origin": None,
        "attributes": [],
    }
    return types.Assignment(entitlement=entitlement, holder=holder, **(fields | more))


def issue(path: str, code: str, message: str) -> types.FieldIssue:
    """One fault in an input. `path` is a JSON pointer into it, `code` is snake_case."""
    return types.FieldIssue(path, code, message)
