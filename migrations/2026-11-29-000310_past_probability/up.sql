-- How likely each open deal was thought to be at any past moment: the weighted totals of that day. What a stage's own probability was then
-- follows from the stage's events.
ALTER TABLE deal_states ADD COLUMN probability smallint; -- the deal's own, while it is open; null: its stage's
ALTER TABLE deal_months
  ADD COLUMN own_amount numeric NOT NULL DEFAULT 0,   -- the part of `amount` that does not follow the stage's probability
  ADD COLUMN own_weighted numeric NOT NULL DEFAULT 0; -- and what that is worth by the deals' own
ALTER TABLE removed_stages ADD COLUMN probability smallint; -- null: removed before this was kept, and no event says it
DROP INDEX deal_states_from, deal_states_to, deal_months_pipeline;
CREATE INDEX deal_states_from ON deal_states (org_id, pipeline_id, valid_from)
  INCLUDE (deal_id, valid_to, state, stage_id, owner_id, owner_now, currency, amount, probability);
CREATE INDEX deal_states_to ON deal_states (org_id, pipeline_id, valid_to)
  INCLUDE (deal_id, valid_from, stage_id, owner_id, owner_now, currency, amount, probability) WHERE state = 'open' AND valid_to < 'infinity';
CREATE INDEX deal_months_pipeline ON deal_months (org_id, pipeline_id, month)
  INCLUDE (stage_id, owner_id, owner_now, currency, deals, amount, own_amount, own_weighted);

SET LOCAL ROLE pipewright_system;
UPDATE removed_stages r SET probability = (
  SELECT (e.changes #>> '{probability,1}')::smallint FROM events e
  WHERE e.org_id = r.org_id AND e.record_id = r.id AND e.record_type = 'stage' AND e.changes ? 'probability' ORDER BY e.at DESC, e.id DESC LIMIT 1);
-- Where deals have, or had, a probability of their own, their past is made anew from the events (migrations/replaceable.sql).
DELETE FROM deal_states WHERE org_id IN (
  SELECT d.org_id FROM deals d WHERE d.probability IS NOT NULL
  UNION SELECT e.org_id FROM events e WHERE e.record_type = 'deal' AND e.changes ? 'probability');
SET LOCAL ROLE pipewright_owner;
