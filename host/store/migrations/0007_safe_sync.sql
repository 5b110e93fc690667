-- What complete aggregations removed, or would remove if a person says so.

-- `hash` stands for the exact set of rows; `losses` counts them by kind (JSON). `ended_ms` is when
-- the last row was removed: from then on the removal can be undone for a while.
CREATE TABLE removals (
  run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  integration_id TEXT NOT NULL,
  state TEXT NOT NULL,
  code TEXT,
  hash TEXT NOT NULL,
  losses TEXT NOT NULL,
  row_count BIGINT NOT NULL,
  decided_by TEXT,
  decided_ms BIGINT,
  created_ms BIGINT NOT NULL,
  ended_ms BIGINT
);
CREATE INDEX removals_by_integration ON removals (integration_id, run_id);

-- The rows, a thousand keys at a time: what is removed in one step. `row_keys` as in `pages`.
CREATE TABLE removal_steps (
  run_id TEXT NOT NULL REFERENCES removals (run_id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  integration_id TEXT NOT NULL,
  what TEXT NOT NULL,
  kind TEXT NOT NULL,
  row_count BIGINT NOT NULL,
  is_approved BIGINT NOT NULL,
  removed_ms BIGINT,
  restored_ms BIGINT,
  row_keys BLOB NOT NULL,
  PRIMARY KEY (run_id, position)
);
CREATE INDEX removal_steps_recent ON removal_steps (integration_id, removed_ms);

-- An integration without a row has the default guard.
CREATE TABLE deletion_guards (
  integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
  guard TEXT NOT NULL,
  version BIGINT NOT NULL
);
