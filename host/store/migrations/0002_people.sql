-- Whom Grantry trusts to say who somebody is, and the people and clients that come from there.

CREATE TABLE issuers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  url TEXT NOT NULL UNIQUE,
  -- The second name that version 1 tokens of Entra ID bear.
  v1_url TEXT UNIQUE,
  tenant_id TEXT,
  audience TEXT NOT NULL,
  client_id TEXT,
  algorithms TEXT NOT NULL,
  address_exception TEXT,
  token_endpoint TEXT,
  allows_sign_up BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);

CREATE TABLE issuer_secrets (
  issuer_id TEXT PRIMARY KEY REFERENCES issuers (id) ON DELETE CASCADE,
  version BIGINT NOT NULL,
  sealed BLOB NOT NULL
);

-- Which application of an issuer a client is. A row outlives its client, so that a deleted client's
-- token can be told from a stranger's.
CREATE TABLE client_registrations (
  principal_id TEXT PRIMARY KEY,
  issuer_id TEXT NOT NULL REFERENCES issuers (id) ON DELETE CASCADE,
  application_id TEXT NOT NULL,
  object_id TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  removed_ms BIGINT
);
CREATE UNIQUE INDEX client_registrations_living ON client_registrations (issuer_id, application_id)
  WHERE removed_ms IS NULL;
CREATE INDEX client_registrations_all ON client_registrations (issuer_id, application_id, created_ms);

-- People who come from an issuer. The local admin has no row here.
CREATE TABLE people (
  principal_id TEXT PRIMARY KEY REFERENCES principals (id) ON DELETE CASCADE,
  issuer_id TEXT NOT NULL REFERENCES issuers (id),
  subject TEXT NOT NULL,
  user_name TEXT NOT NULL,
  signed_in_ms BIGINT
);
CREATE UNIQUE INDEX people_by_subject ON people (issuer_id, subject);

-- What a browser holds is kept as its hash only.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
  issuer_id TEXT,
  created_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL
);
CREATE INDEX sessions_by_principal ON sessions (principal_id, id);

-- A person's own tokens have a name and a scope (JSON); those of clients have neither.
ALTER TABLE tokens ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN scope TEXT;
ALTER TABLE tokens ADD COLUMN used_ms BIGINT;

-- Row 1 is written by the first start: two at once cannot both do it. Row 0 is the lock of changes to
-- roles.
CREATE TABLE first_admin (
  id BIGINT PRIMARY KEY,
  principal_id TEXT NOT NULL
);
INSERT INTO first_admin (id, principal_id) VALUES (0, '');
