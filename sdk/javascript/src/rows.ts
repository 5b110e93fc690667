// Short ways to write what a plugin hands over: everything that is left out has its plain meaning.

import type { Aggregate, Lifecycle, Provision, Types } from "./contract.ts";

/** Points at the object of a kind by its native id. */
export const ref = (kind: string, id: string): Types.ObjectRef => ({ kind, id });

/** An object; enabled and without attributes unless `more` says otherwise. */
export function object(
  kind: string,
  id: string,
  more: Partial<Omit<Types.Object, "id">> & Partial<Omit<Types.ObjectId, "kind" | "id">> = {},
): Types.Object {
  const { name, aliases = [], parent, etag, ...rest } = more;
  return { status: "enabled", attributes: [], ...rest, id: { kind, id, name, aliases, parent, etag } };
}

/** All the values that the target holds for an attribute. */
export function attribute(name: string, ...values: Types.Value[]): Types.Attribute {
  return { name, values, completeness: "complete" };
}

/** An attribute that is a single text. */
export const text = (name: string, value: string) => attribute(name, { tag: "text", val: value });

/** A right that can be granted on an object; its short name is `slug`. */
export function entitlement(
  id: string,
  on: Types.ObjectRef,
  slug: string,
  display: string,
  more: Partial<Types.Entitlement> = {},
): Types.Entitlement {
  return {
    id,
    kind: on.kind,
    on,
    slug,
    display,
    purpose: "access",
    grantableTo: [],
    isImmutable: false,
    isPrivileged: false,
    attributes: [],
    ...more,
  };
}

/** `holder` holds the entitlement. */
export function assignment(
  entitlement: string,
  holder: Types.ObjectRef,
  more: Partial<Types.Assignment> = {},
): Types.Assignment {
  return { entitlement, holder, isImmutable: false, attributes: [], ...more };
}

/** A page; not the last one unless it says so by `isComplete`. */
export function page(rows: Partial<Aggregate.Page>): Aggregate.Page {
  return { objects: [], entitlements: [], assignments: [], isComplete: false, skipped: [], ...rows };
}

/** A page that says of a scope, for which the host holds a validator, that nothing moved. */
export const unchanged = (key: string) => page({ scope: { key, disposition: "unchanged" } });

/** Nothing else happened than what was asked for. */
export function effects(more: Partial<Provision.Effects> = {}): Provision.Effects {
  return {
    objects: [],
    assignments: [],
    alsoRevoked: [],
    replaced: [],
    changed: [],
    sealed: [],
    ...more,
  };
}

/** A kind without attributes and verbs, whose objects are identified by `id`. */
export function kind(
  name: string,
  ofClass: Lifecycle.KindClass,
  more: Partial<Lifecycle.KindSchema> = {},
): Lifecycle.KindSchema {
  return {
    kind: name,
    classes: [ofClass],
    display: name,
    idAttribute: "id",
    parentKinds: [],
    attributes: [],
    verbs: [],
    delta: "none",
    isCountable: false,
    ...more,
  };
}

/** What a kind's objects have; `traits` such as `["readable", "returnedByDefault"]`. */
export function field(
  name: string,
  ofType: Lifecycle.AttributeType,
  traits: Array<keyof Lifecycle.AttributeTraits>,
  more: Partial<Lifecycle.AttributeSchema> = {},
): Lifecycle.AttributeSchema {
  const flags = Object.fromEntries(traits.map((trait) => [trait, true]));
  return { name, ofType, description: "", traits: flags, choices: [], ...more };
}

/** What a plugin is; it asks for nothing unless told otherwise. */
export function manifest(
  told: Pick<Lifecycle.Manifest, "name" | "version"> & Partial<Lifecycle.Manifest>,
): Lifecycle.Manifest {
  return {
    publisher: "",
    applicationType: "",
    description: "",
    exampleConnection: "{}",
    connectionSchema: '{"type":"object"}',
    auth: [],
    hosts: [],
    platformActions: [],
    needsKv: false,
    kinds: [],
    canReadBack: false,
    ...told,
  };
}

/** All is well with the connection, with these kinds. */
export function report(
  effective: Lifecycle.KindSchema[],
  more: Partial<Lifecycle.ConnectionReport> = {},
): Lifecycle.ConnectionReport {
  return { effective, missingPermissions: [], warnings: [], ...more };
}
