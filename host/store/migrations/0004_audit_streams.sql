-- What people are to be told: written in the transaction of the event, handed to channels later.
CREATE TABLE notices (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  integration_id TEXT,
  fields TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  handed_out_ms BIGINT
);
CREATE INDEX notices_waiting ON notices (id) WHERE handed_out_ms IS NULL;

CREATE TABLE channels (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  settings TEXT NOT NULL,
  kinds TEXT NOT NULL,
  recipients TEXT NOT NULL,
  is_enabled BIGINT NOT NULL,
  disabled_reason TEXT,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);

-- Secrets of channels and sinks. An older version with an end is accepted beside the newest one.
CREATE TABLE delivery_secrets (
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  ends_ms BIGINT,
  PRIMARY KEY (owner_id, name, version)
);

CREATE TABLE templates (
  kind TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  version BIGINT NOT NULL
);

-- One message to one receiver. `attempts` is also the fence of a try under way.
CREATE TABLE deliveries (
  id TEXT PRIMARY KEY,
  notice_id TEXT NOT NULL,
  channel_id TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  recipient TEXT NOT NULL,
  fields TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  error TEXT,
  created_ms BIGINT NOT NULL,
  finished_ms BIGINT
);
CREATE INDEX deliveries_due ON deliveries (due_ms) WHERE state = 'waiting';
CREATE INDEX deliveries_by_channel ON deliveries (channel_id, id);

-- Receivers of the audit log. `position` is the last row that the receiver confirmed and `checkpoint`
-- the last checkpoint; `pending` ends a batch that was tried, so that a repetition is the same. `fence`
-- grows with every try, and a try under way holds `due_ms` in the future.
CREATE TABLE audit_sinks (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  settings TEXT NOT NULL,
  is_enabled BIGINT NOT NULL,
  disabled_reason TEXT,
  position BIGINT NOT NULL,
  checkpoint BIGINT NOT NULL,
  pending BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  error TEXT,
  delivered_ms BIGINT,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);

-- Signed: up to this row, the chain had this hash.
CREATE TABLE audit_checkpoints (
  sequence BIGINT PRIMARY KEY,
  hash TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  key_id TEXT NOT NULL,
  signature TEXT NOT NULL
);

CREATE INDEX audit_by_entity ON audit (entity_id, sequence);
