-- Scopes of listings that a connector validates as a whole (CAT-12).

-- The scope of its listing that a page is of; empty for none.
ALTER TABLE pages ADD COLUMN scope TEXT NOT NULL DEFAULT '';
CREATE INDEX pages_by_scope ON pages (integration_id, listing, scope, run_id) WHERE scope <> '';

-- What a connector says a scope is validated by, from the run that read or took it over last. It counts
-- once that run has succeeded, with the plugin, connection and kinds that `basis` stands for, and while
-- all `page_count` pages of it are trusted. `row_count` is how many rows it listed, and `read_ms` when.
CREATE TABLE scopes (
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  listing TEXT NOT NULL,
  scope TEXT NOT NULL,
  run_id TEXT NOT NULL,
  validator TEXT NOT NULL,
  basis TEXT NOT NULL,
  page_count BIGINT NOT NULL,
  row_count BIGINT NOT NULL,
  read_ms BIGINT NOT NULL,
  PRIMARY KEY (integration_id, listing, scope)
);
