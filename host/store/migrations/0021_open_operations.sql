-- What the target may still do by itself, and what must not be written twice at a time.

-- Until when an operation without a token may still take effect: an invitation that nobody has accepted.
ALTER TABLE operations ADD COLUMN open_until_ms BIGINT;

-- The account and the resource that a provisioning job writes to: one job at a time has each.
ALTER TABLE jobs ADD COLUMN account_id TEXT;
ALTER TABLE jobs ADD COLUMN resource_id TEXT;
UPDATE jobs SET
  account_id = (SELECT m.account_id FROM memberships m WHERE 'provision/' || m.id = jobs.queue),
  resource_id = (SELECT e.resource_id FROM memberships m JOIN entitlements e ON e.id = m.role_id WHERE 'provision/' || m.id = jobs.queue)
  WHERE status IN ('queued', 'running') AND queue LIKE 'provision/%';
