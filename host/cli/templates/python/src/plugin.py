"""A connector to a SCIM 2.0 directory: people, groups, and who is in which group.

Each group offers one entitlement, `GROUP:member`. The host calls `read_page` page after page and keeps
the cursor; every call runs in a fresh instance, so nothing lives in variables of a module.
"""

import json
from typing import Any

from grantry_sdk import aggregate, cursor, errors, lifecycle, provision, run, types

import membership
from directory import Directory, members


def connected() -> Directory:
    """The directory of this call's connection. Secrets are not in it."""
    return Directory(run.connection()["url"])


class Lifecycle(lifecycle.Lifecycle):
    """What the plugin is and asks for."""

    def describe(self) -> lifecycle.Manifest:
        """What an admin reads and approves."""
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": False,
            "required": ["url", "token"],
            "properties": {
                "url": {"type": "string", "format": "uri", "title": "Base URL"},
                # `writeOnly` makes it a secret: it is sealed, and the plugin never sees it.
                "token": {"type": "string", "writeOnly": True, "title": "Bearer token"},
            },
        }
        example = {"url": "https://idp.example.com/scim/v2", "token": "its token"}
        return lifecycle.manifest(
            name="{{name}}",
            version="0.1.0",
            publisher="You",
            application_type="SCIM 2.0 (my own)",
            description="People, groups and memberships of a SCIM 2.0 directory",
            example_connection=json.dumps(example),
            connection_schema=json.dumps(schema),
            auth=[lifecycle.AuthScheme("bearer", lifecycle.AuthKind_Bearer("/token"))],
            hosts=[
                lifecycle.NeededHost(
                    host=lifecycle.HostRule_FromConnection("/url"),
                    methods=["GET", "PATCH"],
                    path_prefix="/",
                    why="the SCIM service",
                )
            ],
            kinds=kinds(),
            can_read_back=True,
        )

    def validate_config(self, connection: str) -> list[types.FieldIssue]:
        """Faults that the schema cannot express."""
        try:
            url = run.parse_connection(connection).get("url")
        except errors.InvalidConfig as invalid:
            return invalid.issues
        if isinstance(url, str) and url.startswith(("https://", "http://")):
            return []
        return [types.issue("/url", "invalid_scheme", "begin it with `https://`")]

    def test_connection(self, depth: lifecycle.TestDepth) -> lifecycle.ConnectionReport:
        """One request that needs the credential: whoever gets an answer can read."""
        connected().list("/Users", 0, 1)
        return lifecycle.report(kinds())


def kinds() -> list[lifecycle.KindSchema]:
    """What is in the directory."""
    traits = lifecycle.AttributeTraits
    listed = traits.READABLE | traits.RETURNED_BY_DEFAULT
    user_name = lifecycle.field("userName", lifecycle.AttributeType.TEXT, listed)
    verbs = [lifecycle.Verb.GRANT, lifecycle.Verb.REVOKE]
    account, group = lifecycle.KindClass.ACCOUNT, lifecycle.KindClass.GROUP
    return [
        lifecycle.kind("User", account, attributes=[user_name], is_countable=True),
        lifecycle.kind("Group", group, verbs=verbs, is_countable=True),
    ]


class Aggregate(aggregate.Aggregate):
    """Reading."""

    def read_page(self, request: aggregate.PageRequest) -> aggregate.Page:
        return read_page(connected(), request)

    def get(self, id: types.ObjectRef) -> types.Object | None:
        found = connected().find(collection(id.kind), id.id)
        return None if found is None else as_object(id.kind, found)

    def count(self, kind: str) -> int | None:
        _, total = connected().list(collection(kind), 0, 1)
        return total


class Provision(provision.Provision):
    """Writing."""

    def plan(
        self, operation: provision.Operation, context: provision.OperationContext
    ) -> provision.PlanResult:
        return membership.plan(connected(), operation)

    def apply(
        self, operation: provision.Operation, context: provision.OperationContext
    ) -> provision.Outcome:
        return membership.apply(connected(), operation)

    def verify(
        self, operation: provision.Operation, context: provision.OperationContext
    ) -> provision.Verification:
        return membership.verify(connected(), operation)


def collection(kind: str) -> str:
    """Where the directory keeps a kind."""
    places = {"User": "/Users", "Group": "/Groups"}
    if kind not in places:
        raise errors.Unsupported(f"there is no kind `{kind}`")
    return places[kind]


def read_page(directory: Directory, request: aggregate.PageRequest) -> aggregate.Page:
    """One page: at most `max_items` rows from the cursor on."""
    # The place in a listing, all of it, so that a page can be read again after a crash: the resource
    # that comes next, and how many of its members were delivered.
    row, done = cursor.decode(request.at, [0, 0])
    match request.target:
        case aggregate.Target_Objects(kind):
            resources, total = directory.list(collection(kind), row, request.max_items)
            objects = [as_object(kind, resource) for resource in resources]
            return behind(row + len(resources), total, objects=objects)
        case aggregate.Target_EntitlementsOfKind("Group"):
            groups, total = directory.list("/Groups", row, request.max_items)
            entitlements = [as_entitlement(group) for group in groups]
            return behind(row + len(groups), total, entitlements=entitlements)
        case aggregate.Target_AssignmentsOfKind("Group"):
            return assignments(directory, request.max_items, row, done)
        case aggregate.Target_EntitlementsOfKind() | aggregate.Target_AssignmentsOfKind():
            # Nothing of this kind can be held; the list is empty, and whole.
            return aggregate.page(is_complete=True)
        case _:
            raise errors.Unsupported("single objects are not listed")


def behind(following: int, total: int, **rows: Any) -> aggregate.Page:
    """The page that ends before a row of so many: the last one says that the list is whole."""
    if following >= total:
        return aggregate.page(is_complete=True, expected_total=total, **rows)
    return aggregate.page(next=cursor.encode([following, 0]), expected_total=total, **rows)


def assignments(directory: Directory, max_items: int, row: int, done: int) -> aggregate.Page:
    """Who is in which group."""
    found: list[types.Assignment] = []
    while True:
        # One group at a time: its members may be many.
        groups, total = directory.list("/Groups", row, 1)
        if row >= total:
            return aggregate.page(assignments=found, is_complete=True)
        if not groups:
            raise errors.BadData("a list that ends before its total")
        entitlement = membership.entitlement_id(groups[0]["id"])
        for member in members(groups[0])[done:]:
            if len(found) >= max_items:
                return aggregate.page(assignments=found, next=cursor.encode([row, done]))
            found.append(types.make_assignment(entitlement, types.ref("User", member)))
            done += 1
        row, done = row + 1, 0


def as_object(kind: str, resource: dict[str, Any]) -> types.Object:
    """A person or a group."""
    name = text(resource, "userName")
    disabled, enabled = types.ObjectStatus.DISABLED, types.ObjectStatus.ENABLED
    return types.make_object(
        kind,
        resource["id"],
        name=name,
        display=text(resource, "displayName"),
        status=disabled if resource.get("active") is False else enabled,
        attributes=[] if name is None else [types.text("userName", name)],
    )


def as_entitlement(group: dict[str, Any]) -> types.Entitlement:
    """The membership of a group."""
    on = types.ref("Group", group["id"])
    display = f"Member of {text(group, 'displayName') or ''}"
    identifier = membership.entitlement_id(group["id"])
    return types.make_entitlement(identifier, on, "member", display, grantable_to=["User"])


def text(resource: dict[str, Any], name: str) -> str | None:
    """A text of a resource."""
    value = resource.get(name)
    return value if isinstance(value, str) else None
