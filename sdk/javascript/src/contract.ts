// The contract of `wit/` in TypeScript. Generated: change `wit/` and run
// `cargo run -p xtask --features bindings -- plugins --bindings`.

/**
 * Outgoing HTTP to the hosts that the admin approved for this integration, and nowhere else.
 *
 * The host resolves the name once, checks every address, dials the address it checked, follows no
 * redirect and reads no proxy setting. It keeps connections, renews tokens, waits out rate limits and
 * repeats safe requests. `authorization`, `host`, `cookie`, `accept-encoding`, `content-length` and
 * connection headers are the host's own: setting one is refused.
 */
export declare namespace Http {
  interface Request {
    /** `GET`, `POST`, `PUT`, `PATCH`, `DELETE` or `HEAD`. */
    method: string;
    url: string;
    headers: Array<[string, string]>;
    body: Uint8Array;
    /** The name of an auth scheme of the manifest. The credential is placed after the egress check. */
    auth?: string | null;
    /** 0: the host's own limit. */
    timeoutMs: number;
  }
  /** The body is decompressed; header names are lower case; secrets are scrubbed. */
  interface Response {
    status: number;
    headers: Array<[string, string]>;
    body: Uint8Array;
  }
  type HttpError =
    /**
     * A stable code such as `host_not_allowed`, `address_not_allowed`, `header_not_allowed`,
     * `scheme_not_allowed`, `method_not_allowed`, `secret_not_granted`, `redirect_not_followed`.
     */
    | { tag: "denied"; val: string }
    /** Nothing was sent. */
    | { tag: "connect"; val: string }
    /** The request may have arrived. */
    | { tag: "timed-out" }
    /** The request may have arrived; the answer did not come whole or broke HTTP. */
    | { tag: "protocol"; val: string }
    | { tag: "too-large" }
    /** The target asked for a longer pause than this call has left. */
    | { tag: "rate-wait-exceeded"; val: number }
    | { tag: "quota-exceeded"; val: string }
    | { tag: "cancelled" }
    ;
  interface Functions {
    send(request: Request): Response;
  }
}

/**
 * A small store of this integration's own. Writes become visible with the commit of the call's
 * result and vanish if the call fails. Keys: at most 512 bytes, no NUL; values: at most 64 KiB;
 * 10,000 keys and 8 MiB in all.
 */
export declare namespace Kv {
  type KvError =
    | { tag: "key-invalid" }
    | { tag: "quota" }
    | { tag: "denied" }
    | { tag: "unavailable" }
    ;
  interface Functions {
    get(key: string): Uint8Array | null;
    set(key: string, value: Uint8Array): void;
    delete(key: string): void;
    /** Own keys that begin with exactly this text. */
    listKeys(prefix: string): Array<string>;
  }
}

/** The plugin's log: at most 1 MiB a call. Never log a person's data or a response body. */
export declare namespace Log {
  type Level = "trace" | "debug" | "info" | "warn";
  interface Functions {
    log(level: Level, message: string, fields: Array<[string, string]>): void;
  }
}

/** This call: its connection, its time and its randomness. No plugin needs WASI to be correct. */
export declare namespace Run {
  interface Functions {
    /** The connection as JSON, without its secret fields. */
    connection(): string;
    /**
     * What the scope of this name, of the listing that `read-page` is asked for, was validated by at its
     * last complete read: within this run only, and only while the host's rows are those of that read. A
     * host may answer `none` at any time; then the scope is listed in full.
     */
    scopeValidator(key: string): string | null;
    /** How far the call is. Advice: a host may show it or not; Grantry as of 0.1 does not. */
    progress(done: number, total: number | null): void;
    /** Unix milliseconds, coarse (10 ms). */
    nowMs(): number;
    /** At most 4,096 bytes a call. */
    randomBytes(count: number): Uint8Array;
  }
}

