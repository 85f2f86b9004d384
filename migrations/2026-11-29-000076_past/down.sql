DROP TRIGGER IF EXISTS past_insert ON deals;
DROP TRIGGER IF EXISTS past_update ON deals;
DROP TRIGGER IF EXISTS keep_removed ON stages;
DROP TABLE removed_stages, deal_beginnings, deal_months, deal_states;
