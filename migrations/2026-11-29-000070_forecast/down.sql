DROP TRIGGER IF EXISTS forecasts_insert ON deals;
DROP TRIGGER IF EXISTS forecasts_update ON deals;
DROP TRIGGER IF EXISTS forecasts_delete ON deals;
DROP TABLE deal_forecasts;
DROP INDEX deals_won, deals_board_due_owner, deals_forecast_own, deals_board_priority, deals_board_next, deals_board_entered, deals_board_amount, deals_board_due;
ALTER TABLE deals DROP COLUMN priority_key, DROP COLUMN forecast_override, DROP COLUMN priority;
ALTER TABLE stages DROP COLUMN forecast_category;
