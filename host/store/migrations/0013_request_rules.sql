-- How single resources and entitlements are requested, where an admin says something else than their
-- integration's settings (INT-8, INT-12). The id is a catalogue key: no two tables share one.
CREATE TABLE request_rules (
  subject_id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  rules TEXT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX request_rules_by_integration ON request_rules (integration_id, subject_id);
