"""Cursors: opaque to the host, JSON to the plugin."""

import json
from typing import Any

from .errors import CursorExpired, Internal

BYTES_MAX = 64 * 1024
"""The host's limit."""


def encode(place: Any) -> bytes:
    """Packs where a listing stands."""
    packed = json.dumps(place).encode()
    if len(packed) > BYTES_MAX:
        raise Internal(f"a cursor of {len(packed)} bytes is too large")
    return packed


def decode(at: bytes | None, beginning: Any) -> Any:
    """Unpacks a cursor, or gives the listing's `beginning` when there is none."""
    if at is None:
        return beginning
    try:
        return json.loads(at)
    except ValueError:
        # Another version of the plugin wrote it.
        raise CursorExpired() from None
