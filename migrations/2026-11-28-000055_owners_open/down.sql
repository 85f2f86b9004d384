DROP INDEX activities_owner;
CREATE INDEX activities_owner ON activities (org_id, owner_id, class, at, id) WHERE closed_at IS NULL AND deleted_at IS NULL;
