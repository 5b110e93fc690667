// Grantry's own directory, for what the integration's principal may do. Import it as
// `grantry-sdk/platform`, from plugins of the worlds `webhook` and `step` only: no other has it.

export * from "grantry:plugin/platform@0.1.0";
