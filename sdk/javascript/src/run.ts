// This call: its connection, its time and its randomness.

import * as host from "grantry:plugin/run@0.1.0";
import { InvalidConfig, issue } from "./errors.ts";

/** The connection, without its secret fields. The host checked it against the schema. */
export function connection<T>(): T {
  return parseConnection<T>(host.connection());
}

/** The same from its text, for `validateConfig` and tests: always an object. */
export function parseConnection<T>(text: string): T {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    found = null;
  }
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as T;
  throw new InvalidConfig([issue("", "invalid_connection", "a connection is a JSON object")]);
}

/** What the host stored for the scope at its last complete read. */
export const scopeValidator = (key: string): string | null => host.scopeValidator(key);

/** Tells the admin how far the call is. */
export const progress = (done: number, total: number | null = null) => host.progress(done, total);

/** Unix milliseconds, coarse (10 ms). */
export const nowMs = (): number => host.nowMs();

/** At most 4,096 random bytes. */
export const randomBytes = (count: number): Uint8Array => host.randomBytes(count);