/** The nouns that every other interface speaks of. */
export declare namespace Types {
  /**
   * Opaque to the host, at most 64 KiB. The host stores it in the checkpoint of a run and hands it
   * back unchanged, perhaps days later and on another machine. A listing whose cursors repeat ends the
   * run (`cursor_loop`).
   */
  type Cursor = Uint8Array;
  /** Points at an object of the target: its kind (as `describe` names it) and its native id. */
  interface ObjectRef {
    kind: string;
    id: string;
  }
  interface ObjectId {
    kind: string;
    /** The target's own id: unique within the kind, stable for the object's life. */
    id: string;
    /** The name that people use, if it differs from the display name (a login, a slug). */
    name?: string | null;
    /** Other ids by which the target's events or references may speak of this object. */
    aliases: Array<string>;
    parent?: ObjectRef | null;
    /** The version tag with which a conditional write can be made. */
    etag?: string | null;
  }
  type Value =
    | { tag: "text"; val: string }
    | { tag: "boolean"; val: boolean }
    | { tag: "integer"; val: number }
    /** Exact decimal digits, where a float would round. */
    | { tag: "decimal"; val: string }
    | { tag: "real"; val: number }
    | { tag: "bytes"; val: Uint8Array }
    | { tag: "timestamp-ms"; val: number }
    /** RFC 3339 full-date. */
    | { tag: "date"; val: string }
    | { tag: "uuid"; val: string }
    | { tag: "reference"; val: ObjectRef }
    /** A structured value that has no type here. */
    | { tag: "json"; val: string }
    ;
  /** Whether `values` is all that the target holds for the attribute. */
  type Completeness = "complete" | "partial" | "unknown";
  interface Attribute {
    name: string;
    values: Array<Value>;
    completeness: Completeness;
  }
  /** A relative change of one attribute. `replace` excludes `add` and `remove`. */
  interface AttributeDelta {
    name: string;
    add: Array<Value>;
    remove: Array<Value>;
    replace?: Array<Value> | null;
  }
  type ObjectStatus = "enabled" | "disabled" | "locked" | "pending" | "deleted" | "unknown";
  /** Something in the target: an account, a group, a project. */
  interface Object {
    id: ObjectId;
    display?: string | null;
    description?: string | null;
    status: ObjectStatus;
    attributes: Array<Attribute>;
    createdMs?: number | null;
    lastUsedMs?: number | null;
  }
  type Purpose = "access" | "permission" | "ownership" | "other";
  /** Entitlements of one group exclude each other: granting one replaces the other. */
  interface Exclusive {
    group: string;
    order: number;
    isDefault: boolean;
  }
  /** A right that can be granted on an object. Its id is unique within the integration. */
  interface Entitlement {
    id: string;
    /** The entitlement type: exactly the target's native type name. */
    kind: string;
    on: ObjectRef;
    /** The right's short name on its object, such as `member`. */
    slug: string;
    display: string;
    description?: string | null;
    purpose: Purpose;
    /** Kinds of objects that can hold it. */
    grantableTo: Array<string>;
    exclusive?: Exclusive | null;
    /** The target does not let anyone change it through its API. */
    isImmutable: boolean;
    isPrivileged: boolean;
    attributes: Array<Attribute>;
  }
  /** Whoever holds one of `entitlements` on the holder also holds the assigned entitlement. */
  interface Expansion {
    entitlements: Array<string>;
    isShallow: boolean;
    kinds: Array<string>;
  }
  /** An observed fact: `holder` holds `entitlement`. */
  interface Assignment {
    /** The target's own id of the fact, where it has one. */
    id?: string | null;
    /** `entitlement.id`. */
    entitlement: string;
    holder: ObjectRef;
    /** Present when the holder is a group whose members hold the entitlement through it. */
    expansion?: Expansion | null;
    isImmutable: boolean;
    startsMs?: number | null;
    endsMs?: number | null;
    origin?: string | null;
    attributes: Array<Attribute>;
  }
  /** The four actions of Grantry's permission model. */
  type PlatformAction = "app-and-role-read" | "csv-app-user-upload" | "data-source-users-update" | "app-membership-write";
  /** One fault in an input. `path` is a JSON pointer into it, `code` is snake_case. */
  interface FieldIssue {
    path: string;
    code: string;
    message: string;
  }
  /** How long to wait, as the target said it. */
  interface Backoff {
    afterMs?: number | null;
    bucket?: string | null;
    remaining?: number | null;
  }
  /**
   * Why a call failed. The host decides by the case what happens next (wait, retry, read back, give
   * up); the text is for the admin. Never put a credential or a response body into it.
   */
  type Error =
    | { tag: "invalid-config"; val: Array<FieldIssue> }
    /** The target refused the credential. */
    | { tag: "unauthenticated"; val: string }
    /** The credential lacks these permissions in the target. */
    | { tag: "permission-denied"; val: Array<string> }
    | { tag: "not-found"; val?: ObjectRef | null }
    | { tag: "already-exists"; val?: ObjectRef | null }
    | { tag: "precondition-failed"; val: string }
    | { tag: "invalid-input"; val: Array<FieldIssue> }
    | { tag: "rate-limited"; val: Backoff }
    | { tag: "unavailable"; val: Backoff }
    | { tag: "timed-out" }
    /** Start this listing again from its first page. */
    | { tag: "cursor-expired" }
    | { tag: "quota-exceeded"; val: string }
    | { tag: "unsupported"; val: string }
    /** The host refused an outgoing request. */
    | { tag: "egress-denied"; val: string }
    /** The target answered something that cannot be trusted. */
    | { tag: "bad-data"; val: string }
    /** A write may or may not have happened. The host reads back before anything else. */
    | { tag: "outcome-unknown"; val: string }
    | { tag: "cancelled" }
    | { tag: "internal"; val: string }
    | { tag: "other"; val: string }
    ;
  /** A credential that the target issued, encrypted to the recipients by `seal`. */
  interface Sealed {
    name: string;
    recipient: string;
    mediaType: string;
    ciphertext: Uint8Array;
  }
}

