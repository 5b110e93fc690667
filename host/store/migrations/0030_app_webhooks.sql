-- Webhooks that bring changes of access to homegrown apps (PRV-5): one an integration. Signing keys are
-- in delivery_secrets, under the integration's id.
CREATE TABLE app_webhooks (
  integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
  settings TEXT NOT NULL,
  public_url TEXT NOT NULL,
  is_enabled BIGINT NOT NULL,
  disabled_reason TEXT,
  version BIGINT NOT NULL
);

-- By which an app says later what became of a change: one a request that it was sent, of which one is
-- used once.
CREATE TABLE callbacks (
  token_hash TEXT PRIMARY KEY,
  operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
  expires_ms BIGINT NOT NULL,
  is_done BIGINT,
  detail TEXT,
  answered_ms BIGINT
);
CREATE INDEX callbacks_by_operation ON callbacks (operation_id);

-- How often the app has answered for good without bringing the operation to its end: a further request
-- is a new one, and has another id.
ALTER TABLE operations ADD COLUMN round BIGINT NOT NULL DEFAULT 0;
