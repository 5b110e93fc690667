-- Settings of integrations, and what follows from them.

ALTER TABLE integrations ADD COLUMN owner_id TEXT;
ALTER TABLE integrations ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
CREATE INDEX integrations_by_owner ON integrations (owner_id);

-- Whose job it is, for owners, who see only those of their integrations.
ALTER TABLE jobs ADD COLUMN integration_id TEXT;
CREATE INDEX jobs_by_integration ON jobs (integration_id, id);

-- Which setting keeps a membership from being made true, or untrue: a person has to do it.
ALTER TABLE memberships ADD COLUMN waiting TEXT;