/**
 * Reading everything, one bounded page a call. The host checkpoints `next` in the transaction that
 * stores the page, so a run resumes from its last page after a crash, on any worker.
 */
export declare namespace Aggregate {
  type Target =
    /** All objects of a kind. */
    | { tag: "objects"; val: string }
    /** The entitlements on objects of a kind. */
    | { tag: "entitlements-of-kind"; val: string }
    /** The assignments of entitlements on objects of a kind. */
    | { tag: "assignments-of-kind"; val: string }
    /** The same for one object, where that is cheaper than the whole kind. */
    | { tag: "entitlements-of"; val: Types.ObjectRef }
    | { tag: "assignments-of"; val: Types.ObjectRef }
    ;
  interface PageRequest {
    runId: string;
    target: Target;
    at?: Types.Cursor | null;
    maxItems: number;
    /** Of the lowered result; a larger page is refused. */
    maxBytes: number;
  }
  /**
   * A scope is a part of a listing that the target can validate as a whole: all of it, or the members of
   * one group. Its pages follow each other, each names it by `key` (unique within the listing, 1 to 1,024
   * bytes), and the last one may give a `validator` (an ETag, a version; at most 1,024 bytes): what the
   * target was asked for when the scope's first page was read, or anything older, never anything newer.
   *
   * Whether the scope's rows are listed in full (`fresh`) or are as the host last saw them
   * (`unchanged`: the target answered to the validator that nothing moved; the page has no rows, stands
   * for the whole scope, and the host keeps the validator). A page that says `unchanged` of a scope for
   * which `run.scope-validator` gave nothing, or twice in a run, is refused.
   */
  type Disposition = "fresh" | "unchanged";
  interface Scope {
    key: string;
    disposition: Disposition;
    validator?: string | null;
  }
  /** One thing that could not be read. The run goes on; what is skipped is never deleted. */
  interface Skip {
    about?: Types.ObjectRef | null;
    error: Types.Error;
  }
  interface Page {
    objects: Array<Types.Object>;
    entitlements: Array<Types.Entitlement>;
    assignments: Array<Types.Assignment>;
    next?: Types.Cursor | null;
    /** The target's own count of the whole listing; a listing that ends short of it is not complete. */
    expectedTotal?: number | null;
    /**
     * True on the last page of a listing that is known to be whole. Nothing is ever deleted on the
     * word of a listing that did not end with it.
     */
    isComplete: boolean;
    scope?: Scope | null;
    skipped: Array<Skip>;
  }
  interface Functions {
    readPage(request: PageRequest): Page;
    get(id: Types.ObjectRef): Types.Object | null;
    count(kind: string): number | null;
  }
}

