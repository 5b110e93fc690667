// Encrypts a credential that the target issued, so that its plain bytes leave the call at once.

import * as host from "grantry:plugin/seal@0.1.0";
import type { Seal, Types } from "./contract.ts";
import * as errors from "./errors.ts";

/** One ciphertext for each recipient (the operation's context names them). */
export function to(
  recipients: string[],
  name: string,
  mediaType: string,
  plain: Uint8Array,
): Types.Sealed[] {
  try {
    return host.seal(name, mediaType, plain, recipients);
  } catch (thrown) {
    const payload = (thrown as { payload?: Seal.SealError }).payload;
    switch (payload?.tag) {
      case "unknown-recipient": {
        const words = `\`${payload.val}\` has no key to seal to`;
        throw new errors.InvalidInput([errors.issue("/recipients", "unknown_recipient", words)]);
      }
      case "too-large": throw new errors.BadData("the issued credential is too large");
      case "unavailable": throw new errors.Unavailable();
      case undefined: throw thrown;
    }
  }
}
