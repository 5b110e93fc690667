// The plugin's log. Never log a person's data or the body of an answer.

import * as host from "grantry:plugin/log@0.1.0";

/** Writes a message with fields. */
export function write(
  level: "trace" | "debug" | "info" | "warn",
  message: string,
  fields: Record<string, string> = {},
): void {
  host.log(level, message, Object.entries(fields));
}

/** For the author of the plugin. */
export const debug = (message: string) => write("debug", message);
/** For the admin: something worth to know. */
export const info = (message: string) => write("info", message);
/** For the admin: something that should be looked at. */
export const warn = (message: string) => write("warn", message);