/**
 * What changed since a moment, where the target keeps a log of it.
 *
 * Before a full aggregation begins, the host asks every feed for its `latest` position; later runs poll
 * from there, and after all events of a run the host's rows must be those that a full aggregation would
 * have read. So together the feeds must tell of every kind that `aggregate` lists, of entitlements as well
 * as of objects and assignments, and each kind is one feed's; otherwise the host goes on reading in full. It
 * also does so now and then, and whenever a feed says `cursor-expired` or `resync`. The same events may be
 * polled again.
 */
export declare namespace Changes {
  /**
   * `kinds`: those of which the feed tells everything, with their entitlements and who holds them. The
   * host polls no more often than `min-poll-ms`, as far as its schedules allow; both times are advice.
   */
  interface Feed {
    id: string;
    display: string;
    kinds: Array<string>;
    isOrdered: boolean;
    minPollMs: number;
    retentionMs?: number | null;
  }
  /** Of an object that is known: attributes that are not named stay; one without values left is dropped. */
  interface PartialChange {
    about: Types.ObjectRef;
    deltas: Array<Types.AttributeDelta>;
  }
  interface Usage {
    holder: Types.ObjectRef;
    on: Types.ObjectRef;
    atMs: number;
  }
  type Change =
    | { tag: "upserted"; val: Types.Object }
    | { tag: "changed"; val: PartialChange }
    /** Gone, with its entitlements, with who holds them, and with what it holds. */
    | { tag: "deleted"; val: Types.ObjectRef }
    /** An entitlement that is new or says something else. */
    | { tag: "offered"; val: Types.Entitlement }
    /** The id of an entitlement that is gone, with who holds it. */
    | { tag: "withdrawn"; val: string }
    | { tag: "granted"; val: Types.Assignment }
    | { tag: "revoked"; val: Types.Assignment }
    /** Grantry keeps nothing of it as of 0.1. */
    | { tag: "used"; val: Usage }
    /** The feed lost track of this kind: aggregate it in full. */
    | { tag: "resync"; val: string }
    ;
  /** Grantry follows feeds that are `is-ordered`: of two events about the same, the later one counts. */
  interface Event {
    id: string;
    atMs: number;
    change: Change;
    actor?: string | null;
  }
  /**
   * `next` is where the feed goes on, also when nothing happened. A feed that has more and whose `next`
   * repeats ends the run (`cursor_loop`).
   */
  interface ChangePage {
    events: Array<Event>;
    next: Types.Cursor;
    hasMore: boolean;
  }
  interface Functions {
    feeds(): Array<Feed>;
    latest(feed: string): Types.Cursor;
    poll(feed: string, since: Types.Cursor | null, maxItems: number): ChangePage;
    /** The host has verified the sender before. Not called by Grantry as of 0.1. */
    decodePush(feed: string, headers: Array<[string, string]>, body: Uint8Array): Array<Event>;
  }
}

/**
 * Encrypts a credential that the target issued, so that its plain bytes leave the call at once.
 * Recipients come with an operation's context; Grantry as of 0.1 names none, and every other one is an
 * `unknown-recipient`.
 */
export declare namespace Seal {
  type SealError =
    | { tag: "unknown-recipient"; val: string }
    | { tag: "too-large" }
    | { tag: "unavailable" }
    ;
  interface Functions {
    seal(name: string, mediaType: string, plain: Uint8Array, recipients: Array<string>): Array<Types.Sealed>;
  }
}

