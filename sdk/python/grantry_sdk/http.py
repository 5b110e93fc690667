"""Requests to the hosts that the admin approved, and what their answers mean.

`send` and its short forms go through the host, or through a script in a unit test (`transport`). What
the host refuses becomes an error that tells a read from a write: after a write whose answer was lost
nobody knows whether it happened.
"""

import json as _json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from componentize_py_types import Err
from wit_world.imports import http
from wit_world.imports.http import Request
from wit_world.imports.http import Response as RawResponse

from . import errors
from .types import issue

Transport = Callable[[Request], RawResponse]
"""Who sends requests. Raises `Err` with the contract's `http-error`."""


def host(request: Request) -> RawResponse:
    """The only way out of a plugin."""
    return http.send(request)


@dataclass(frozen=True)
class Response:
    """An answer of the target. Header names are lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    is_write: bool

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        wanted = name.lower()
        return next((value for header, value in self.headers if header.lower() == wanted), None)

    @property
    def is_success(self) -> bool:
        """200 to 299."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON: check what you rely on."""
        try:
            return _json.loads(self.body)
        except ValueError:
            # The parser's own message may hold some of the body.
            words = f"the target answered {self.status} with a body that is not JSON"
            raise errors.BadData(words) from None

    def success(self) -> "Response":
        """The response itself if its status is a success; else raises what the status says."""
        if self.is_success:
            return self
        raise self.to_error()

    def to_error(self) -> errors.PluginError:
        """What a status other than a success says (RFC 9110).

        A failed gateway or server leaves the outcome of a write unknown; `503` says that it did nothing.
        """
        status = self.status
        match status:
            case 400 | 422:
                words = f"the target refused the input ({status})"
                return errors.InvalidInput([issue("", "refused", words)])
            case 401:
                return errors.Unauthenticated("the target refused the credential (401)")
            case 403:
                return errors.PermissionDenied()
            case 404 | 410:
                return errors.NotFound()
            case 405 | 501:
                return errors.Unsupported(f"the target does not offer this ({status})")
            case 408:
                return _lost("the target timed out (408)") if self.is_write else errors.TimedOut()
            case 409:
                return errors.AlreadyExists()
            case 412:
                return errors.PreconditionFailed("the object changed in between (412)")
            case 429:
                return errors.RateLimited(self._pause_ms())
            case 503:
                return errors.Unavailable(self._pause_ms())
        if 500 <= status < 600:
            failed = f"the target failed with {status}"
            return _lost(failed) if self.is_write else errors.Unavailable(self._pause_ms())
        if 300 <= status < 400:
            return errors.BadData(f"the target redirects ({status}); correct the url")
        return errors.Other(f"the target answered {status}")

    def _pause_ms(self) -> int | None:
        """`Retry-After` in seconds. Its date form is left to the host, which has a clock."""
        text = (self.header("retry-after") or "").strip()
        is_number = text.isascii() and text.isdigit() and len(text) < 10
        return int(text) * 1000 if is_number else None


def send(
    method: str,
    url: str,
    *,
    auth: str | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    body: bytes = b"",
    timeout_ms: int = 0,
    transport: Transport = host,
) -> Response:
    """Sends a request. Every status is an answer; `Response.success` turns the others into errors.

    `auth` is the auth scheme of the manifest whose credential the host places. `json` is sent as
    `application/json` unless a `content-type` is among the headers. `timeout_ms` is instead of the
    host's own limit.
    """
    pairs = [(name.lower(), value) for name, value in (headers or {}).items()]
    if json is not None:
        body = _json.dumps(json).encode()
        if all(name != "content-type" for name, _ in pairs):
            pairs.append(("content-type", "application/json"))
    is_write = method not in ("GET", "HEAD")
    try:
        raw = transport(Request(method, url, pairs, body, auth, timeout_ms))
    except Err as failure:
        raise from_http(failure.value, is_write) from None
    return Response(raw.status, raw.headers, raw.body, is_write)


def get(url: str, **options: Any) -> Response:
    """Reads."""
    return send("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """Creates or acts."""
    return send("POST", url, **options)


def put(url: str, **options: Any) -> Response:
    """Replaces."""
    return send("PUT", url, **options)


def patch(url: str, **options: Any) -> Response:
    """Changes in part."""
    return send("PATCH", url, **options)


def delete(url: str, **options: Any) -> Response:
    """Deletes."""
    return send("DELETE", url, **options)


def encode(text: str) -> str:
    """Percent-encodes a path segment or a query value: all but RFC 3986's unreserved characters."""
    return quote(text, safe="")


def from_http(error: http.HttpError, is_write: bool) -> errors.PluginError:
    """What a missing answer means. After a write that may have arrived the outcome is unknown."""
    match error:
        case http.HttpError_Denied(code):
            return errors.EgressDenied(code)
        case http.HttpError_Connect():
            return errors.Unavailable()
        case http.HttpError_TimedOut():
            return _lost("the target did not answer in time") if is_write else errors.TimedOut()
        case http.HttpError_Protocol():
            lost = "the target's answer did not come whole"
            return _lost(lost) if is_write else errors.Unavailable()
        case http.HttpError_TooLarge():
            large = "the target's answer is larger than allowed"
            return _lost(large) if is_write else errors.BadData(large)
        case http.HttpError_RateWaitExceeded(after_ms):
            return errors.RateLimited(after_ms)
        case http.HttpError_QuotaExceeded(what):
            return errors.QuotaExceeded(what)
        case http.HttpError_Cancelled():
            return _lost("the call was cancelled") if is_write else errors.Cancelled()


def _lost(what: str) -> errors.PluginError:
    return errors.OutcomeUnknown(f"{what}; the write may have happened")
