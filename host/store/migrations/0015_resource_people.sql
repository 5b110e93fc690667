-- Who answers for a resource, and who fulfils its manual tasks (PRM-6, INT-9, ADR 11).

-- `source_id` is under which the catalogue keeps the resource: its integration, or the app that lists
-- feed.
CREATE TABLE resource_people (
  resource_id TEXT NOT NULL,
  relation TEXT NOT NULL,
  identity_id TEXT NOT NULL,
  source_id TEXT NOT NULL,
  PRIMARY KEY (resource_id, relation, identity_id)
);
CREATE INDEX resource_people_by_identity ON resource_people (identity_id);
CREATE INDEX resource_people_by_source ON resource_people (source_id, relation, resource_id);

-- A resource whose people nobody has named has no row, and version 1.
CREATE TABLE resource_people_versions (
  resource_id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX resource_people_versions_by_source ON resource_people_versions (source_id);

-- What its holders are recommended as; NULL for most.
ALTER TABLE entitlements ADD COLUMN recommends TEXT;
UPDATE entitlements SET recommends = CASE WHEN details LIKE '%"slug":"maintainer"%' THEN 'maintainer' ELSE 'owner' END
  WHERE details LIKE '%"purpose":"ownership"%';
CREATE INDEX entitlements_recommending ON entitlements (integration_id, resource_id) WHERE recommends IS NOT NULL;
