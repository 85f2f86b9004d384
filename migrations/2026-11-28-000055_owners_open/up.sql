-- How much everybody has before them is counted from this index alone: what is late and what is due is in it.
DROP INDEX activities_owner;
CREATE INDEX activities_owner ON activities (org_id, owner_id, class, at, id) INCLUDE (start_at, due_on, occurrence)
  WHERE closed_at IS NULL AND deleted_at IS NULL;
