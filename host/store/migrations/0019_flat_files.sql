-- Apps whose entitlements come by file (CAT-7): which list an app takes, and the hierarchy of what is
-- staged. Of lists of people nothing has a parent.
ALTER TABLE apps ADD COLUMN list_kind TEXT NOT NULL DEFAULT 'members';
ALTER TABLE upload_people ADD COLUMN parent_id TEXT;
CREATE INDEX upload_people_by_parent ON upload_people (reading_id, parent_id) WHERE parent_id IS NOT NULL;
