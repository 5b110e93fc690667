-- Where people come from, and who they are (CAT-10).

-- `revision` grows with every applied change of the list: an upload's diff holds for one revision.
-- `columns` are those of the last file, so that an export has them too.
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
  details TEXT NOT NULL,
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

-- Files on their way. What they say is staged beside the lists, so that a list changes in one
-- transaction and a crash leaves the old one. `has_rows`: something is staged still.
CREATE TABLE uploads (
  id TEXT PRIMARY KEY,
  entity_kind TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  principal_id TEXT NOT NULL,
  status TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  row_count BIGINT NOT NULL,
  columns TEXT NOT NULL,
  digest TEXT NOT NULL,
  revision BIGINT NOT NULL,
  diff TEXT NOT NULL,
  diff_hash TEXT NOT NULL,
  has_rows BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  applied_ms BIGINT
);
CREATE INDEX uploads_by_entity ON uploads (entity_kind, entity_id, id);
CREATE INDEX uploads_by_expiry ON uploads (expires_ms);

-- Pieces of a file that a plugin sends over several calls.
CREATE TABLE upload_pieces (
  upload_id TEXT NOT NULL,
  begins BIGINT NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (upload_id, begins)
);

CREATE TABLE upload_people (
  upload_id TEXT NOT NULL,
  id TEXT NOT NULL,
  line BIGINT NOT NULL,
  external_id TEXT NOT NULL,
  user_name TEXT,
  user_name_key TEXT,
  email TEXT,
  email_key TEXT,
  display TEXT NOT NULL,
  is_active BIGINT NOT NULL,
  manager_external_id TEXT,
  details TEXT NOT NULL,
  search TEXT NOT NULL,
  row_hash BIGINT NOT NULL,
  PRIMARY KEY (upload_id, id)
) /* WITHOUT ROWID */;

CREATE TABLE upload_roles (
  upload_id TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  search TEXT NOT NULL,
  details TEXT NOT NULL,
  row_hash BIGINT NOT NULL,
  PRIMARY KEY (upload_id, id)
) /* WITHOUT ROWID */;

CREATE TABLE upload_grants (
  upload_id TEXT NOT NULL,
  role_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  PRIMARY KEY (upload_id, role_id, account_id)
) /* WITHOUT ROWID */;
