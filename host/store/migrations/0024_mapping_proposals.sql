-- What the rules say of an account that takes a person's word (INT-13): whose it would be, and why it
-- is not.
ALTER TABLE mappings ADD COLUMN proposed_id TEXT;
ALTER TABLE mappings ADD COLUMN proposal TEXT;
CREATE INDEX mappings_proposed ON mappings (integration_id, account_id) WHERE proposal IS NOT NULL;

-- `identities` grows whenever identities of any data source change.
ALTER TABLE mapping_lock ADD COLUMN identities BIGINT NOT NULL DEFAULT 1;

-- Of which identities and rules all mappings of an integration are.
CREATE TABLE mapping_states (
  integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
  identities BIGINT NOT NULL,
  rules_version BIGINT NOT NULL
);

-- Made anew where it is needed.
DROP TABLE account_keys;
