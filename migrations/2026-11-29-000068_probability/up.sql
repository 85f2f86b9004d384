-- How likely a stage makes a deal: as the organisation says, or as its own past has it. `probability` is the one in use, everywhere.
ALTER TABLE pipelines ADD COLUMN probability_from text NOT NULL DEFAULT 'stage' CHECK (probability_from IN ('stage', 'history'));
ALTER TABLE stages
  ADD COLUMN default_probability smallint CHECK (default_probability BETWEEN 0 AND 100), -- null: what is in use
  ADD COLUMN wins integer,       -- of the deals that came this far and were decided, how many were won; null: never counted
  ADD COLUMN settled integer,
  ADD COLUMN measured_at timestamptz;
-- How far the decided deals of a pipeline came.
CREATE INDEX deals_decided ON deals (org_id, pipeline_id, closed_at) INCLUDE (stage_id, status) WHERE status <> 'open' AND deleted_at IS NULL;
