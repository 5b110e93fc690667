// What a plugin exports. Each function here fills in what the plugin leaves out, and turns what it
// throws into the contract's error: a `PluginError` as it is, a bug into `internal`, whose story is in
// the plugin's log.

import type {
  Aggregate,
  Changes,
  Lifecycle,
  Provision,
  StepLogic,
  Tickets,
  Types,
  WebhookLogic,
} from "./contract.ts";
import { PluginError, Unsupported } from "./errors.ts";
import * as log from "./log.ts";

/** The interface with some functions left to the SDK. */
type With<T, Needed extends keyof T> = Pick<T, Needed> & Partial<T>;

function unsupported(what: string): never {
  throw new Unsupported(what);
}

/** What a plugin is and what it needs. Every plugin exports it as `lifecycle`. */
export function lifecycle(own: With<Lifecycle.Functions, "describe">): Lifecycle.Functions {
  const kinds = () => own.describe().kinds;
  return guarded("lifecycle", {
    validateConfig: () => [],
    suggestConfig: (_, field) => unsupported(`there are no suggestions for \`${field}\``),
    testConnection: () => ({ effective: kinds(), missingPermissions: [], warnings: [] }),
    discoverSchema: kinds,
    ...functions(own),
  });
}

/** Lists the target's objects, entitlements and assignments. Connectors export it as `aggregate`. */
export function aggregate(own: With<Aggregate.Functions, "readPage">): Aggregate.Functions {
  return guarded("aggregate", {
    get: (id) => unsupported(`a single \`${id.kind}\` cannot be read`),
    count: () => null,
    ...functions(own),
  });
}

/** Changes the target and reads back what is true in it. Exported as `provision`. */
export function provision(own: With<Provision.Functions, "plan" | "apply">): Provision.Functions {
  return guarded("provision", {
    status: () => unsupported("nothing here stays in progress"),
    verify: () => ({ tag: "cannot-tell", val: "this plugin cannot read back" }),
    actions: () => [],
    ...functions(own),
  });
}

/** Follows a target's change log. Exported as `changes`. */
export function changes(
  own: With<Changes.Functions, "feeds" | "latest" | "poll">,
): Changes.Functions {
  return guarded("changes", {
    decodePush: (feed) => unsupported(`feed \`${feed}\` is not pushed`),
    ...functions(own),
  });
}

/** Opens and follows tickets. Exported as `tickets`. */
export function tickets(
  own: With<Tickets.Functions, "schemas" | "create" | "get">,
): Tickets.Functions {
  const each = <T, A>(work: (one: T) => A, many: T[]) => many.map((one) => {
    try {
      return { tag: "ok" as const, val: work(one) };
    } catch (thrown) {
      return { tag: "err" as const, val: told("tickets", thrown) };
    }
  });
  return guarded("tickets", {
    createMany: (requests) => each((one) => own.create(one), requests),
    getMany: (ids) => each((one) => own.get(one), ids),
    ...functions(own),
  });
}

/** The logic of a homegrown app. Exported as `webhookLogic`. */
export const webhookLogic = (own: WebhookLogic.Functions) => guarded("webhookLogic", functions(own));

/** One step of a multi-step run. Exported as `stepLogic`. */
export const stepLogic = (own: StepLogic.Functions) => guarded("stepLogic", functions(own));

/** The functions of an object, or of an instance of a class, with their `this`. */
function functions<T extends object>(own: T): T {
  const found: Record<string, unknown> = {};
  for (let of: object | null = own; of && of !== Object.prototype; of = Object.getPrototypeOf(of)) {
    for (const name of Object.getOwnPropertyNames(of)) {
      const work = (own as Record<string, unknown>)[name];
      if (typeof work === "function" && name !== "constructor") found[name] ??= work.bind(own);
    }
  }
  return found as T;
}

/** These may not fail: what they throw ends the call. */
const INFALLIBLE = ["describe", "validateConfig", "actions", "feeds", "createMany", "getMany"];

/** Lines of a bug's story. */
const LINES_MAX = 20;

function guarded<T extends object>(name: string, functions: T): T {
  const wrapped = Object.entries(functions).map(([own, work]) => {
    const call = (...words: unknown[]) => {
      try {
        return (work as (...words: unknown[]) => unknown)(...words);
      } catch (thrown) {
        const error = told(`${name}.${own}`, thrown);
        throw INFALLIBLE.includes(own) ? thrown : error;
      }
    };
    return [own, call];
  });
  return Object.fromEntries(wrapped) as T;
}

/** The contract's error for what was thrown. A bug is logged with its place. */
function told(place: string, thrown: unknown): Types.Error {
  if (thrown instanceof PluginError) return thrown.payload;
  const { name, message, stack } = thrown instanceof Error
    ? thrown
    : { name: "thrown", message: String(thrown), stack: "" };
  log.warn(`the plugin failed in \`${place}\`: ${name}: ${message}`);
  for (const line of (stack ?? "").split("\n").slice(0, LINES_MAX)) log.warn(line.trim());
  return { tag: "internal", val: `the plugin failed in \`${place}\`; its log says how` };
}
