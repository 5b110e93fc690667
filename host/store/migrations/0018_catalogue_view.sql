-- The catalogue as people see it: what is found (CAT-8), what a run changed, and access profiles.

-- Finding entitlements among a million: the orders in which they are listed, and filters that
-- leave few. The index over their words is in dialect.rs, because nothing of it is alike.

-- The first characters of what the source calls it, folded; `name_key` is of the name in force, which
-- may be an admin's. What stands there from before is folded by the database until the row changes.
ALTER TABLE entitlements ADD COLUMN source_key TEXT /* COLLATE "C" */ NOT NULL DEFAULT '';
ALTER TABLE entitlements ADD COLUMN name_key TEXT /* COLLATE "C" */ NOT NULL DEFAULT '';
-- When it was last written, said something of, or removed.
ALTER TABLE entitlements ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;
UPDATE entitlements SET source_key = SUBSTR(LOWER(display), 1, 100), name_key = SUBSTR(LOWER(COALESCE(said_display, display)), 1, 100), changed_ms = COALESCE(removed_ms, first_seen_ms);

CREATE INDEX entitlements_by_name ON entitlements (name_key, id);
CREATE INDEX entitlements_by_kind ON entitlements (kind, name_key, id);
CREATE INDEX entitlements_by_change ON entitlements (changed_ms, id);
CREATE INDEX entitlements_by_app_name ON entitlements (app_id, name_key, id);
CREATE INDEX entitlements_by_resource ON entitlements (resource_id);
CREATE INDEX entitlements_privileged ON entitlements (id) WHERE COALESCE(said_privileged, is_privileged) = 1;
CREATE INDEX entitlements_removed ON entitlements (id) WHERE removed_ms IS NOT NULL;

-- What a run added and changed, by name, as far as it is kept (CAT-11). `holder_id` is of assignments.
CREATE TABLE run_changes (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  change TEXT NOT NULL,
  what TEXT NOT NULL,
  row_id TEXT NOT NULL,
  holder_id TEXT NOT NULL,
  PRIMARY KEY (run_id, position)
);

-- Named sets of entitlements of several apps (CAT-9).
CREATE TABLE access_profiles (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);

-- `display` is what the entitlement was called when it came in: its row may go.
CREATE TABLE access_profile_entitlements (
  profile_id TEXT NOT NULL REFERENCES access_profiles (id) ON DELETE CASCADE,
  entitlement_id TEXT NOT NULL,
  display TEXT NOT NULL,
  PRIMARY KEY (profile_id, entitlement_id)
);
CREATE INDEX access_profiles_of_entitlement ON access_profile_entitlements (entitlement_id);
