-- Whose signatures on plugins are believed (PLG-2). A revoked key stays: what it signed is marked by it,
-- and it cannot be trusted again by mistake.
CREATE TABLE publishers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  public_key TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  revoked_ms BIGINT,
  revoked_reason TEXT
);
CREATE UNIQUE INDEX publishers_by_key ON publishers (key_id);

-- Who signed a plugin, nobody where an admin chose so; and where it was pulled from, by its manifest's
-- digest. The signature's text is kept as evidence: nothing reads it.
ALTER TABLE plugins ADD COLUMN signer_id TEXT REFERENCES publishers (id);
ALTER TABLE plugins ADD COLUMN signature TEXT;
ALTER TABLE plugins ADD COLUMN source TEXT;
