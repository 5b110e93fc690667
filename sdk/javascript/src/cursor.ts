// Cursors: opaque to the host, JSON to the plugin.

import { CursorExpired, Internal } from "./errors.ts";

/** The host's limit. */
export const BYTES_MAX = 64 * 1024;

/** Packs where a listing stands. */
export function encode(place: unknown): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(place));
  if (bytes.length > BYTES_MAX) {
    throw new Internal(`a cursor of ${bytes.length} bytes is too large`);
  }
  return bytes;
}

/** Unpacks a cursor, or gives the listing's `beginning` when there is none. */
export function decode<T>(at: Uint8Array | null | undefined, beginning: T): T {
  if (at === null || at === undefined) return beginning;
  try {
    return JSON.parse(new TextDecoder().decode(at)) as T;
  } catch {
    // Another version of the plugin wrote it.
    throw new CursorExpired();
  }
}
