-- Settings of integrations, and what follows from them.

ALTER TABLE integrations ADD COLUMN owner_id TEXT;
ALTER TABLE integrations ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
CREATE INDEX integrations_by_owner ON integrations (owner_id);

-- Whose job it is, for owners, who see only those of their integrations.
ALTER TABLE jobs ADD COLUMN integration_id TEXT;
CREATE INDEX jobs_by_integration ON jobs (integration_id, id);

-- Which setting keeps a membership from being made true, or untrue: a person has to do it.
ALTER TABLE memberships ADD COLUMN waiting TEXT;

-- Access that changed in the target without Grantry. Those that a run finds on its pages are not
-- concluded until a run has read everything.
CREATE TABLE external_changes (
  id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  run_id TEXT NOT NULL,
  change TEXT NOT NULL,
  entitlement_id TEXT NOT NULL,
  holder_id TEXT NOT NULL,
  membership_id TEXT,
  found_ms BIGINT NOT NULL,
  is_concluded BIGINT NOT NULL
);
CREATE INDEX external_changes_by_integration ON external_changes (integration_id, is_concluded, id);

-- The plugin version before this one, with its approval: what a roll-back goes back to.
ALTER TABLE integrations ADD COLUMN previous TEXT;
