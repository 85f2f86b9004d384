-- Which category of the forecast a deal counts in: its own, else its stage's. And how pressing it is.
ALTER TABLE stages ADD COLUMN forecast_category text NOT NULL DEFAULT 'pipeline'
  CHECK (forecast_category IN ('committed', 'best_case', 'pipeline', 'omitted'));
ALTER TABLE deals
  ADD COLUMN priority text CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
  ADD COLUMN forecast_override text CHECK (forecast_override IN ('committed', 'best_case', 'pipeline', 'omitted')), -- null: the stage's
  ADD COLUMN priority_key smallint NOT NULL GENERATED ALWAYS AS (
    CASE priority WHEN 'urgent' THEN 4 WHEN 'high' THEN 3 WHEN 'normal' THEN 2 WHEN 'low' THEN 1 ELSE 0 END) STORED;

-- The orders of a board's column. Empty values have a place at the end, so that one row comparison says where a page begins. Under row-level
-- security CASE reaches an index, coalesce does not: the planner takes it for something that may leak.
CREATE INDEX deals_board_due ON deals (org_id, stage_id, (CASE WHEN expected_close_on IS NULL THEN 'infinity'::date ELSE expected_close_on END), id)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_board_amount ON deals (org_id, stage_id, (CASE WHEN amount_key IS NULL THEN -1::bigint ELSE amount_key END) DESC, id DESC)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_board_entered ON deals (org_id, stage_id, stage_entered_at, id)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_board_next ON deals (org_id, stage_id, (CASE WHEN next_activity_at IS NULL THEN 'infinity'::timestamptz ELSE next_activity_at END), id)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_board_priority ON deals (org_id, stage_id, priority_key DESC, id DESC)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
-- Deals with a category of their own are few.
CREATE INDEX deals_forecast_own ON deals (org_id, pipeline_id, forecast_override, (CASE WHEN expected_close_on IS NULL THEN 'infinity'::date ELSE expected_close_on END), id)
  WHERE forecast_override IS NOT NULL AND status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
-- One person's forecast.
CREATE INDEX deals_board_due_owner ON deals (org_id, owner_id, stage_id, (CASE WHEN expected_close_on IS NULL THEN 'infinity'::date ELSE expected_close_on END), id)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
-- What was won in a month of one pipeline, from the index alone.
CREATE INDEX deals_won ON deals (org_id, pipeline_id, closed_at) INCLUDE (owner_id, amount, currency)
  WHERE status = 'won' AND archived_at IS NULL AND deleted_at IS NULL;

-- Kept sums of open deals by the month of their expected close: signed rows, as deal_totals has them.
CREATE TABLE deal_forecasts (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  pipeline_id uuid NOT NULL,
  stage_id uuid NOT NULL,
  owner_id uuid,
  currency char(3) NOT NULL,
  month date,             -- its first day; null: no expected close
  forecast_override text, -- null: the stage's category
  deals bigint NOT NULL,
  amount numeric NOT NULL,
  amount_by_stage numeric NOT NULL,
  weighted_by_deal numeric NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX deal_forecasts_month ON deal_forecasts (org_id, pipeline_id, month)
  INCLUDE (stage_id, owner_id, currency, forecast_override, deals, amount, amount_by_stage, weighted_by_deal);
CALL app.tenant_table('deal_forecasts');

SET LOCAL ROLE pipewright_system;
UPDATE stages SET forecast_category = CASE WHEN probability >= 75 THEN 'committed' ELSE 'best_case' END WHERE probability >= 50;
INSERT INTO deal_forecasts (org_id, pipeline_id, stage_id, owner_id, currency, month, deals, amount, amount_by_stage, weighted_by_deal)
SELECT org_id, pipeline_id, stage_id, owner_id, currency, date_trunc('month', expected_close_on)::date, count(*), coalesce(sum(amount), 0),
  coalesce(sum(amount) FILTER (WHERE probability IS NULL), 0), coalesce(sum(amount * probability / 100), 0)
FROM deals WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
GROUP BY 1, 2, 3, 4, 5, 6;
SET LOCAL ROLE pipewright_owner;
