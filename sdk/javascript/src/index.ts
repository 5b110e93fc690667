// Write Grantry plugins in JavaScript or TypeScript.
//
// A plugin is a module that exports what it can do under the contract's names: `lifecycle` always, then
// `aggregate`, `provision`, … Each is made by the function of its name in `plugin.ts`. The comments of
// `wit/`, which `contract.ts` repeats, are the reference manual of every type.

import "./environment.ts";

export type {
  Aggregate,
  Changes,
  Kv,
  Lifecycle,
  Provision,
  StepLogic,
  Tickets,
  Types,
  WebhookLogic,
} from "./contract.ts";
export * from "./errors.ts";
export * from "./numbers.ts";
export * from "./plugin.ts";
export * from "./rows.ts";
export * as cursor from "./cursor.ts";
export * as http from "./http.ts";
export * as kv from "./kv.ts";
export * as log from "./log.ts";
export * as run from "./run.ts";
export * as seal from "./seal.ts";
