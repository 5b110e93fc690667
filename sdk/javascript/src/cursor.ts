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

/** Unpacks a cursor, or gives the listing's `beginning` when there is none. Of another shape: `CursorExpired`. */
export function decode<T>(at: Uint8Array | null | undefined, beginning: T): T {
  if (at === null || at === undefined) return beginning;
  let place: unknown;
  try {
    place = JSON.parse(new TextDecoder().decode(at));
  } catch {
    place = undefined;
  }
  // Another version of the plugin wrote it.
  if (!isAlike(place, beginning)) throw new CursorExpired();
  return place as T;
}

/** Whether it has the shape of the beginning, where `null` stands for anything. */
function isAlike(place: unknown, beginning: unknown): boolean {
  if (beginning === null || beginning === undefined) return true;
  if (typeof place !== typeof beginning || place === null) return false;
  if (typeof place !== "object") return true;
  if (Array.isArray(place) !== Array.isArray(beginning)) return false;
  const [found, wanted] = [place, beginning] as Record<string, unknown>[];
  const names = Object.keys(wanted!);
  return Object.keys(found!).length === names.length
    && names.every((name) => name in found! && isAlike(found![name], wanted![name]));
}
