// The contract of `wit/` in TypeScript. Generated: change `wit/` and run
// `cargo run -p xtask --features bindings -- plugins --bindings`.

declare module "grantry:plugin/http@0.1.0" {
  const send_: import("./contract.ts").Http.Functions["send"];
  export { send_ as send };
}

declare module "grantry:plugin/kv@0.1.0" {
  const get_: import("./contract.ts").Kv.Functions["get"];
  export { get_ as get };
  const set_: import("./contract.ts").Kv.Functions["set"];
  export { set_ as set };
  const delete_: import("./contract.ts").Kv.Functions["delete"];
  export { delete_ as delete };
  const listKeys_: import("./contract.ts").Kv.Functions["listKeys"];
  export { listKeys_ as listKeys };
}

declare module "grantry:plugin/log@0.1.0" {
  const log_: import("./contract.ts").Log.Functions["log"];
  export { log_ as log };
}

declare module "grantry:plugin/run@0.1.0" {
  const connection_: import("./contract.ts").Run.Functions["connection"];
  export { connection_ as connection };
  const scopeValidator_: import("./contract.ts").Run.Functions["scopeValidator"];
  export { scopeValidator_ as scopeValidator };
  const progress_: import("./contract.ts").Run.Functions["progress"];
  export { progress_ as progress };
  const nowMs_: import("./contract.ts").Run.Functions["nowMs"];
  export { nowMs_ as nowMs };
  const randomBytes_: import("./contract.ts").Run.Functions["randomBytes"];
  export { randomBytes_ as randomBytes };
}

declare module "grantry:plugin/seal@0.1.0" {
  const seal_: import("./contract.ts").Seal.Functions["seal"];
  export { seal_ as seal };
}

declare module "grantry:plugin/platform@0.1.0" {
  const listApps_: import("./contract.ts").Platform.Functions["listApps"];
  export { listApps_ as listApps };
  const listRoles_: import("./contract.ts").Platform.Functions["listRoles"];
  export { listRoles_ as listRoles };
  const grantMembership_: import("./contract.ts").Platform.Functions["grantMembership"];
  export { grantMembership_ as grantMembership };
  const extendMembership_: import("./contract.ts").Platform.Functions["extendMembership"];
  export { extendMembership_ as extendMembership };
  const renewMembership_: import("./contract.ts").Platform.Functions["renewMembership"];
  export { renewMembership_ as renewMembership };
  const deleteMembership_: import("./contract.ts").Platform.Functions["deleteMembership"];
  export { deleteMembership_ as deleteMembership };
  const listDataSources_: import("./contract.ts").Platform.Functions["listDataSources"];
  export { listDataSources_ as listDataSources };
  const beginUpload_: import("./contract.ts").Platform.Functions["beginUpload"];
  export { beginUpload_ as beginUpload };
  const appendUpload_: import("./contract.ts").Platform.Functions["appendUpload"];
  export { appendUpload_ as appendUpload };
  const previewUpload_: import("./contract.ts").Platform.Functions["previewUpload"];
  export { previewUpload_ as previewUpload };
  const applyUpload_: import("./contract.ts").Platform.Functions["applyUpload"];
  export { applyUpload_ as applyUpload };
}

