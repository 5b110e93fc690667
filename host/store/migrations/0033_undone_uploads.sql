-- When what a list of entitlements removed was brought back (CAT-7); null where it was not.
ALTER TABLE uploads ADD COLUMN undone_ms BIGINT;
