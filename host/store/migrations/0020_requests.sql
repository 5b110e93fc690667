-- Requests for access, the workflows that decide about them, and who decides in whose place.

CREATE TABLE workflows (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  definition TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);

-- `attention_ms`: when time does something to it next. `summary` is in words, as things were called
-- when it was made.
CREATE TABLE requests (
  id TEXT PRIMARY KEY,
  requester_id TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  duration_ms BIGINT,
  status TEXT NOT NULL,
  summary TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  finished_ms BIGINT,
  attention_ms BIGINT,
  version BIGINT NOT NULL
);
CREATE INDEX requests_by_requester ON requests (requester_id, id);
CREATE INDEX requests_by_identity ON requests (identity_id, id);
CREATE INDEX requests_by_status ON requests (status, id);
CREATE INDEX requests_by_attention ON requests (attention_ms) WHERE attention_ms IS NOT NULL;

-- One row an entitlement that is asked for. The workflow is as it was when the request was made: a
-- change of it does not move the goal of what is under way. An approved one whose membership is not
-- there yet is granted by the next look.
CREATE TABLE request_items (
  request_id TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  app_id TEXT NOT NULL,
  role_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  workflow TEXT NOT NULL,
  facts TEXT NOT NULL,
  approval TEXT NOT NULL,
  status TEXT NOT NULL,
  membership_id TEXT,
  failure TEXT,
  PRIMARY KEY (request_id, position)
);
CREATE INDEX request_items_by_membership ON request_items (membership_id);
-- The same access is asked for once at a time.
CREATE UNIQUE INDEX request_items_pending ON request_items (role_id, account_id) WHERE status = 'pending';

-- Who was asked, for lists and messages. Who may decide is looked up when somebody decides.
CREATE TABLE request_approvers (
  request_id TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
  principal_id TEXT NOT NULL,
  PRIMARY KEY (request_id, principal_id)
);
CREATE INDEX request_approvers_by_person ON request_approvers (principal_id, request_id);

-- What happened to a request, in order: its timeline.
CREATE TABLE request_events (
  request_id TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  principal_id TEXT,
  item BIGINT,
  event TEXT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (request_id, position)
);

-- Who decides in whose place, and until when.
CREATE TABLE delegations (
  principal_id TEXT PRIMARY KEY REFERENCES principals (id) ON DELETE CASCADE,
  delegate_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
  starts_ms BIGINT NOT NULL,
  ends_ms BIGINT NOT NULL
);
CREATE INDEX delegations_by_delegate ON delegations (delegate_id);

-- Whom a notice concerns by name (JSON list of principals).
ALTER TABLE notices ADD COLUMN people TEXT NOT NULL DEFAULT '[]';
