-- Revocations that take too long, and clocks that jump.

-- Since when the access is to be gone, and since when people know that it takes too long.
ALTER TABLE memberships ADD COLUMN revoked_ms BIGINT;
ALTER TABLE memberships ADD COLUMN overdue_ms BIGINT;
UPDATE memberships SET revoked_ms = COALESCE((SELECT MAX(o.started_ms) FROM operations o WHERE o.membership_id = memberships.id AND o.verb = 'revoke'), starts_ms)
  WHERE status = 'deprovisioning';
CREATE INDEX memberships_revoked ON memberships (status, revoked_ms);

-- The last jump of the clock by which memberships end. One row at most.
CREATE TABLE clock_jumps (
  id BIGINT PRIMARY KEY,
  raised_ms BIGINT NOT NULL,
  jump_ms BIGINT NOT NULL,
  held_ms BIGINT
);
