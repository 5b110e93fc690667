"""Tickets in a service desk."""

from collections.abc import Callable
from typing import TypeVar

from componentize_py_types import Err, Ok, Result
from wit_world.exports import tickets
from wit_world.exports.tickets import *  # noqa: F403 (the contract's own names)
from wit_world.imports import types

from ._guard import Guarded, told

T = TypeVar("T")


class Tickets(Guarded):
    """Opens and follows tickets. The manual is `wit/provision.wit`."""

    def schemas(self, at: bytes | None) -> tickets.SchemaPage:
        """What kinds of tickets there are."""
        raise NotImplementedError("a service desk has `schemas`")

    def create(self, request: tickets.TicketRequest) -> tickets.Ticket:
        """Raises `OutcomeUnknown` if the ticket may exist."""
        raise NotImplementedError("a service desk can `create`")

    def get(self, id: str) -> tickets.Ticket:
        """A ticket as it is now."""
        raise NotImplementedError("a service desk can `get`")

    def create_many(
        self, requests: list[tickets.TicketRequest]
    ) -> list[Result[tickets.Ticket, types.Error]]:
        """Override it where the service desk takes many at once."""
        return [_each(self.create, request) for request in requests]

    def get_many(self, ids: list[str]) -> list[Result[tickets.Ticket, types.Error]]:
        """Override it where the service desk answers many at once."""
        return [_each(self.get, id) for id in ids]


def _each(
    work: Callable[[T], tickets.Ticket], one: T
) -> Result[tickets.Ticket, types.Error]:
    try:
        return Ok(work(one))
    except Exception as failure:
        return Err(told("Tickets", failure))
