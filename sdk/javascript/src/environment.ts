// What QuickJS lacks, and what would otherwise ask an operating system that is not there: UTF-8,
// `console`, the time of day, randomness. All of it comes from the host or from here: a plugin imports
// nothing but the contract.

import * as host from "grantry:plugin/run@0.1.0";
import * as log from "./log.ts";

declare global {
  class TextEncoder {
    encode(text?: string): Uint8Array;
  }
  class TextDecoder {
    decode(bytes?: Uint8Array): string;
  }
  /** Writes into the plugin's log. */
  const console: Record<"debug" | "log" | "info" | "warn" | "error", (...what: unknown[]) => void>;
}

const global = globalThis as unknown as Record<string, unknown>;
const CHARACTERS_AT_ONCE = 8192;

/** UTF-8 by the language's own functions, which are native, and only where it is not ASCII. */
class Encoder {
  readonly encoding = "utf-8";

  encode(text = ""): Uint8Array {
    const latin = text.replace(/[^\0-\x7f]+/g, (run) => unescape(encodeURIComponent(whole(run))));
    const bytes = new Uint8Array(latin.length);
    for (let index = 0; index < latin.length; index += 1) bytes[index] = latin.charCodeAt(index);
    return bytes;
  }
}

/** A surrogate without its other half cannot be encoded. */
function whole(text: string): string {
  const lone = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
  return text.replace(lone, "\ufffd");
}

/** Strict: bytes that are not UTF-8 are an error, never other text. */
class Decoder {
  readonly encoding = "utf-8";

  decode(bytes: Uint8Array = new Uint8Array()): string {
    let latin = "";
    for (let begins = 0; begins < bytes.length; begins += CHARACTERS_AT_ONCE) {
      const piece = bytes.subarray(begins, begins + CHARACTERS_AT_ONCE);
      latin += String.fromCharCode.apply(null, piece as unknown as number[]);
    }
    try {
      return latin.replace(/[^\0-\x7f]+/g, (run) => decodeURIComponent(escape(run)));
    } catch {
      throw new TypeError("these bytes are not UTF-8");
    }
  }
}

/** `Date` whose now is the host's. */
class HostDate extends Date {
  constructor(...parts: unknown[]) {
    if (parts.length === 0) super(host.nowMs());
    else super(...(parts as [number]));
  }

  static override now(): number {
    return host.nowMs();
  }
}

/** 53 random bits of the host's. */
function random(): number {
  const [a, b, c, d, e, f, g] = host.randomBytes(7);
  const low = a! + b! * 2 ** 8 + c! * 2 ** 16;
  const high = d! + e! * 2 ** 8 + f! * 2 ** 16 + (g! & 31) * 2 ** 24;
  return (low + high * 2 ** 24) / 2 ** 53;
}

function word(one: unknown): string {
  if (typeof one === "string") return one;
  if (one instanceof Error) return `${one.name}: ${one.message}`;
  try {
    return JSON.stringify(one) ?? String(one);
  } catch {
    return String(one);
  }
}

function written(level: "debug" | "info" | "warn") {
  return (...what: unknown[]) => {
    log.write(level, what.map(word).join(" "));
  };
}

// In a unit test the machine's own are there, and are left alone.
const { process } = global as { process?: { versions?: { node?: string } } };
if (process?.versions?.node === undefined) {
  global["TextEncoder"] = Encoder;
  global["TextDecoder"] = Decoder;
  global["console"] = {
    debug: written("debug"),
    log: written("info"),
    info: written("info"),
    warn: written("warn"),
    error: written("warn"),
  };
  global["Date"] = HostDate;
  Math.random = random;
}
