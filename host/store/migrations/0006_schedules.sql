-- When integrations are aggregated by themselves, and what a run tells about itself.

-- `plan` is what a person set (JSON); `next_due_ms` follows from it. The last time that the schedule
-- was due: what came of it, and the run that it started.
CREATE TABLE schedules (
  id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  plan TEXT NOT NULL,
  is_enabled BIGINT NOT NULL,
  next_due_ms BIGINT,
  last_outcome TEXT,
  last_due_ms BIGINT,
  last_run_id TEXT,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX schedules_by_integration ON schedules (integration_id, id);
CREATE INDEX schedules_due ON schedules (is_enabled, next_due_ms);

-- The schedule that ordered a run; NULL where a person did. It may be gone.
ALTER TABLE runs ADD COLUMN schedule_id TEXT;

-- The first lines of the connector's log.
CREATE TABLE run_log (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  fields TEXT NOT NULL,
  PRIMARY KEY (run_id, position)
);
