// A connector to a SCIM 2.0 directory: people, groups, and who is in which group.
//
// Each group offers one entitlement, `GROUP:member`. The host calls `readPage` page after page and
// keeps the cursor; every call runs in a fresh instance, so nothing lives in variables of a module.

import * as grantry from "grantry-sdk";
import type { Aggregate, Lifecycle, Types } from "grantry-sdk";
import about from "../package.json";
import { Directory, members, type Resource } from "./directory.ts";
import * as membership from "./membership.ts";

/** What the plugin sees of a connection. Secrets are not in it. */
interface Connection {
  url: string;
}

/** The directory of this call's connection. */
const directory = () => new Directory(grantry.run.connection<Connection>().url);

/** What an admin reads and approves. */
function describe(): Lifecycle.Manifest {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    additionalProperties: false,
    required: ["url", "token"],
    properties: {
      url: { type: "string", format: "uri", title: "Base URL" },
      // `writeOnly` makes it a secret: it is sealed, and the plugin never sees it.
      token: { type: "string", writeOnly: true, title: "Bearer token" },
    },
  };
  const example = { url: "https://idp.example.com/scim/v2", token: "its token" };
  return grantry.manifest({
    name: about.name,
    version: about.version,
    publisher: "You",
    applicationType: "SCIM 2.0 (my own)",
    description: "People, groups and memberships of a SCIM 2.0 directory",
    exampleConnection: JSON.stringify(example),
    connectionSchema: JSON.stringify(schema),
    auth: [{ name: "bearer", kind: { tag: "bearer", val: "/token" } }],
    hosts: [{
      host: { tag: "from-connection", val: "/url" },
      methods: ["GET", "PATCH"],
      pathPrefix: "/",
      why: "the SCIM service",
    }],
    kinds: kinds(),
    canReadBack: true,
  });
}

function kinds(): Lifecycle.KindSchema[] {
  const userName = grantry.field("userName", "text", ["readable", "returnedByDefault"]);
  return [
    grantry.kind("User", "account", { attributes: [userName], isCountable: true }),
    grantry.kind("Group", "group", { verbs: ["grant", "revoke"], isCountable: true }),
  ];
}

/** Faults that the schema cannot express. */
function validateConfig(connection: string): Types.FieldIssue[] {
  try {
    const { url } = grantry.run.parseConnection<Partial<Connection>>(connection);
    const isWeb = typeof url === "string" && /^https?:\/\//.test(url);
    return isWeb ? [] : [grantry.issue("/url", "invalid_scheme", "begin it with `https://`")];
  } catch (error) {
    if (error instanceof grantry.InvalidConfig) return error.issues;
    throw error;
  }
}

export const lifecycle = grantry.lifecycle({
  describe,
  validateConfig,
  /** One request that needs the credential: whoever gets an answer can read. */
  testConnection() {
    directory().list("/Users", 0, 1);
    return grantry.report(kinds());
  },
});

export const aggregate = grantry.aggregate({
  readPage: (request) => readPage(directory(), request),
  get(id) {
    const found = directory().find(collection(id.kind), id.id);
    return found && object(id.kind, found);
  },
  count: (kind) => directory().list(collection(kind), 0, 1).total,
});

export const provision = grantry.provision({
  plan: (operation) => membership.plan(directory(), operation),
  apply: (operation) => membership.apply(directory(), operation),
  verify: (operation) => membership.verify(directory(), operation),
});

/** Where the directory keeps a kind. */
function collection(kind: string): string {
  const places: Record<string, string> = { User: "/Users", Group: "/Groups" };
  const place = places[kind];
  if (place === undefined) throw new grantry.Unsupported(`there is no kind \`${kind}\``);
  return place;
}

/** The place in a listing: all of it, so that a page can be read again after a crash. */
interface Place {
  /** The resource that comes next. */
  row: number;
  /** How many of its members were delivered. */
  members: number;
}

/** One page: at most `maxItems` rows from the cursor on. */
export function readPage(directory: Directory, request: Aggregate.PageRequest): Aggregate.Page {
  const place = grantry.cursor.decode<Place>(request.at, { row: 0, members: 0 });
  const { tag, val } = request.target;
  switch (tag) {
    case "objects": {
      const { resources, total } = directory.list(collection(val), place.row, request.maxItems);
      const objects = resources.map((resource) => object(val, resource));
      return behind({ objects }, place.row + resources.length, total);
    }
    case "entitlements-of-kind": {
      if (val !== "Group") return nothing();
      const { resources, total } = directory.list("/Groups", place.row, request.maxItems);
      const entitlements = resources.map(entitlement);
      return behind({ entitlements }, place.row + resources.length, total);
    }
    case "assignments-of-kind":
      return val === "Group" ? assignments(directory, request.maxItems, place) : nothing();
    case "entitlements-of":
    case "assignments-of":
      throw new grantry.Unsupported("single objects are not listed");
  }
}

/** Nothing of this kind can be held; the list is empty, and whole. */
const nothing = () => grantry.page({ isComplete: true });

/** The page that ends before the row `next` of so many: the last one says that the list is whole. */
function behind(rows: Partial<Aggregate.Page>, next: number, total: number): Aggregate.Page {
  const isComplete = next >= total;
  const cursor = isComplete ? null : grantry.cursor.encode({ row: next, members: 0 });
  return grantry.page({ ...rows, next: cursor, isComplete, expectedTotal: total });
}

function assignments(directory: Directory, maxItems: number, place: Place): Aggregate.Page {
  const assignments: Types.Assignment[] = [];
  for (let { row, members: done } = place;; row += 1, done = 0) {
    // One group at a time: its members may be many.
    const { resources: [group], total } = directory.list("/Groups", row, 1);
    if (row >= total) return grantry.page({ assignments, isComplete: true });
    if (group === undefined) throw new grantry.BadData("a list that ends before its total");
    for (const member of members(group).slice(done)) {
      if (assignments.length >= maxItems) {
        return grantry.page({ assignments, next: grantry.cursor.encode({ row, members: done }) });
      }
      const holder = grantry.ref("User", member);
      assignments.push(grantry.assignment(membership.entitlementId(group.id), holder));
      done += 1;
    }
  }
}

function object(kind: string, resource: Resource): Types.Object {
  const { id, userName, displayName, active } = resource;
  return grantry.object(kind, id, {
    name: userName,
    display: displayName,
    status: active === false ? "disabled" : "enabled",
    attributes: userName === undefined ? [] : [grantry.text("userName", userName)],
  });
}

function entitlement(group: Resource): Types.Entitlement {
  const on = grantry.ref("Group", group.id);
  const display = `Member of ${group.displayName ?? ""}`;
  const id = membership.entitlementId(group.id);
  return grantry.entitlement(id, on, "member", display, { grantableTo: ["User"] });
}