/** What a plugin is and what it needs. Exported by every world. */
export declare namespace Lifecycle {
  type AttributeType = "text" | "boolean" | "integer" | "decimal" | "real" | "bytes" | "timestamp" | "date" | "uuid" | "reference" | "json" | "secret";
  interface AttributeTraits {
    multiValued?: boolean;
    required?: boolean;
    creatable?: boolean;
    updatable?: boolean;
    readable?: boolean;
    returnedByDefault?: boolean;
    caseInsensitive?: boolean;
    unique?: boolean;
  }
  interface AttributeSchema {
    name: string;
    ofType: AttributeType;
    description: string;
    traits: AttributeTraits;
    /** The kind that a `reference` points at. */
    referenceKind?: string | null;
    choices: Array<string>;
  }
  type KindClass = "account" | "group" | "role" | "app" | "secret" | "device" | "agent" | "license" | "scope-binding" | "other";
  type Verb = "grant" | "revoke" | "extend" | "renew" | "create" | "update" | "delete" | "enable" | "disable" | "unlock" | "set-password" | "rotate-credential" | "issue-credential" | "revoke-credential" | "link" | "unlink" | "invoke";
  type DeltaSupport = "none" | "upserts-only" | "with-deletes" | "validators";
  /** One kind of object: what it is, what it looks like and what can be done with it. */
  interface KindSchema {
    kind: string;
    classes: Array<KindClass>;
    display: string;
    idAttribute: string;
    nameAttribute?: string | null;
    parentKinds: Array<string>;
    attributes: Array<AttributeSchema>;
    verbs: Array<Verb>;
    delta: DeltaSupport;
    isCountable: boolean;
  }
  /** A place inside the connection, such as `/url` (RFC 6901). */
  type JsonPointer = string;
  type HostRule =
    /** `api.example.com`, https on its default port. */
    | { tag: "exact"; val: string }
    /** `.example.com`: any name below it. */
    | { tag: "suffix"; val: string }
    /** The scheme, host and port of the URL at this place in the connection. */
    | { tag: "from-connection"; val: JsonPointer }
    ;
  interface NeededHost {
    host: HostRule;
    methods: Array<string>;
    pathPrefix: string;
    why: string;
  }
  /** Secrets are named by their place in the connection; the schema marks them `"writeOnly": true`. */
  interface BasicAuth {
    username: JsonPointer;
    password: JsonPointer;
  }
  interface HeaderAuth {
    header: string;
    prefix: string;
    secret: JsonPointer;
  }
  interface QueryAuth {
    parameter: string;
    secret: JsonPointer;
  }
  interface ClientCredentials {
    tokenUrl: JsonPointer;
    clientId: JsonPointer;
    clientSecret: JsonPointer;
    scope?: JsonPointer | null;
  }
  /** The host places the credential into a request after its egress check; the plugin never sees it. */
  type AuthKind =
    | { tag: "bearer"; val: JsonPointer }
    | { tag: "basic"; val: BasicAuth }
    | { tag: "header"; val: HeaderAuth }
    | { tag: "query"; val: QueryAuth }
    /** RFC 6749 section 4.4: the host fetches, caches and renews the token. */
    | { tag: "oauth2-client-credentials"; val: ClientCredentials }
    ;
  /** `http.request.auth` names it. */
  interface AuthScheme {
    name: string;
    kind: AuthKind;
  }
  /** The admin reads and approves this, per integration. Asking later for more needs a new approval. */
  interface Manifest {
    /** Lower case letters, digits and hyphens; unique in an installation. */
    name: string;
    /** Semantic version. */
    version: string;
    publisher: string;
    /** What people pick when they create an integration, such as `SCIM 2.0`. */
    applicationType: string;
    description: string;
    docsUrl?: string | null;
    /** JSON that the connection schema accepts. */
    exampleConnection: string;
    /** JSON Schema 2020-12 of the connection. */
    connectionSchema: string;
    auth: Array<AuthScheme>;
    hosts: Array<NeededHost>;
    platformActions: Array<Types.PlatformAction>;
    needsKv: boolean;
    /** At most what `discover-schema` may return for one tenant. */
    kinds: Array<KindSchema>;
    /** `verify` can tell whether a write took effect. Without it an unknown outcome waits for a person. */
    canReadBack: boolean;
  }
  interface Suggestion {
    value: string;
    label: string;
    detail?: string | null;
  }
  interface Suggestions {
    items: Array<Suggestion>;
    isOpen: boolean;
    next?: Types.Cursor | null;
  }
  type TestDepth = "connect" | "read" | "write-probe";
  /** What this connection can do in this tenant, which may be less than the manifest says. */
  interface ConnectionReport {
    tenant?: string | null;
    effective: Array<KindSchema>;
    missingPermissions: Array<string>;
    warnings: Array<string>;
  }
  interface Functions {
    /** Runs once at install, without any capability. Its answer is stored with the digest. */
    describe(): Manifest;
    /** Faults that the schema cannot express. Pure: no host import may be called. */
    validateConfig(connection: string): Array<Types.FieldIssue>;
    suggestConfig(connection: string, field: JsonPointer, query: string | null, at: Types.Cursor | null): Suggestions;
    testConnection(depth: TestDepth): ConnectionReport;
    discoverSchema(): Array<KindSchema>;
  }
}

