"""Requests to the directory. The host sends them, and places the credential of the scheme `bearer`."""

from typing import Any

from grantry_sdk import http
from grantry_sdk.errors import BadData, NotFound

PAGE_MAX = 100
"""The most that is asked for with one request."""


class Directory:
    """What is at the other end of a connection."""

    def __init__(self, url: str, transport: http.Transport = http.host) -> None:
        """`transport` is who sends requests: the host, or a script in a test."""
        self._base = url.rstrip("/")
        self._transport = transport

    def url(self, path: str) -> str:
        """The url of a place below the base."""
        return self._base + path

    def get(self, path: str) -> Any:
        """Reads. Anything but a success is an error."""
        answer = http.get(self.url(path), auth="bearer", transport=self._transport)
        return answer.success().json()

    def find(self, collection: str, id: str) -> dict[str, Any] | None:
        """A resource, if it is there."""
        try:
            return resource(self.get(f"{collection}/{http.encode(id)}"))
        except NotFound:
            return None

    def list(self, collection: str, start: int, count: int) -> tuple[list[dict[str, Any]], int]:
        """At most so many resources from the index on (from 0), and how many there are in all."""
        # SCIM counts from 1 (RFC 7644, section 3.4.2.4).
        page = self.get(f"{collection}?startIndex={start + 1}&count={min(count, PAGE_MAX)}")
        total = page.get("totalResults") if isinstance(page, dict) else None
        # What has no total is no list: never take it for an empty directory.
        if type(total) is not int or total < 0:
            raise BadData("a list without `totalResults`")
        resources = page.get("Resources") or []
        if not isinstance(resources, list):
            raise BadData("a list whose `Resources` are none")
        return [resource(found) for found in resources], total

    def patch(self, path: str, operation: dict[str, Any]) -> None:
        """Changes one thing of a resource. Without an answer the outcome is unknown, and says so."""
        body = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        }
        headers = {"content-type": "application/scim+json"}
        sender = self._transport
        url = self.url(path)
        http.patch(url, auth="bearer", headers=headers, json=body, transport=sender).success()


def resource(found: Any) -> dict[str, Any]:
    """Trusts what a target sent as far as it was looked at."""
    if isinstance(found, dict) and isinstance(found.get("id"), str):
        return found
    raise BadData("a resource without `id`")


def members(group: dict[str, Any]) -> list[str]:
    """The ids of a group's members."""
    found = group.get("members")
    if not isinstance(found, list | None):
        raise BadData("a group whose `members` are no list")
    values = [member.get("value") for member in found or [] if isinstance(member, dict)]
    return [value for value in values if isinstance(value, str)]
