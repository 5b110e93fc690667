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
    """Unpacks a cursor, or gives the listing's `beginning`, made of lists and dicts, when there is none.

    A cursor of another shape is `CursorExpired`.
    """
    if at is None:
        return beginning
    try:
        place = json.loads(at)
    except ValueError:
        place = None
    if not _is_alike(place, beginning):
        # Another version of the plugin wrote it.
        raise CursorExpired()
    return place


def _is_alike(place: Any, beginning: Any) -> bool:
    """Whether it has the shape of the beginning, where `None` stands for anything."""
    if beginning is None:
        return True
    if type(place) is not type(beginning):
        return False
    if isinstance(place, dict):
        same = place.keys() == beginning.keys()
        return same and all(_is_alike(place[name], beginning[name]) for name in place)
    if isinstance(place, list):
        same = len(place) == len(beginning)
        return same and all(_is_alike(*pair) for pair in zip(place, beginning))
    return True
