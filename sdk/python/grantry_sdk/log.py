"""The plugin's log. Never log a person's data or the body of an answer."""

import sys

from wit_world.imports import log
from wit_world.imports.log import Level


def write(level: Level, message: str, **fields: str) -> None:
    """Writes a message with fields. On a machine, in a unit test, there is no log."""
    if sys.platform == "wasi":
        log.log(level, message, list(fields.items()))


def debug(message: str) -> None:
    """For the author of the plugin."""
    write(Level.DEBUG, message)


def info(message: str) -> None:
    """For the admin: something worth to know."""
    write(Level.INFO, message)


def warn(message: str) -> None:
    """For the admin: something that should be looked at."""
    write(Level.WARN, message)
