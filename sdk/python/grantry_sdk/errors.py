"""Why a call failed, one class for each case of the contract's `error`.

Raise one from any method of a plugin: the host decides by the case what happens next (wait, retry, read
back, give up); the text is for the admin. Never put a credential or the body of an answer into it.
"""

from wit_world.imports import types
from wit_world.imports.types import Backoff, FieldIssue, ObjectRef


class PluginError(Exception):
    """What the host is told: `value` is the contract's own form."""

    def __init__(self, value: types.Error) -> None:
        super().__init__(value)
        self.value = value


class InvalidConfig(PluginError):
    """The connection is wrong."""

    def __init__(self, issues: list[FieldIssue]) -> None:
        super().__init__(types.Error_InvalidConfig(issues))
        self.issues = issues


class Unauthenticated(PluginError):
    """The target refused the credential. Promises that nothing was written."""

    def __init__(self, message: str) -> None:
        super().__init__(types.Error_Unauthenticated(message))


class PermissionDenied(PluginError):
    """The credential lacks these permissions in the target."""

    def __init__(self, missing: list[str] | None = None) -> None:
        super().__init__(types.Error_PermissionDenied(missing or []))


class NotFound(PluginError):
    """The target does not have it."""

    def __init__(self, about: ObjectRef | None = None) -> None:
        super().__init__(types.Error_NotFound(about))


class AlreadyExists(PluginError):
    """The target has it already."""

    def __init__(self, about: ObjectRef | None = None) -> None:
        super().__init__(types.Error_AlreadyExists(about))


class PreconditionFailed(PluginError):
    """The object changed in between."""

    def __init__(self, message: str) -> None:
        super().__init__(types.Error_PreconditionFailed(message))


class InvalidInput(PluginError):
    """The host asked for what cannot be."""

    def __init__(self, issues: list[FieldIssue]) -> None:
        super().__init__(types.Error_InvalidInput(issues))
        self.issues = issues


class RateLimited(PluginError):
    """The target asks for a pause. Promises that nothing was written."""

    def __init__(self, after_ms: int | None = None) -> None:
        super().__init__(types.Error_RateLimited(Backoff(after_ms, None, None)))


class Unavailable(PluginError):
    """The target does not answer now."""

    def __init__(self, after_ms: int | None = None) -> None:
        super().__init__(types.Error_Unavailable(Backoff(after_ms, None, None)))


class TimedOut(PluginError):
    """The target did not answer in time."""

    def __init__(self) -> None:
        super().__init__(types.Error_TimedOut())


class CursorExpired(PluginError):
    """Start this listing again from its first page."""

    def __init__(self) -> None:
        super().__init__(types.Error_CursorExpired())


class QuotaExceeded(PluginError):
    """A quota of the host's is used up."""

    def __init__(self, message: str) -> None:
        super().__init__(types.Error_QuotaExceeded(message))


class Unsupported(PluginError):
    """There is no such thing here."""

    def __init__(self, message: str) -> None:
        super().__init__(types.Error_Unsupported(message))


class EgressDenied(PluginError):
    """The host refused an outgoing request, with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(types.Error_EgressDenied(code))


class BadData(PluginError):
    """The target answered something that cannot be trusted."""

    def __init__(self, message: str) -> None:
        super().__init__(types.Error_BadData(message))


class OutcomeUnknown(PluginError):
    """A write may or may not have happened. The host reads back before anything else."""

    def __init__(self, message: str) -> None:
        super().__init__(types.Error_OutcomeUnknown(message))


class Cancelled(PluginError):
    """The call was cancelled."""

    def __init__(self) -> None:
        super().__init__(types.Error_Cancelled())


class Internal(PluginError):
    """The plugin itself is at fault."""

    def __init__(self, message: str) -> None:
        super().__init__(types.Error_Internal(message))


class Other(PluginError):
    """Anything else."""

    def __init__(self, message: str) -> None:
        super().__init__(types.Error_Other(message))
