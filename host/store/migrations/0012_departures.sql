-- Integrations that go, and people who are expected and who go.

-- Integrations that were deleted, whose catalogue rows are still to be removed, some at a time.
CREATE TABLE leftovers (
  integration_id TEXT PRIMARY KEY,
  created_ms BIGINT NOT NULL
);

-- Where a person gets mail.
ALTER TABLE principals ADD COLUMN mail TEXT;

-- People who were added by the address that they sign in with, until the first sign-in tells who they
-- are at their issuer. `mail_key` is in lower case.
CREATE TABLE expected_people (
  principal_id TEXT PRIMARY KEY REFERENCES principals (id) ON DELETE CASCADE,
  issuer_id TEXT NOT NULL REFERENCES issuers (id),
  mail_key TEXT NOT NULL
);
CREATE UNIQUE INDEX expected_people_by_mail ON expected_people (issuer_id, mail_key);
