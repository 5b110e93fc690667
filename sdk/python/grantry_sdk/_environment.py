"""What would otherwise ask an operating system that is not there: the time of day, randomness, output.

All of it comes from the host: a plugin imports nothing but the contract. On a machine, in a unit test,
nothing is changed.
"""

import datetime
import os
import random
import sys
import time
from typing import Any

from wit_world.imports import run

from . import log

_RANDOM_BYTES_MAX = 4096


def _now_ns() -> int:
    return run.now_ms() * 1_000_000


def _now() -> float:
    return run.now_ms() / 1000


def _urandom(count: int, /) -> bytes:
    pieces = []
    while count > 0:
        pieces.append(run.random_bytes(min(count, _RANDOM_BYTES_MAX)))
        count -= _RANDOM_BYTES_MAX
    return b"".join(pieces)


class _Datetime(datetime.datetime):
    """A `datetime` whose now is the host's."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "_Datetime":
        utc = cls.fromtimestamp(_now(), datetime.timezone.utc)
        return utc.replace(tzinfo=None) if tz is None else utc.astimezone(tz)

    @classmethod
    def utcnow(cls) -> "_Datetime":
        return cls.now()


class _Output:
    """Standard output: each line becomes a line of the plugin's log."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            log.info(line)
        return len(text)

    def flush(self) -> None:
        """A line is written when it ends."""


def _of_the_host() -> None:
    _Datetime.__name__ = _Datetime.__qualname__ = "datetime"
    replaced: list[tuple[Any, Any]] = [(datetime.datetime, _Datetime), (os.urandom, _urandom)]
    for name in ["time", "monotonic", "perf_counter"]:
        replaced.append((getattr(time, name), _now))
        replaced.append((getattr(time, f"{name}_ns"), _now_ns))
    # The generator that comes with Python was seeded when the plugin was built: all calls would have
    # the same numbers.
    generator = random.SystemRandom()
    for name in random.__all__:
        method = getattr(generator, name, None)
        if callable(method):
            replaced.append((getattr(random, name), method))
    # Wherever it is, also where `from random import choice` was said before this was imported.
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            for original, ours in replaced:
                # Bound methods are equal, and not the same.
                if value is original or (type(value) is type(original) and value == original):
                    setattr(module, name, ours)
    sys.stdout = sys.stderr = _Output()  # type: ignore[assignment]


if sys.platform == "wasi":
    _of_the_host()
