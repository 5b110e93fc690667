-- Where people come from, and who they are (CAT-10).

-- `revision` grows with every applied change of the list: an upload's diff holds for one revision.
-- `columns` are the further columns of the last file, so that an export has them too.
CREATE TABLE data_sources (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  columns TEXT NOT NULL,
  revision BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  version BIGINT NOT NULL
);

-- People. The id is derived from the data source and the external id, so that whoever comes back is
-- known again. The `…_key` columns are in lower case, for finding whose an account is.
CREATE TABLE identities (
  id TEXT PRIMARY KEY,
  data_source_id TEXT NOT NULL REFERENCES data_sources (id) ON DELETE CASCADE,
  external_id TEXT NOT NULL,
  user_name TEXT,
  user_name_key TEXT,
  email TEXT,
  email_key TEXT,
  display TEXT NOT NULL,
  is_active BIGINT NOT NULL,
  manager_external_id TEXT,
  attributes TEXT NOT NULL,
  search TEXT NOT NULL,
  row_hash BIGINT NOT NULL,
  first_seen_ms BIGINT NOT NULL,
  removed_ms BIGINT
);
CREATE UNIQUE INDEX identities_by_external_id ON identities (data_source_id, external_id);
CREATE INDEX identities_in_order ON identities (data_source_id, id);
CREATE INDEX identities_by_user_name ON identities (user_name_key);
CREATE INDEX identities_by_email ON identities (email_key);

-- An app without an integration is fed by uploads. Its catalogue rows carry the app's own id where
-- those of other apps carry their integration's.
ALTER TABLE apps ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE apps ADD COLUMN columns TEXT NOT NULL DEFAULT '[]';
ALTER TABLE apps ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
