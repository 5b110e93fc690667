-- Aggregations that follow a target's change log (CAT-12).

-- What was ordered: `auto`, `full` or `changes`; and whether the run follows feeds instead of reading.
ALTER TABLE runs ADD COLUMN mode TEXT NOT NULL DEFAULT 'full';
ALTER TABLE runs ADD COLUMN is_delta BIGINT NOT NULL DEFAULT 0;

-- Up to where the catalogue follows the feeds of an integration. `positions` is a JSON list; `basis`
-- stands for plugin, connection and kinds; `full_ms` is when the last full run began; `has_left_out` tells
-- that something was left out of the catalogue which a later event may make fit, and `has_stale_objects`
-- that objects did not fit: the catalogue may have them as they were before.
CREATE TABLE followed_feeds (
  integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
  positions TEXT NOT NULL,
  basis TEXT NOT NULL,
  full_ms BIGINT NOT NULL,
  has_left_out BIGINT NOT NULL,
  has_stale_objects BIGINT NOT NULL
);

-- What the feeds say in a run: the last word about each row. `change` is the row as JSON; none where it is
-- gone. `domain` is 0 for objects, 1 for entitlements, 2 for assignments (entitlement, holder); `kind` is
-- the kind of the listing that would have it; `resource_key` is what an entitlement is on.
CREATE TABLE staged_changes (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  domain BIGINT NOT NULL,
  first_key TEXT NOT NULL,
  second_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  resource_key TEXT NOT NULL,
  change TEXT,
  PRIMARY KEY (run_id, domain, first_key, second_key)
);
CREATE INDEX staged_changes_in_order ON staged_changes (run_id, domain, kind, first_key, second_key) WHERE change IS NOT NULL;
CREATE INDEX staged_changes_by_resource ON staged_changes (run_id, domain, resource_key);
CREATE INDEX staged_changes_by_holder ON staged_changes (run_id, domain, second_key);
