-- The feed tells what people did, not what imports and bulk work did: without this it walked past every row imported this week.
CREATE INDEX events_feed ON events (org_id, at, id) WHERE NOT data ?| ARRAY['import_id', 'operation_id'];
-- The history of targets looked for them among all events.
CREATE INDEX events_targets ON events (org_id, at, id) WHERE kind = 'target.set';
-- The timeline by priority walked every open deal for a priority that few have.
CREATE INDEX deals_priority_close ON deals (org_id, pipeline_id, priority_key, expected_close_on, id)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL AND priority_key > 0;
-- Open deals in an order of the list, the oldest first: without these it walked past every deal that was ever closed.
CREATE INDEX deals_open_number ON deals (org_id, number, id) WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_open_recent ON deals (org_id, created_at, id) WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_open_close ON deals (org_id, expected_close_on, id) WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
