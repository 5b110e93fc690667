// The contract's 64-bit integers are numbers here, which hold whole numbers up to 2^53.

import { BadData } from "./errors.ts";

/**
 * A whole number for the host, from what a target sent: a number, a bigint, or digits.
 *
 * Throws `BadData` if it is none, or too large to be exact: hand such an id over as text.
 */
export function i64(value: unknown): number {
  const isDigits = typeof value === "string" && /^-?\d+$/.test(value);
  const number = typeof value === "bigint" || isDigits ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number)) {
    throw new BadData("the target sent a number that is not whole, or too large to be exact");
  }
  return number;
}
