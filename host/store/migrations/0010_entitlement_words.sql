-- What an admin says of an entitlement, beside what its source says (CAT-2, CAT-9). Syncs write the
-- other columns only. NULL: the source's word holds.
ALTER TABLE entitlements ADD COLUMN said_display TEXT;
ALTER TABLE entitlements ADD COLUMN said_description TEXT;
ALTER TABLE entitlements ADD COLUMN said_search TEXT NOT NULL DEFAULT '';
ALTER TABLE entitlements ADD COLUMN said_privileged BIGINT;
ALTER TABLE entitlements ADD COLUMN said_version BIGINT NOT NULL DEFAULT 1;
