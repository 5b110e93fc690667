-- Ids are TEXT, times BIGINT Unix milliseconds, JSON is TEXT, truth is BIGINT 0 or 1.
-- One text for both databases: BLOB becomes BYTEA on PostgreSQL (see dialect.rs).

CREATE TABLE principals (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  role TEXT,
  is_disabled BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);

-- A token outlives its principal, so that it can be told from one that never was.
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  principal_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT,
  revoked_ms BIGINT
);
CREATE INDEX tokens_by_principal ON tokens (principal_id);

-- A global permission has an action and no entity; an entity permission has an entity and no action.
CREATE TABLE permissions (
  principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
  action TEXT NOT NULL,
  entity_kind TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  PRIMARY KEY (principal_id, action, entity_kind, entity_id)
);

CREATE TABLE plugins (
  id TEXT PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  contract TEXT NOT NULL,
  manifest TEXT NOT NULL,
  interfaces TEXT NOT NULL,
  imports TEXT NOT NULL,
  size_bytes BIGINT NOT NULL,
  state TEXT NOT NULL,
  installed_ms BIGINT NOT NULL
);

CREATE TABLE components (
  digest TEXT PRIMARY KEY,
  component BLOB NOT NULL
);

CREATE TABLE apps (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);

CREATE TABLE integrations (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  plugin_id TEXT NOT NULL REFERENCES plugins (id),
  app_id TEXT NOT NULL REFERENCES apps (id),
  principal_id TEXT NOT NULL REFERENCES principals (id),
  connection TEXT NOT NULL,
  approval TEXT NOT NULL,
  policy_version BIGINT NOT NULL,
  quarantined_ms BIGINT,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE UNIQUE INDEX integrations_by_app ON integrations (app_id);

CREATE TABLE integration_secrets (
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  pointer TEXT NOT NULL,
  version BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (integration_id, pointer)
);

CREATE TABLE kv (
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (integration_id, name)
);

CREATE TABLE plugin_faults (
  integration_id TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  code TEXT NOT NULL
);
CREATE INDEX plugin_faults_by_integration ON plugin_faults (integration_id, at_ms);

-- Accounts and resources. The id is derived from integration, class, kind and native id (ADR 0002).
CREATE TABLE objects (
  id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL,
  class TEXT NOT NULL,
  kind TEXT NOT NULL,
  native_id TEXT NOT NULL,
  name TEXT,
  display TEXT NOT NULL,
  search TEXT NOT NULL,
  status TEXT NOT NULL,
  details TEXT NOT NULL,
  row_hash BIGINT NOT NULL,
  first_seen_ms BIGINT NOT NULL,
  removed_ms BIGINT
);
CREATE INDEX objects_by_integration ON objects (integration_id, class, id);

CREATE TABLE entitlements (
  id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL,
  app_id TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  native_id TEXT NOT NULL,
  slug TEXT NOT NULL,
  display TEXT NOT NULL,
  search TEXT NOT NULL,
  is_privileged BIGINT NOT NULL,
  is_immutable BIGINT NOT NULL,
  details TEXT NOT NULL,
  row_hash BIGINT NOT NULL,
  first_seen_ms BIGINT NOT NULL,
  removed_ms BIGINT
);
CREATE INDEX entitlements_by_integration ON entitlements (integration_id, id);
CREATE INDEX entitlements_by_app ON entitlements (app_id, id);

-- The big one: no column that its key already says. `details` is NULL for a plain assignment.
-- No index by holder: at a million rows its scattered leaves cost more than all else together; what
-- a holder holds is found by probing the key with the integration's entitlements (ADR 6).
CREATE TABLE assignments (
  entitlement_id TEXT NOT NULL,
  holder_id TEXT NOT NULL,
  details TEXT,
  removed_ms BIGINT,
  PRIMARY KEY (entitlement_id, holder_id)
) /* WITHOUT ROWID */;

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  job_id TEXT NOT NULL,
  status TEXT NOT NULL,
  progress TEXT,
  started_ms BIGINT,
  finished_ms BIGINT,
  created_ms BIGINT NOT NULL,
  added BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  removed BIGINT NOT NULL,
  live_before BIGINT NOT NULL,
  error_code TEXT,
  error_detail TEXT
);
CREATE INDEX runs_by_integration ON runs (integration_id, id);

-- What pages a run saw, by the digest of their content: an unchanged page costs one row here and no
-- catalogue row (ADR 0003). `provisioned_ms` is when our own provisioning wrote the one row of such a
-- page, else 0. `row_keys` holds the 16-byte keys of the page's rows, one after another.
CREATE TABLE pages (
  integration_id TEXT NOT NULL,
  domain TEXT NOT NULL,
  digest TEXT NOT NULL,
  run_id TEXT NOT NULL,
  is_trusted BIGINT NOT NULL,
  row_count BIGINT NOT NULL,
  provisioned_ms BIGINT NOT NULL,
  row_keys BLOB NOT NULL,
  PRIMARY KEY (integration_id, domain, digest)
);

CREATE TABLE run_issues (
  run_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (run_id, position)
);

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  queue TEXT NOT NULL,
  work TEXT NOT NULL,
  ordered_by TEXT NOT NULL,
  status TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  lease_until_ms BIGINT NOT NULL,
  is_cancel_requested BIGINT NOT NULL,
  error_code TEXT,
  error_detail TEXT,
  created_ms BIGINT NOT NULL,
  finished_ms BIGINT
);
CREATE INDEX jobs_due ON jobs (status, due_ms);
-- A queue has one living job: a second aggregation of a source is refused, and two workers never
-- provision the same membership.
CREATE UNIQUE INDEX jobs_living ON jobs (queue) WHERE status IN ('queued', 'running');

CREATE TABLE memberships (
  id TEXT PRIMARY KEY,
  app_id TEXT NOT NULL REFERENCES apps (id),
  role_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  status TEXT NOT NULL,
  ending TEXT,
  starts_ms BIGINT NOT NULL,
  ends_ms BIGINT,
  failure TEXT,
  effect_number BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX memberships_by_app ON memberships (app_id, id);
CREATE INDEX memberships_due ON memberships (status, ends_ms);
-- One living membership per role and account.
CREATE UNIQUE INDEX memberships_living ON memberships (role_id, account_id)
  WHERE status IN ('provisioning', 'active', 'failed', 'deprovisioning');

-- Intent before effect: the row is committed before the target hears of it.
CREATE TABLE operations (
  id TEXT PRIMARY KEY,
  membership_id TEXT NOT NULL REFERENCES memberships (id),
  job_id TEXT NOT NULL,
  verb TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  started_ms BIGINT NOT NULL,
  finished_ms BIGINT,
  outcome TEXT,
  token TEXT
);
CREATE INDEX operations_by_membership ON operations (membership_id, id);

CREATE TABLE idempotency (
  principal_id TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status BIGINT,
  body TEXT,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (principal_id, idempotency_key)
);

CREATE TABLE audit_head (
  id BIGINT PRIMARY KEY,
  sequence BIGINT NOT NULL,
  hash TEXT NOT NULL
);
INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, '');

CREATE TABLE audit (
  sequence BIGINT PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  principal_id TEXT NOT NULL,
  principal_kind TEXT NOT NULL,
  door TEXT NOT NULL,
  action TEXT NOT NULL,
  event TEXT NOT NULL,
  entity_kind TEXT,
  entity_id TEXT,
  is_allowed BIGINT NOT NULL,
  reason TEXT NOT NULL,
  request_id TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE INDEX audit_by_principal ON audit (principal_id, sequence);
