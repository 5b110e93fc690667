-- What is applied is what was compared; what is searched is found on both databases.

-- Lines are staged under a reading of a file. An upload has one reading that counts: whoever reads
-- the file anew gets another one, and nothing is staged into one that is over.
ALTER TABLE uploads ADD COLUMN reading_id TEXT NOT NULL DEFAULT '';
-- Bytes of text that this reading has staged, beside the pieces: both count against a quota.
ALTER TABLE uploads ADD COLUMN staged_bytes BIGINT NOT NULL DEFAULT 0;
-- Whether a person approved that it takes much away: what was approved does not count against later lists.
ALTER TABLE uploads ADD COLUMN is_approved BIGINT NOT NULL DEFAULT 0;
CREATE INDEX uploads_by_principal ON uploads (principal_id, status);
CREATE TABLE upload_readings (
  id TEXT PRIMARY KEY,
  upload_id TEXT NOT NULL
);
INSERT INTO upload_readings (id, upload_id) SELECT id, id FROM uploads WHERE has_rows = 1;
UPDATE uploads SET reading_id = id WHERE has_rows = 1;
ALTER TABLE upload_people RENAME COLUMN upload_id TO reading_id;
ALTER TABLE upload_roles RENAME COLUMN upload_id TO reading_id;
ALTER TABLE upload_grants RENAME COLUMN upload_id TO reading_id;

-- When the target was asked last: what an aggregation read before says nothing about what became of it.
ALTER TABLE operations ADD COLUMN attempted_ms BIGINT;

-- Grows with every lease; `attempts` is only for counting, and begins anew when a person asks.
ALTER TABLE deliveries ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;

-- The detail in lower case where that takes more than the 26 letters, which is all that SQLite's
-- LOWER knows. Beside the chain: the hash is over the detail.
ALTER TABLE audit ADD COLUMN folded TEXT;
