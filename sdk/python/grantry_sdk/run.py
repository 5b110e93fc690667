"""This call: its connection, its time and its randomness."""

import json
from typing import Any

from wit_world.imports import run
from wit_world.imports.run import now_ms, progress, random_bytes, scope_validator

from .errors import InvalidConfig
from .types import issue

__all__ = [
    "connection", "now_ms", "parse_connection", "progress", "random_bytes", "scope_validator",
]


def connection() -> dict[str, Any]:
    """The connection, without its secret fields. The host checked it against the schema."""
    return parse_connection(run.connection())


def parse_connection(text: str) -> dict[str, Any]:
    """The same from its text, for `validate_config` and tests."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise InvalidConfig([issue("", "invalid_connection", "a connection is a JSON object")])
