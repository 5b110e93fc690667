"""What stands between a plugin's methods and the host, which knows no exception but `Err`.

A `PluginError` becomes one, and a bug becomes `internal`, whose story is in the plugin's log.
"""

import functools
from collections.abc import Callable
from types import TracebackType
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


class Guarded:
    """Every public method that a class adds is guarded."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name, work in list(vars(cls).items()):
            if callable(work) and not name.startswith("_"):
                setattr(cls, name, _guarded(f"{cls.__name__}.{name}", work, name in _INFALLIBLE))


def _guarded(place: str, work: Callable[..., Any], is_infallible: bool) -> Callable[..., Any]:
    @functools.wraps(work)
    def call(*words: Any) -> Any:
        try:
            return work(*words)
        except Exception as failure:
            error = told(place, failure)
            if is_infallible:
                raise
            raise Err(error) from None

    return call


def told(place: str, failure: Exception) -> Error:
    """The contract's error for what was raised. A bug is logged with where it was."""
    if isinstance(failure, (PluginError, Err)):
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
