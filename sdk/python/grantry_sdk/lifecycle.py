"""What a plugin is and what it needs."""

from typing import Any

from wit_world.exports import lifecycle
from wit_world.exports.lifecycle import *  # noqa: F403 (the contract's own names)
from wit_world.imports import types

from ._guard import Guarded
from .errors import Unsupported


class Lifecycle(Guarded):
    """Every plugin has it. The manual is `wit/lifecycle.wit`."""

    def describe(self) -> lifecycle.Manifest:
        """Runs once at install, without any capability."""
        raise NotImplementedError("a plugin has to `describe` itself")

    def validate_config(self, connection: str) -> list[types.FieldIssue]:
        """Faults that the schema cannot express. No host function may be called."""
        return []

    def suggest_config(
        self, connection: str, field: str, query: str | None, at: bytes | None
    ) -> lifecycle.Suggestions:
        """Values for a field of the connection."""
        raise Unsupported(f"there are no suggestions for `{field}`")

    def test_connection(self, depth: lifecycle.TestDepth) -> lifecycle.ConnectionReport:
        """Whether the connection works and what it can do in this tenant."""
        return report(self.describe().kinds)

    def discover_schema(self) -> list[lifecycle.KindSchema]:
        """The kinds of this tenant: at most what the manifest says."""
        return self.describe().kinds


def manifest(name: str, version: str, **more: Any) -> lifecycle.Manifest:
    """What a plugin is; it asks for nothing unless told otherwise."""
    fields: dict[str, Any] = {
        "publisher": "",
        "application_type": "",
        "description": "",
        "docs_url": None,
        "example_connection": "{}",
        "connection_schema": '{"type":"object"}',
        "auth": [],
        "hosts": [],
        "platform_actions": [],
        "needs_kv": False,
        "kinds": [],
        "can_read_back": False,
    }
    return lifecycle.Manifest(name=name, version=version, **(fields | more))


def kind(name: str, of_class: lifecycle.KindClass, **more: Any) -> lifecycle.KindSchema:
    """A kind without attributes and verbs, whose objects are identified by `id`."""
    fields: dict[str, Any] = {
        "display": name,
        "id_attribute": "id",
        "name_attribute": None,
        "parent_kinds": [],
        "attributes": [],
        "verbs": [],
        "delta": lifecycle.DeltaSupport.NONE,
        "is_countable": False,
    }
    return lifecycle.KindSchema(kind=name, classes=[of_class], **(fields | more))


def field(
    name: str,
    of_type: lifecycle.AttributeType,
    traits: lifecycle.AttributeTraits,
    *,
    description: str = "",
    reference_kind: str | None = None,
    choices: list[str] | None = None,
) -> lifecycle.AttributeSchema:
    """What a kind's objects have."""
    return lifecycle.AttributeSchema(
        name, of_type, description, traits, reference_kind, choices or []
    )


def report(effective: list[lifecycle.KindSchema], **more: Any) -> lifecycle.ConnectionReport:
    """All is well with the connection, with these kinds."""
    fields: dict[str, Any] = {"tenant": None, "missing_permissions": [], "warnings": []}
    return lifecycle.ConnectionReport(effective=effective, **(fields | more))
