-- What stands in its stage for too long, stage by stage: each has its own patience.
CREATE INDEX deals_rotting ON deals (org_id, stage_id, stage_entered_at)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
