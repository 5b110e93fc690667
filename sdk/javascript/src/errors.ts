// Why a call failed, one class for each case of the contract's `error`. Throw one from any function of
// a plugin: the host decides by the case what happens next (wait, retry, read back, give up); the text
// is for the admin. Never put a credential or the body of an answer into it.

import type { Types } from "./contract.ts";

/** What the host is told. */
export class PluginError extends Error {
  /** The contract's own form. */
  readonly payload: Types.Error;

  constructor(payload: Types.Error, message: string) {
    super(message);
    this.name = new.target.name;
    this.payload = payload;
  }
}

/** One fault in an input. `path` is a JSON pointer into it, `code` is snake_case. */
export function issue(path: string, code: string, message: string): Types.FieldIssue {
  return { path, code, message };
}

/** The connection is wrong. */
export class InvalidConfig extends PluginError {
  constructor(readonly issues: Types.FieldIssue[]) {
    super({ tag: "invalid-config", val: issues }, "the connection is not valid");
  }
}

/** The target refused the credential. Promises that nothing was written. */
export class Unauthenticated extends PluginError {
  constructor(message: string) {
    super({ tag: "unauthenticated", val: message }, message);
  }
}

/** The credential lacks these permissions in the target. */
export class PermissionDenied extends PluginError {
  constructor(missing: string[] = []) {
    super({ tag: "permission-denied", val: missing }, "the credential may not do this");
  }
}

/** The target does not have it. */
export class NotFound extends PluginError {
  constructor(about: Types.ObjectRef | null = null) {
    super({ tag: "not-found", val: about }, "the target does not have it");
  }
}

/** The target has it already. */
export class AlreadyExists extends PluginError {
  constructor(about: Types.ObjectRef | null = null) {
    super({ tag: "already-exists", val: about }, "the target has it already");
  }
}

/** The object changed in between. */
export class PreconditionFailed extends PluginError {
  constructor(message: string) {
    super({ tag: "precondition-failed", val: message }, message);
  }
}

/** The host asked for what cannot be. */
export class InvalidInput extends PluginError {
  constructor(readonly issues: Types.FieldIssue[]) {
    super({ tag: "invalid-input", val: issues }, "the input is not valid");
  }
}

/** The target asks for a pause. Promises that nothing was written. */
export class RateLimited extends PluginError {
  constructor(backoff: Types.Backoff = {}) {
    super({ tag: "rate-limited", val: backoff }, "the target asks for a pause");
  }
}

/** The target does not answer now. */
export class Unavailable extends PluginError {
  constructor(backoff: Types.Backoff = {}) {
    super({ tag: "unavailable", val: backoff }, "the target does not answer now");
  }
}

/** The target did not answer in time. */
export class TimedOut extends PluginError {
  constructor() {
    super({ tag: "timed-out" }, "the target did not answer in time");
  }
}

/** Start this listing again from its first page. */
export class CursorExpired extends PluginError {
  constructor() {
    super({ tag: "cursor-expired" }, "the place in the listing is known no more");
  }
}

/** A quota of the host's is used up. */
export class QuotaExceeded extends PluginError {
  constructor(message: string) {
    super({ tag: "quota-exceeded", val: message }, message);
  }
}

/** There is no such thing here. */
export class Unsupported extends PluginError {
  constructor(message: string) {
    super({ tag: "unsupported", val: message }, message);
  }
}

/** The host refused an outgoing request, with this code. */
export class EgressDenied extends PluginError {
  constructor(code: string) {
    super({ tag: "egress-denied", val: code }, `the host refused the request: ${code}`);
  }
}

/** The target answered something that cannot be trusted. */
export class BadData extends PluginError {
  constructor(message: string) {
    super({ tag: "bad-data", val: message }, message);
  }
}

/** A write may or may not have happened. The host reads back before anything else. */
export class OutcomeUnknown extends PluginError {
  constructor(message: string) {
    super({ tag: "outcome-unknown", val: message }, message);
  }
}

/** The call was cancelled. */
export class Cancelled extends PluginError {
  constructor() {
    super({ tag: "cancelled" }, "the call was cancelled");
  }
}

/** The plugin itself is at fault. */
export class Internal extends PluginError {
  constructor(message: string) {
    super({ tag: "internal", val: message }, message);
  }
}

/** Anything else. */
export class Other extends PluginError {
  constructor(message: string) {
    super({ tag: "other", val: message }, message);
  }
}
