-- How the access to single entitlements is made true, where an admin says something else than their
-- integration's settings (PRV-1, PRV-3).
CREATE TABLE entitlement_methods (
  entitlement_id TEXT PRIMARY KEY,
  integration_id TEXT NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  method TEXT,
  version BIGINT NOT NULL
);
CREATE INDEX entitlement_methods_by_integration ON entitlement_methods (integration_id, entitlement_id);

-- What people have to do in targets: one task an effect of a membership. The names are those of the
-- moment when it was opened. `remind_ms`: when its people are told again.
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  membership_id TEXT NOT NULL REFERENCES memberships (id) ON DELETE CASCADE,
  operation_id TEXT NOT NULL UNIQUE,
  app_id TEXT NOT NULL,
  verb TEXT NOT NULL,
  role TEXT NOT NULL,
  account TEXT NOT NULL,
  app TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  state TEXT NOT NULL,
  note TEXT NOT NULL,
  decided_by TEXT,
  decided_ms BIGINT,
  created_ms BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  remind_ms BIGINT
);
CREATE INDEX tasks_by_state ON tasks (state, id);
CREATE INDEX tasks_by_app ON tasks (app_id, id);
CREATE INDEX tasks_by_membership ON tasks (membership_id);
CREATE INDEX tasks_by_reminder ON tasks (remind_ms) WHERE remind_ms IS NOT NULL;

-- Whom a task was given to by name; without anybody the owner of the app's integration has it.
CREATE TABLE task_people (
  task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
  PRIMARY KEY (task_id, principal_id)
);
CREATE INDEX task_people_by_person ON task_people (principal_id, task_id);

-- Memberships that wait for a person already.
INSERT INTO tasks (id, membership_id, operation_id, app_id, verb, role, account, app, reason, detail, state, note, decided_by, decided_ms, created_ms, due_ms, remind_ms)
  SELECT 'task-' || m.id, m.id, m.id || '-' || m.effect_number, m.app_id, CASE m.status WHEN 'provisioning' THEN 'grant' ELSE 'revoke' END, COALESCE(e.said_display, e.display, m.role_id), COALESCE(o.display, m.account_id), COALESCE(a.name, m.app_id), m.waiting, '', 'open', '', NULL, NULL, m.created_ms, m.created_ms + 259200000, m.created_ms + 259200000
  FROM memberships m LEFT JOIN entitlements e ON e.id = m.role_id LEFT JOIN objects o ON o.id = m.account_id LEFT JOIN apps a ON a.id = m.app_id
  WHERE m.status IN ('provisioning', 'deprovisioning') AND m.waiting IN ('integration_read_only', 'account_creation_off', 'manual');
