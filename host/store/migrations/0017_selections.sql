-- Aggregations of a part of a source (CAT-4).

-- What a run reads: `all`, `accounts` or `entitlements`; `types` is a JSON list, empty for all types.
ALTER TABLE runs ADD COLUMN part TEXT NOT NULL DEFAULT 'all';
ALTER TABLE runs ADD COLUMN types TEXT NOT NULL DEFAULT '[]';

-- The listing that a page is of. Empty: a page from before there was this column, or one of rows that
-- no run has seen; only a run that reads the whole domain misses those.
ALTER TABLE pages ADD COLUMN listing TEXT NOT NULL DEFAULT '';

-- Listings that a run of a part has read whole: what they bring the first time is no external change.
CREATE TABLE listings_read (
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  listing TEXT NOT NULL,
  run_id TEXT NOT NULL,
  read_ms BIGINT NOT NULL,
  PRIMARY KEY (integration_id, listing)
);