/** The logic of a homegrown app, instead of a web server that would receive the webhook. */
export declare namespace WebhookLogic {
  interface Event {
    id: string;
    kind: string;
    occurredMs: number;
    body: string;
  }
  type Reply =
    | { tag: "done"; val?: string | null }
    | { tag: "accepted"; val: string }
    | { tag: "rejected"; val: string }
    | { tag: "retry-after-ms"; val: number }
    ;
  interface Functions {
    onEvent(event: Event): Reply;
  }
}

/** One step of a multi-step provisioning run. */
export declare namespace StepLogic {
  interface StepInput {
    operationId: string;
    attempt: number;
    idempotencyKey: string;
    config: string;
    payload: string;
    previous: Array<[string, string]>;
  }
  interface Wait {
    token: string;
    pollAfterMs: number;
  }
  type StepOutput =
    | { tag: "done"; val: string }
    | { tag: "wait"; val: Wait }
    | { tag: "needs-human"; val: string }
    | { tag: "failed"; val: string }
    ;
  interface Functions {
    runStep(input: StepInput): StepOutput;
    /** Undoes what `run-step` reported as done, when a later step failed. */
    compensate(input: StepInput, done: string): StepOutput;
  }
}

/**
 * Grantry's own directory, for what the integration's principal may do: exactly what an HTTP client
 * with the same permissions could do, decided by the same function.
 */
export declare namespace Platform {
  type Entity =
    | { tag: "app"; val: string }
    | { tag: "data-source"; val: string }
    ;
  /**
   * The action that is missing. Where the plugin holds no action on the entity at all the answer is
   * `not-found`, whether the entity exists or not.
   */
  interface Denial {
    action: Types.PlatformAction;
    entity?: Entity | null;
  }
  interface InvalidField {
    path: string;
    message: string;
  }
  type PlatformError =
    | { tag: "denied"; val: Denial }
    | { tag: "not-found" }
    | { tag: "invalid"; val: Array<InvalidField> }
    | { tag: "conflict"; val: string }
    | { tag: "quota-exceeded"; val: string }
    | { tag: "unavailable"; val: string }
    ;
  interface App {
    id: string;
    name: string;
    roles: number;
  }
  interface Role {
    id: string;
    name: string;
    isRequestable: boolean;
  }
  interface AppPage {
    items: Array<App>;
    next?: string | null;
  }
  interface RolePage {
    items: Array<Role>;
    next?: string | null;
  }
  interface Membership {
    id: string;
    app: string;
    role: string;
    account: string;
    startsMs: number;
    endsMs?: number | null;
    status: string;
  }
  interface DataSource {
    id: string;
    name: string;
    identities: number;
  }
  interface DataSourcePage {
    items: Array<DataSource>;
    next?: string | null;
  }
  /** What an upload would change. `hash` names it: it holds for one file and one state of the list. */
  interface UploadDiff {
    hash: string;
    before: number;
    added: number;
    changed: number;
    removed: number;
    isEmpty: boolean;
    /** So much goes that a person has to apply it: `apply-upload` refuses it from a plugin. */
    isMassRemoval: boolean;
  }
  interface Functions {
    listApps(after: string | null): AppPage;
    listRoles(app: string, after: string | null): RolePage;
    /** `account` is the id of an account of the app's integration. */
    grantMembership(app: string, role: string, account: string, endsMs: number | null, idempotencyKey: string): Membership;
    extendMembership(app: string, id: string, endsMs: number, idempotencyKey: string): Membership;
    renewMembership(app: string, id: string, endsMs: number | null, idempotencyKey: string): Membership;
    deleteMembership(app: string, id: string, idempotencyKey: string): Membership;
    /** Those on which any action is held. */
    listDataSources(after: string | null): DataSourcePage;
    /**
     * Begins to send a list as CSV: the members of an app that no integration feeds, or the users of a
     * data source. Answers the upload's id, which later calls and runs may use for a day. The list
     * stays as it is until `apply-upload`.
     */
    beginUpload(of: Entity): string;
    /**
     * Appends at most 1 MiB that begins at byte `begins`; answers where the next piece begins. A piece
     * that does not begin where the last one ended is a `conflict` that says how many bytes are there.
     */
    appendUpload(of: Entity, upload: string, begins: number, content: Uint8Array): number;
    /**
     * Reads all pieces and compares with the list. Errors of the file are `invalid`, each with its line
     * and column as the path; such an upload is given up. Once read, compares anew.
     */
    previewUpload(of: Entity, upload: string): UploadDiff;
    /**
     * Makes the file the list, all of it or nothing. A `diff` that is not the hash as it is now is a
     * `conflict`, and so is a mass removal, with or without `approve-diff`: a person decides about it.
     */
    applyUpload(of: Entity, upload: string, diff: string, approveDiff: string | null, idempotencyKey: string): UploadDiff;
  }
}

