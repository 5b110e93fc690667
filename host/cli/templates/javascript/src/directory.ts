// Requests to the directory. The host sends them, and places the credential of the scheme `bearer`.

import { BadData, http, NotFound } from "grantry-sdk";

/** The most that is asked for with one request. */
const PAGE_MAX = 100;

/** A person or a group, as far as this plugin looks at it. */
export interface Resource {
  id: string;
  userName?: string;
  displayName?: string;
  active?: boolean;
  members?: unknown;
}

/** What is at the other end of a connection. */
export class Directory {
  readonly #base: string;

  /** `transport` is who sends requests: the host, or a script in a test. */
  constructor(url: string, readonly transport: http.Transport = http.host) {
    this.#base = url.replace(/\/+$/, "");
  }

  /** The url of a place below the base. */
  url(path: string): string {
    return `${this.#base}${path}`;
  }

  /** Reads. Anything but a success is an error. */
  get(path: string): unknown {
    const { transport } = this;
    return http.get(this.url(path), { auth: "bearer", transport }).success().json();
  }

  /** A resource, if it is there. */
  find(collection: string, id: string): Resource | null {
    try {
      return resource(this.get(`${collection}/${http.encode(id)}`));
    } catch (error) {
      if (error instanceof NotFound) return null;
      throw error;
    }
  }

  /** At most so many resources from the index on (counted from 0), and how many there are in all. */
  list(collection: string, from: number, count: number): { resources: Resource[]; total: number } {
    // SCIM counts from 1 (RFC 7644, section 3.4.2.4).
    const query = `startIndex=${from + 1}&count=${Math.min(count, PAGE_MAX)}`;
    const list = this.get(`${collection}?${query}`) as Record<string, unknown> | null;
    const total = list?.["totalResults"];
    // What has no total is no list: never take it for an empty directory.
    if (!isCount(total)) throw new BadData("a list without `totalResults`");
    const resources = list?.["Resources"] ?? [];
    if (!Array.isArray(resources)) throw new BadData("a list whose `Resources` are none");
    return { resources: resources.map(resource), total };
  }

  /** Changes one thing of a resource. Without an answer the outcome is unknown, and says so. */
  patch(path: string, operation: object): void {
    const schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    http.patch(this.url(path), {
      auth: "bearer",
      headers: { "content-type": "application/scim+json" },
      json: { schemas, Operations: [operation] },
      transport: this.transport,
    }).success();
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** Trusts what a target sent as far as it was looked at. */
function resource(found: unknown): Resource {
  const { id, userName, displayName, active, members } = (found ?? {}) as Record<string, unknown>;
  if (typeof id !== "string") throw new BadData("a resource without `id`");
  const text = (value: unknown) => typeof value === "string" ? value : undefined;
  return {
    id,
    userName: text(userName),
    displayName: text(displayName),
    active: active !== false,
    members,
  };
}

/** The ids of a group's members. */
export function members(group: Resource): string[] {
  const members = group.members ?? [];
  if (!Array.isArray(members)) throw new BadData("a group whose `members` are no list");
  const ids = members.map((member) => member?.value);
  return ids.filter((id): id is string => typeof id === "string");
}
