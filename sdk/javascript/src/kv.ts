// A small store of this integration's own; writes become visible with the commit of the call.

import * as host from "grantry:plugin/kv@0.1.0";
import type { Kv } from "./contract.ts";
import * as errors from "./errors.ts";

/** The bytes under a key, `null` if there are none. */
export const get = (key: string): Uint8Array | null => told(() => host.get(key));

/** Writes at most 64 KiB. */
export const set = (key: string, value: Uint8Array): void => told(() => host.set(key, value));

/** Forgets a key. */
export const remove = (key: string): void => told(() => host.delete(key));

/** Own keys that begin with exactly this text. */
export const listKeys = (prefix: string): string[] => told(() => host.listKeys(prefix));

/** Reads a value that `setJson` wrote. */
export function getJson<T>(key: string): T | null {
  const bytes = get(key);
  if (bytes === null) return null;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch {
    throw new errors.BadData(`the stored value \`${key}\` has an unknown shape`);
  }
}

/** Writes a value as JSON. */
export function setJson(key: string, value: unknown): void {
  set(key, new TextEncoder().encode(JSON.stringify(value)));
}

function told<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    switch ((thrown as { payload?: Kv.KvError }).payload?.tag) {
      case "key-invalid": throw new errors.Internal("the store refused a key");
      case "quota": throw new errors.QuotaExceeded("the plugin's store is full");
      case "denied": throw new errors.Unsupported("the plugin's store was not approved");
      case "unavailable": throw new errors.Unavailable();
      case undefined: throw thrown;
    }
  }
}
