// Requests to the hosts that the admin approved, and what their answers mean.
//
// `send` and its short forms go through the host, or through a script in a unit test (`transport`).
// What the host refuses becomes an error that tells a read from a write: after a write whose answer was
// lost nobody knows whether it happened.

import { send as sendByHost } from "grantry:plugin/http@0.1.0";
import type { Http, Types } from "./contract.ts";
import * as errors from "./errors.ts";

/** Who sends requests. Throws an error with the contract's `http-error` as its `payload`. */
export interface Transport {
  send(request: Http.Request): Http.Response;
}

/** The host: the only way out of a plugin. */
export const host: Transport = { send: (request) => sendByHost(request) };

/** What a request has beside method and url. */
export interface Options {
  /** The auth scheme of the manifest whose credential the host places. */
  auth?: string;
  headers?: Record<string, string>;
  /** A body as JSON, as `application/json` unless a `content-type` is among the headers. */
  json?: unknown;
  /** A body of any kind. */
  body?: Uint8Array;
  /** Instead of the host's own limit. */
  timeoutMs?: number;
  /** Who sends it; the host unless told otherwise. */
  transport?: Transport;
}

/** Sends a request. Every status is an answer; `Response.success` turns the others into errors. */
export function send(method: string, url: string, options: Options = {}): Response {
  const headers: [string, string][] =
    Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  let body = options.body ?? new Uint8Array();
  if (options.json !== undefined) {
    body = new TextEncoder().encode(JSON.stringify(options.json));
    const isTyped = headers.some(([name]) => name === "content-type");
    if (!isTyped) headers.push(["content-type", "application/json"]);
  }
  const isWrite = !["GET", "HEAD"].includes(method);
  const request: Http.Request =
    { method, url, headers, body, auth: options.auth ?? null, timeoutMs: options.timeoutMs ?? 0 };
  try {
    return new Response((options.transport ?? host).send(request), isWrite);
  } catch (thrown) {
    const payload = (thrown as { payload?: Http.HttpError }).payload;
    throw payload === undefined ? thrown : fromHttp(payload, isWrite);
  }
}

/** Reads. */
export const get = (url: string, options?: Options) => send("GET", url, options);
/** Creates or acts. */
export const post = (url: string, options?: Options) => send("POST", url, options);
/** Replaces. */
export const put = (url: string, options?: Options) => send("PUT", url, options);
/** Changes in part. */
export const patch = (url: string, options?: Options) => send("PATCH", url, options);
/** Deletes. */
export const remove = (url: string, options?: Options) => send("DELETE", url, options);

/** Percent-encodes a path segment or a query value: all but RFC 3986's unreserved characters. */
export function encode(text: string): string {
  const byte = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, byte);
}

/** An answer of the target. */
export class Response {
  readonly status: number;
  readonly headers: Array<[string, string]>;
  readonly body: Uint8Array;

  constructor(raw: Http.Response, readonly isWrite: boolean) {
    this.status = raw.status;
    this.headers = raw.headers;
    this.body = raw.body;
  }

  /** The first header of this name. */
  header(name: string): string | undefined {
    const wanted = name.toLowerCase();
    return this.headers.find(([header]) => header.toLowerCase() === wanted)?.[1];
  }

  /** 200 to 299. */
  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The body as JSON, of which you say the type: check what you rely on. */
  json<T = unknown>(): T {
    try {
      return JSON.parse(new TextDecoder().decode(this.body)) as T;
    } catch {
      // The parser's own message may hold some of the body.
      throw new errors.BadData(`the target answered ${this.status} with a body that is not JSON`);
    }
  }

  /** The response itself if its status is a success; else throws what the status says. */
  success(): this {
    if (this.isSuccess) return this;
    throw this.toError();
  }

  /**
   * What a status other than a success says (RFC 9110). A failed gateway or server leaves the outcome
   * of a write unknown; `503` says that it did nothing.
   */
  toError(): errors.PluginError {
    const { status, isWrite } = this;
    switch (status) {
      case 400:
      case 422: {
        const words = `the target refused the input (${status})`;
        return new errors.InvalidInput([errors.issue("", "refused", words)]);
      }
      case 401: return new errors.Unauthenticated("the target refused the credential (401)");
      case 403: return new errors.PermissionDenied();
      case 404:
      case 410: return new errors.NotFound();
      case 405:
      case 501: return new errors.Unsupported(`the target does not offer this (${status})`);
      case 408:
        return isWrite
          ? new errors.OutcomeUnknown("the target timed out (408)")
          : new errors.TimedOut();
      case 409: return new errors.AlreadyExists();
      case 412: return new errors.PreconditionFailed("the object changed in between (412)");
      case 429: return new errors.RateLimited(this.#backoff());
      case 503: return new errors.Unavailable(this.#backoff());
    }
    if (status >= 500 && status < 600) {
      return isWrite
        ? new errors.OutcomeUnknown(`the target failed with ${status}`)
        : new errors.Unavailable(this.#backoff());
    }
    if (status >= 300 && status < 400) {
      return new errors.BadData(`the target redirects (${status}); correct the url`);
    }
    return new errors.Other(`the target answered ${status}`);
  }

  /** `Retry-After` in seconds. Its date form is left to the host, which has a clock. */
  #backoff(): Types.Backoff {
    const text = this.header("retry-after")?.trim() ?? "";
    return /^\d{1,9}$/.test(text) ? { afterMs: Number(text) * 1000 } : {};
  }
}

/** What a missing answer means. After a write that may have arrived the outcome is unknown. */
export function fromHttp(error: Http.HttpError, isWrite: boolean): errors.PluginError {
  const lost = (what: string) => new errors.OutcomeUnknown(`${what}; the write may have happened`);
  switch (error.tag) {
    case "denied": return new errors.EgressDenied(error.val);
    case "connect": return new errors.Unavailable();
    case "timed-out":
      return isWrite ? lost("the target did not answer in time") : new errors.TimedOut();
    case "protocol":
      return isWrite ? lost("the target's answer did not come whole") : new errors.Unavailable();
    case "too-large":
      return isWrite
        ? lost("the target's answer was too large")
        : new errors.BadData("the target's answer is larger than allowed");
    case "rate-wait-exceeded": return new errors.RateLimited({ afterMs: error.val });
    case "quota-exceeded": return new errors.QuotaExceeded(error.val);
    case "cancelled": return isWrite ? lost("the call was cancelled") : new errors.Cancelled();
  }
}
