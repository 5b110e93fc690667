-- Registries that want a credential, or are inside the network. The password is in delivery_secrets,
-- under the registry's id.
CREATE TABLE registries (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  settings TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX registries_by_host ON registries (host);
