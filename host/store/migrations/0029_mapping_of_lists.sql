-- Accounts of apps that lists feed are mapped and requested as all others (CAT-10, INT-13). As in the
-- catalogue, rows of such an app carry its own id where those of other apps carry their integration's,
-- so these tables point to neither; whoever removes one of the two removes them.
CREATE TABLE mapping_rules_of_sources (
  integration_id TEXT PRIMARY KEY,
  rules TEXT NOT NULL,
  version BIGINT NOT NULL
);
INSERT INTO mapping_rules_of_sources (integration_id, rules, version)
  SELECT integration_id, rules, version FROM mapping_rules;
DROP TABLE mapping_rules;
ALTER TABLE mapping_rules_of_sources RENAME TO mapping_rules;

CREATE TABLE mappings_of_sources (
  account_id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL,
  identity_id TEXT,
  origin TEXT NOT NULL,
  rule BIGINT,
  reason TEXT,
  row_hash BIGINT,
  rules_version BIGINT,
  changed_ms BIGINT,
  version BIGINT NOT NULL,
  proposed_id TEXT,
  proposal TEXT
);
INSERT INTO mappings_of_sources (account_id, integration_id, identity_id, origin, rule, reason, row_hash, rules_version, changed_ms, version, proposed_id, proposal)
  SELECT account_id, integration_id, identity_id, origin, rule, reason, row_hash, rules_version, changed_ms, version, proposed_id, proposal FROM mappings;
DROP TABLE mappings;
ALTER TABLE mappings_of_sources RENAME TO mappings;
CREATE INDEX mappings_by_integration ON mappings (integration_id, account_id);
CREATE INDEX mappings_by_identity ON mappings (identity_id, account_id);
CREATE INDEX mappings_proposed ON mappings (integration_id, account_id) WHERE proposal IS NOT NULL;
CREATE INDEX mappings_claimable ON mappings (account_id) WHERE identity_id IS NULL AND origin <> 'hand' AND reason <> 'no_match';

CREATE TABLE mapping_states_of_sources (
  integration_id TEXT PRIMARY KEY,
  identities BIGINT NOT NULL,
  rules_version BIGINT NOT NULL
);
INSERT INTO mapping_states_of_sources (integration_id, identities, rules_version)
  SELECT integration_id, identities, rules_version FROM mapping_states;
DROP TABLE mapping_states;
ALTER TABLE mapping_states_of_sources RENAME TO mapping_states;

CREATE TABLE request_rules_of_sources (
  subject_id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL,
  rules TEXT NOT NULL,
  version BIGINT NOT NULL
);
INSERT INTO request_rules_of_sources (subject_id, integration_id, rules, version)
  SELECT subject_id, integration_id, rules, version FROM request_rules;
DROP TABLE request_rules;
ALTER TABLE request_rules_of_sources RENAME TO request_rules;
CREATE INDEX request_rules_by_integration ON request_rules (integration_id, subject_id);
