-- What entitlements are like, by the target's native object type (CAT-1 to CAT-3).

-- `declared` is the connector's word (JSON, NULL where it has none), `own` an admin's. A row with
-- `deleted_ms` keeps its entitlements frozen, and a sync from making the type anew by itself.
CREATE TABLE entitlement_types (
  id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  origin TEXT NOT NULL,
  declared TEXT,
  own TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  deleted_ms BIGINT,
  version BIGINT NOT NULL
);
CREATE UNIQUE INDEX entitlement_types_by_name ON entitlement_types (integration_id, name);

-- By what people and files know an entitlement; NULL for its native id. The key does not follow it
-- (ADR 12).
ALTER TABLE entitlements ADD COLUMN known_as TEXT;