/**
 * Writing to the target. For every operation the host commits its intent, calls `apply` with an
 * idempotency key that stays the same over all attempts, reads back with `verify` and records the
 * outcome. After a crash or `outcome-unknown` it always reads back first.
 */
export declare namespace Provision {
  interface GrantRequest {
    entitlement: string;
    on: Types.ObjectRef;
    holder: Types.ObjectRef;
    endsMs?: number | null;
    parameters: Array<Types.Attribute>;
  }
  interface RevokeRequest {
    entitlement: string;
    on: Types.ObjectRef;
    holder: Types.ObjectRef;
    assignmentId?: string | null;
  }
  /** How the initial credential comes to be. `provided` names a secret, never its bytes. */
  type Credential =
    | { tag: "none" }
    | { tag: "random"; val: number }
    | { tag: "provided"; val: string }
    | { tag: "sso" }
    | { tag: "api-key"; val: Array<string> }
    | { tag: "keypair"; val: string }
    | { tag: "token"; val: Array<string> }
    | { tag: "client-secret" }
    ;
  interface CreateRequest {
    kind: string;
    attributes: Array<Types.Attribute>;
    parent?: Types.ObjectRef | null;
    credential: Credential;
    mustChange: boolean;
    endsMs?: number | null;
  }
  interface UpdateRequest {
    about: Types.ObjectRef;
    deltas: Array<Types.AttributeDelta>;
    ifMatch?: string | null;
  }
  type DeleteMode = "hard" | "soft" | "tenant-default";
  interface DeleteRequest {
    about: Types.ObjectRef;
    mode: DeleteMode;
  }
  interface CredentialRequest {
    about: Types.ObjectRef;
    credential: Credential;
    mustChange: boolean;
    endsMs?: number | null;
  }
  interface LinkRequest {
    entitlement: string;
    upstream: Types.ObjectRef;
  }
  interface InvokeRequest {
    action: string;
    kind?: string | null;
    arguments: string;
  }
  type Operation =
    | { tag: "grant"; val: GrantRequest }
    | { tag: "revoke"; val: RevokeRequest }
    | { tag: "extend"; val: GrantRequest }
    | { tag: "renew"; val: GrantRequest }
    | { tag: "create"; val: CreateRequest }
    | { tag: "update"; val: UpdateRequest }
    | { tag: "delete"; val: DeleteRequest }
    | { tag: "enable"; val: Types.ObjectRef }
    | { tag: "disable"; val: Types.ObjectRef }
    | { tag: "unlock"; val: Types.ObjectRef }
    | { tag: "set-password"; val: CredentialRequest }
    | { tag: "rotate-credential"; val: CredentialRequest }
    | { tag: "issue-credential"; val: CredentialRequest }
    | { tag: "revoke-credential"; val: Types.ObjectRef }
    | { tag: "link"; val: LinkRequest }
    | { tag: "unlink"; val: LinkRequest }
    | { tag: "invoke"; val: InvokeRequest }
    ;
  interface OperationContext {
    operationId: string;
    /** The same for every attempt. Send it to targets that deduplicate by such a key. */
    idempotencyKey: string;
    /** From 1. */
    attempt: number;
    deadlineMs: number;
    actor: string;
    /** What the host knows of the objects that the operation speaks of, parents included. */
    snapshot: Array<Types.Object>;
    /** To whom a credential that the target issues is to be sealed. */
    recipients: Array<string>;
  }
  interface Effects {
    objects: Array<Types.Object>;
    assignments: Array<Types.Assignment>;
    alsoRevoked: Array<Types.Assignment>;
    replaced: Array<Types.Assignment>;
    changed: Array<Types.AttributeDelta>;
    sealed: Array<Types.Sealed>;
    resultJson?: string | null;
  }
  interface Pending {
    token: string;
    pollAfterMs: number;
  }
  interface HumanStep {
    message: string;
    url?: string | null;
  }
  interface Invitation {
    object?: Types.Object | null;
    endsMs?: number | null;
  }
  interface PartialEffects {
    done: Effects;
    failed: Array<Types.FieldIssue>;
  }
  type Outcome =
    | { tag: "done"; val: Effects }
    /** The target was already so; nothing was written. */
    | { tag: "already"; val: Effects }
    | { tag: "in-progress"; val: Pending }
    | { tag: "invited"; val: Invitation }
    | { tag: "needs-human"; val: HumanStep }
    | { tag: "partial"; val: PartialEffects }
    ;
  interface PlannedCall {
    method: string;
    url: string;
    summary: string;
    isDestructive: boolean;
  }
  interface PlanResult {
    calls: Array<PlannedCall>;
    warnings: Array<string>;
  }
  type Verification =
    /** What the operation wants is true in the target now. */
    | { tag: "holds" }
    /** It is not. */
    | { tag: "absent" }
    | { tag: "differs"; val: Array<Types.AttributeDelta> }
    | { tag: "cannot-tell"; val: string }
    ;
  interface ActionSchema {
    name: string;
    kind?: string | null;
    display: string;
    argumentsSchema: string;
    resultSchema: string;
  }
  interface Functions {
    /** A dry run: the host refuses every request but GET. */
    plan(operation: Operation, context: OperationContext): PlanResult;
    /**
     * The errors `rate-limited` and `unauthenticated` promise that nothing was written: the host tries
     * again later without reading back. Where that is not certain, answer `outcome-unknown`.
     */
    apply(operation: Operation, context: OperationContext): Outcome;
    status(token: string): Outcome;
    /** Reads only; the host refuses every request but GET. */
    verify(operation: Operation, context: OperationContext): Verification;
    actions(): Array<ActionSchema>;
  }
}

