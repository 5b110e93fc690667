-- The service desk in which an integration's changes of access are opened as tickets (PRV-4), and the words.
CREATE TABLE ticket_desks (
  integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
  desk_id TEXT NOT NULL REFERENCES integrations (id),
  template TEXT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX ticket_desks_by_desk ON ticket_desks (desk_id);

-- Tickets of operations: what is asked for is written down before the desk hears of it, and is the same for
-- every try. `open_until_ms`: until when somebody may act on it, as far as is known; 0 once it is closed.
-- `is_outdated`: access may have been given after its end, so that its end is not the last word.
CREATE TABLE tickets (
  operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
  round BIGINT NOT NULL,
  desk_id TEXT NOT NULL,
  request TEXT NOT NULL,
  ticket_id TEXT,
  url TEXT,
  stage TEXT NOT NULL,
  native_status TEXT NOT NULL,
  resolution TEXT,
  misses BIGINT NOT NULL,
  is_outdated BIGINT NOT NULL,
  ordered_ms BIGINT NOT NULL,
  looked_ms BIGINT,
  look_ms BIGINT,
  open_until_ms BIGINT NOT NULL,
  PRIMARY KEY (operation_id, round)
);

-- The desk that a job speaks with: only so many jobs do so at a time.
ALTER TABLE jobs ADD COLUMN desk_id TEXT;
