"""A small store of this integration's own; writes become visible with the commit of the call."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import kv

from . import errors

T = TypeVar("T")


def get(key: str) -> bytes | None:
    """The bytes under a key."""
    return _told(lambda: kv.get(key))


def set(key: str, value: bytes) -> None:
    """Writes at most 64 KiB."""
    _told(lambda: kv.set(key, value))


def delete(key: str) -> None:
    """Forgets a key."""
    _told(lambda: kv.delete(key))


def list_keys(prefix: str) -> list[str]:
    """Own keys that begin with exactly this text."""
    return _told(lambda: kv.list_keys(prefix))


def get_json(key: str) -> Any:
    """Reads a value that `set_json` wrote; `None` if there is none."""
    stored = get(key)
    if stored is None:
        return None
    try:
        return json.loads(stored)
    except ValueError:
        raise errors.BadData(f"the stored value `{key}` has an unknown shape") from None


def set_json(key: str, value: Any) -> None:
    """Writes a value as JSON."""
    set(key, json.dumps(value).encode())


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except Err as failure:
        match failure.value:
            case kv.KvError_KeyInvalid():
                raise errors.Internal("the store refused a key") from None
            case kv.KvError_Quota():
                raise errors.QuotaExceeded("the plugin's store is full") from None
            case kv.KvError_Denied():
                raise errors.Unsupported("the plugin's store was not approved") from None
            case _:
                raise errors.Unavailable() from None
