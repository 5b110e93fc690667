"""What changed since a moment, where the target keeps a log of it."""

from wit_world.exports import changes
from wit_world.exports.changes import *  # noqa: F403 (the contract's own names)

from ._guard import Guarded
from .errors import Unsupported


class Changes(Guarded):
    """Follows a target's change log. The manual is `wit/aggregate.wit`."""

    def feeds(self) -> list[changes.Feed]:
        """The logs that the target keeps."""
        raise NotImplementedError("who follows changes has `feeds`")

    def latest(self, feed: str) -> bytes:
        """The feed's newest position, from which a full aggregation is caught up."""
        raise NotImplementedError("who follows changes knows the `latest`")

    def poll(self, feed: str, since: bytes | None, max_items: int) -> changes.ChangePage:
        """Raises `CursorExpired` if `since` is older than what the target keeps."""
        raise NotImplementedError("who follows changes has to `poll`")

    def decode_push(
        self, feed: str, headers: list[tuple[str, str]], body: bytes
    ) -> list[changes.Event]:
        """Reads events that the target pushed."""
        raise Unsupported(f"feed `{feed}` is not pushed")
