-- Whose an account is (INT-13).

-- In lower case as the other keys are.
ALTER TABLE identities ADD COLUMN external_id_key TEXT;
UPDATE identities SET external_id_key = LOWER(external_id);
CREATE INDEX identities_by_external_id_key ON identities (external_id_key);
ALTER TABLE upload_people ADD COLUMN external_id_key TEXT;

-- An integration without a row has the default rules.
CREATE TABLE mapping_rules (
  integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
  rules TEXT NOT NULL,
  version BIGINT NOT NULL
);

-- One row an account that was looked at. `origin` is who says so: `rule` or `hand`; a mapping by hand
-- to nobody is kept as well. `row_hash` and `rules_version` tell what the account's keys were made of.
-- Rows of accounts that are gone stay, so that what a person said holds when they come back.
CREATE TABLE mappings (
  account_id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  identity_id TEXT,
  origin TEXT NOT NULL,
  rule BIGINT,
  reason TEXT,
  row_hash BIGINT,
  rules_version BIGINT,
  changed_ms BIGINT,
  version BIGINT NOT NULL
);
CREATE INDEX mappings_by_integration ON mappings (integration_id, account_id);
CREATE INDEX mappings_by_identity ON mappings (identity_id, account_id);

-- What the rules make of an account, ready to be compared: a cache, made anew with the rules.
CREATE TABLE account_keys (
  account_id TEXT NOT NULL,
  rule BIGINT NOT NULL,
  value_key TEXT NOT NULL,
  integration_id TEXT NOT NULL,
  field TEXT NOT NULL,
  data_source_id TEXT NOT NULL,
  PRIMARY KEY (account_id, rule, value_key)
) /* WITHOUT ROWID */;
CREATE INDEX account_keys_by_integration ON account_keys (integration_id, account_id);

-- Changes of mappings wait for each other here, so that two that meet never wait in a circle.
CREATE TABLE mapping_lock (
  id BIGINT PRIMARY KEY
);
INSERT INTO mapping_lock (id) VALUES (1);
