"""The logic without a host, against a script: `python3 test/test_plugin.py`, after a build."""

import json
import sys
import unittest
from pathlib import Path
from typing import Any

for folder in ["src", "grantry/sdk", "grantry/bindings"]:
    sys.path.insert(0, str(Path(__file__).parent.parent / folder))

from componentize_py_types import Err  # noqa: E402
from grantry_sdk import aggregate, errors, http, provision, types  # noqa: E402
from wit_world.imports.http import HttpError_TimedOut, Request, Response  # noqa: E402

import membership  # noqa: E402
import plugin  # noqa: E402
from directory import Directory  # noqa: E402


def script(status: int, body: Any) -> http.Transport:
    """Answers every request with this status and body."""
    return lambda request: Response(status, [], json.dumps(body).encode())


def first_page(transport: http.Transport) -> aggregate.Page:
    target = aggregate.Target_Objects("User")
    request = aggregate.PageRequest("r", target, None, 2, 1 << 20)
    return plugin.read_page(Directory("https://idp", transport), request)


class Logic(unittest.TestCase):
    users = [{"id": "1", "userName": "ada"}, {"id": "2", "userName": "bob"}]

    def test_a_full_page_has_a_next_one_and_the_last_one_is_complete(self) -> None:
        first = first_page(script(200, {"totalResults": 3, "Resources": self.users}))
        self.assertEqual((len(first.objects), first.is_complete), (2, False))
        self.assertIsNotNone(first.next)
        last = first_page(script(200, {"totalResults": 2, "Resources": self.users}))
        self.assertTrue(last.is_complete)

    def test_a_failing_directory_is_never_an_empty_one(self) -> None:
        for status, body in [(500, {}), (401, {}), (200, {"hello": "world"})]:
            with self.assertRaises(errors.PluginError):
                first_page(script(status, body))

    def test_a_list_that_ends_early_is_not_whole(self) -> None:
        target = aggregate.Target_AssignmentsOfKind("Group")
        request = aggregate.PageRequest("r", target, None, 2, 1 << 20)
        for total in [5, -1, True]:
            directory = Directory("https://idp", script(200, {"totalResults": total}))
            with self.assertRaises(errors.BadData):
                plugin.read_page(directory, request)

    def test_a_cursor_of_another_version_begins_again(self) -> None:
        target = aggregate.Target_Objects("User")
        request = aggregate.PageRequest("r", target, b'{"row": 3}', 2, 1 << 20)
        with self.assertRaises(errors.CursorExpired):
            plugin.read_page(Directory("https://idp", script(200, {})), request)

    def test_a_write_whose_answer_is_lost_leaves_the_outcome_unknown(self) -> None:
        def transport(request: Request) -> Response:
            if request.method == "GET":
                return script(200, {"id": "g"})(request)
            raise Err(HttpError_TimedOut())

        on, holder = types.ref("Group", "g"), types.ref("User", "1")
        grant = provision.GrantRequest("g:member", on, holder, None, [])
        with self.assertRaises(errors.OutcomeUnknown):
            directory = Directory("https://idp", transport)
            membership.apply(directory, provision.Operation_Grant(grant))

    def test_the_example_connection_is_valid(self) -> None:
        lifecycle = plugin.Lifecycle()
        example = lifecycle.describe().example_connection
        self.assertEqual(lifecycle.validate_config(example), [])
        self.assertEqual(len(lifecycle.validate_config('{"url": "idp.example.com"}')), 1)


if __name__ == "__main__":
    unittest.main()