/** Tickets in a service desk. */
export declare namespace Tickets {
  type TicketState = "open" | "in-progress" | "done" | "rejected" | "cancelled" | "unknown";
  interface TicketSchema {
    id: string;
    display: string;
    fieldsSchema: string;
    statuses: Array<[string, TicketState]>;
    types: Array<string>;
  }
  interface TicketRequest {
    schema: string;
    title: string;
    body: string;
    kind?: string | null;
    labels: Array<string>;
    fields: string;
    requestedFor?: string | null;
    idempotencyKey: string;
  }
  interface Ticket {
    id: string;
    url?: string | null;
    state: TicketState;
    nativeStatus: string;
    updatedMs?: number | null;
    resolution?: string | null;
  }
  interface SchemaPage {
    items: Array<TicketSchema>;
    next?: Types.Cursor | null;
  }
  interface Functions {
    schemas(at: Types.Cursor | null): SchemaPage;
    create(request: TicketRequest): Ticket;
    get(id: string): Ticket;
    createMany(requests: Array<TicketRequest>): Array<{ tag: "ok"; val: Ticket } | { tag: "err"; val: Types.Error }>;
    getMany(ids: Array<string>): Array<{ tag: "ok"; val: Ticket } | { tag: "err"; val: Types.Error }>;
  }
}

