"""What stands between a plugin's methods and the host, which knows no exception but `Err`.

A `PluginError` becomes one, and a bug becomes `internal`, whose story is in the plugin's log.
"""

import functools
from collections.abc import Callable
from types import FunctionType, TracebackType
from typing import Any

from componentize_py_types import Err
from wit_world.imports.types import Error, Error_Internal

from . import log
from .errors import PluginError

# Lines of a bug's story.
_LINES_MAX = 20
# These may not fail: what they raise ends the call.
_INFALLIBLE = frozenset(
    ["describe", "validate_config", "actions", "feeds", "create_many", "get_many"]
)


_is_within = False


class Guarded:
    """The functions of the contract are guarded: those that the class of the SDK has."""

    _contract: frozenset[str] = frozenset()

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        functions = {name for name, work in vars(cls).items() if isinstance(work, FunctionType)}
        if Guarded in cls.__bases__:
            cls._contract = frozenset(name for name in functions if not name.startswith("_"))
        for name in functions & cls._contract:
            setattr(cls, name, _guarded(f"{cls.__name__}.{name}", vars(cls)[name], name))


def _guarded(place: str, work: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(work)
    def call(*words: Any, **named: Any) -> Any:
        global _is_within
        # A call of the plugin's own sees its exceptions as they are.
        if _is_within:
            return work(*words, **named)
        _is_within = True
        try:
            return work(*words, **named)
        except Exception as failure:
            error = told(place, failure)
            if name in _INFALLIBLE:
                raise
            raise Err(error) from None
        finally:
            _is_within = False

    return call


def told(place: str, failure: Exception) -> Error:
    """The contract's error for what was raised. A bug is logged with where it was."""
    if isinstance(failure, (PluginError, Err)) and isinstance(failure.value, Error):
        return failure.value
    # Python's own words would read the source, which is not there.
    lines = [f"the plugin failed in `{place}`: {type(failure).__name__}: {failure}"]
    frame: TracebackType | None = failure.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        lines.append(f"  at {code.co_qualname} ({code.co_filename}:{frame.tb_lineno})")
        frame = frame.tb_next
    for line in lines[:_LINES_MAX]:
        log.warn(line)
    return Error_Internal(f"the plugin failed in `{place}`; its log says how")
