-- How much access appeared in a target and waits for a run that reads everything, also beyond what is
-- listed in external_changes (INT-10).
CREATE TABLE appeared_changes (
  integration_id TEXT PRIMARY KEY REFERENCES integrations (id) ON DELETE CASCADE,
  appeared BIGINT NOT NULL
);
INSERT INTO appeared_changes (integration_id, appeared)
  SELECT integration_id, COUNT(*) FROM external_changes WHERE is_concluded = 0 GROUP BY integration_id;
