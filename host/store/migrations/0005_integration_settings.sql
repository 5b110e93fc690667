-- Settings of integrations, and what follows from them.

ALTER TABLE integrations ADD COLUMN owner_id TEXT;
ALTER TABLE integrations ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
CREATE INDEX integrations_by_owner ON integrations (owner_id);

-- Which setting keeps a membership from being made true, or untrue: a person has to do it.
ALTER TABLE memberships ADD COLUMN waiting TEXT;
