// Granting and revoking memberships. Every change is the smallest that the target knows, and what is
// so already is left alone.

import { effects, http, InvalidInput, issue, NotFound, Unsupported } from "grantry-sdk";
import type { Provision, Types } from "grantry-sdk";
import { type Directory, members } from "./directory.ts";

/** The id of a group's one entitlement. */
export const entitlementId = (group: string) => `${group}:member`;

/** A membership that is wanted, or not wanted any more. */
class Change {
  readonly group: Types.ObjectRef;
  readonly member: Types.ObjectRef;
  readonly wants: boolean;

  constructor(operation: Provision.Operation) {
    if (operation.tag !== "grant" && operation.tag !== "revoke") {
      throw new Unsupported("only memberships are changed");
    }
    const { entitlement, on, holder } = operation.val;
    if (entitlement !== entitlementId(on.id)) {
      const words = `\`${entitlement}\` is not the membership of \`${on.id}\``;
      throw new InvalidInput([issue("/entitlement", "unknown_entitlement", words)]);
    }
    this.group = on;
    this.member = holder;
    this.wants = operation.tag === "grant";
  }

  get path(): string {
    return `/Groups/${http.encode(this.group.id)}`;
  }

  /** One member, never the whole list: two changes at once would undo each other. */
  patch(): object {
    const { id } = this.member;
    return this.wants
      ? { op: "add", path: "members", value: [{ value: id }] }
      : { op: "remove", path: `members[value eq ${JSON.stringify(id)}]` };
  }

  /** Whether it is so in the target now. */
  isSo(directory: Directory): boolean {
    const group = directory.find("/Groups", this.group.id);
    return (group !== null && members(group).includes(this.member.id)) === this.wants;
  }
}

/** What would be sent. The host lets nothing but GET through meanwhile. */
export function plan(directory: Directory, operation: Provision.Operation): Provision.PlanResult {
  const change = new Change(operation);
  const call = {
    method: "PATCH",
    url: directory.url(change.path),
    summary: `${change.wants ? "add" : "remove"} the member \`${change.member.id}\``,
    isDestructive: !change.wants,
  };
  return { calls: [call], warnings: [] };
}

/** Makes it so. */
export function apply(directory: Directory, operation: Provision.Operation): Provision.Outcome {
  const change = new Change(operation);
  if (directory.find("/Groups", change.group.id) === null) throw new NotFound(change.group);
  if (change.isSo(directory)) return { tag: "already", val: effects() };
  if (change.wants && directory.find("/Users", change.member.id) === null) {
    throw new NotFound(change.member);
  }
  directory.patch(change.path, change.patch());
  return { tag: "done", val: effects() };
}

/** Whether it is so. */
export function verify(
  directory: Directory,
  operation: Provision.Operation,
): Provision.Verification {
  return { tag: new Change(operation).isSo(directory) ? "holds" : "absent" };
}
