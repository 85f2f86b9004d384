ALTER TABLE removed_stages DROP COLUMN probability;
ALTER TABLE deal_months DROP COLUMN own_amount, DROP COLUMN own_weighted;
ALTER TABLE deal_states DROP COLUMN probability;
CREATE INDEX deal_states_from ON deal_states (org_id, pipeline_id, valid_from)
  INCLUDE (deal_id, valid_to, state, stage_id, owner_id, owner_now, currency, amount);
CREATE INDEX deal_states_to ON deal_states (org_id, pipeline_id, valid_to)
  INCLUDE (deal_id, valid_from, stage_id, owner_id, owner_now, currency, amount) WHERE state = 'open' AND valid_to < 'infinity';
CREATE INDEX deal_months_pipeline ON deal_months (org_id, pipeline_id, month) INCLUDE (stage_id, owner_id, owner_now, currency, deals, amount);
