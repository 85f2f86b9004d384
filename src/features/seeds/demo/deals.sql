-- 1…66 open in the first pipeline, 67…84 open in the second, 85…144 closed over the last year. $1: the 144 ranks in order.
CREATE TEMP TABLE steps ON COMMIT DROP AS
SELECT s.id, s.name, s.rotting_days, s.pipeline_id, p.position AS pipeline, s.position AS step, count(*) OVER (PARTITION BY p.id) AS steps
FROM stages s JOIN pipelines p ON p.org_id = s.org_id AND p.id = s.pipeline_id WHERE s.org_id = current_setting('seed.org')::uuid;

CREATE TEMP TABLE sales ON COMMIT DROP AS
SELECT d.*, app.uuid7() AS id, s.id AS stage, s.pipeline_id, s.name AS stage_name,
  f.id AS company, f.name AS company_name, f.owner, -- a week and more in the stage; some stand too long
  CASE WHEN d.closed_at IS NULL THEN now() - interval '1 hour' * (3 + pg_temp.roll(d.i, 32, 24 * CASE WHEN d.i % 6 = 0 THEN 34 ELSE 9 END))
    ELSE d.closed_at - interval '1 day' * (2 + pg_temp.roll(d.i, 32, 12)) END AS entered
FROM (
  SELECT i, CASE WHEN i BETWEEN 67 AND 84 THEN 1 ELSE 0 END AS pipeline,
    CASE WHEN i <= 84 THEN 'open' WHEN i % 5 IN (0, 2) OR i > 136 THEN 'won' ELSE 'lost' END AS status,
    -- The last of them this month, the year before behind them.
    CASE WHEN i > 136 THEN now() - (now() - date_trunc('month', now())) * (i - 136) / 9.0
         WHEN i > 84 THEN now() - interval '1 day' * (8 + (136 - i) * 6.8) END AS closed_at,
    (ARRAY[0,0,0,0,0,1,1,1,1,2,2,2,3,3,4])[1 + pg_temp.roll(i, 31, 15)] AS step
  FROM generate_series(1, 144) i) d
JOIN steps s ON s.pipeline = d.pipeline AND s.step = CASE WHEN d.status = 'won' THEN s.steps - 1 ELSE least(d.step, s.steps - 1) END
JOIN firms f ON f.i = 1 + d.i * 17 % 45;
ALTER TABLE sales ADD COLUMN at timestamptz;
UPDATE sales SET at = entered - interval '1 day' * (1 + 5 * step + pg_temp.roll(i, 33, 10));

INSERT INTO deals (org_id, id, number, name, company_id, pipeline_id, stage_id, position, amount, currency, probability, expected_close_on, owner_id, source,
  status, lost_reason, lost_note, closed_at, closed_by, stage_entered_at, description, priority, forecast_override, created_by, created_at, updated_at, version)
SELECT current_setting('seed.org')::uuid, d.id, 1000 + row_number() OVER (ORDER BY d.at), 
  CASE WHEN d.pipeline = 1 THEN d.company_name || ' renewal ' || to_char(now(), 'YYYY') ELSE
    split_part(d.company_name, ' ', 1) || ' ' || (ARRAY['cold chain pilot','packaging line','spare parts contract','sensor package','warehouse refit','service contract','training days','replacement pumps','second site','framework agreement','starter order','fleet trackers'])[1 + pg_temp.roll(d.i, 34, 12)] END,
  d.company, d.pipeline_id, d.stage, $1[d.i],
  CASE WHEN d.i % 23 > 0 THEN round((2200 * pow(10, pg_temp.share(d.i, 35) * 1.7))::numeric, -2) END,
  CASE WHEN d.i % 12 = 5 THEN 'USD' ELSE 'EUR' END, CASE WHEN d.i % 11 = 0 THEN 40 + 10 * pg_temp.roll(d.i, 36, 5) END,
  CASE WHEN d.closed_at IS NOT NULL THEN d.closed_at::date WHEN d.i % 9 = 4 THEN now()::date - (1 + pg_temp.roll(d.i, 37, 20))
    WHEN d.i % 7 > 0 THEN now()::date + pg_temp.roll(d.i, 37, 80) END,
  d.owner, (ARRAY['Website','Referral','Trade fair','Cold call','Partner','Existing customer'])[1 + pg_temp.roll(d.i, 38, 6)], d.status,
  CASE WHEN d.status = 'lost' THEN (ARRAY['Price','Chose a competitor','No budget','Bad timing','No decision','Not a fit'])[1 + pg_temp.roll(d.i, 39, 6)] END,
  CASE WHEN d.status = 'lost' AND d.i % 4 = 0 THEN 'Asked us to call again after the summer.' END,
  d.closed_at, CASE WHEN d.closed_at IS NOT NULL THEN d.owner END, d.entered,
  CASE WHEN d.i % 3 = 0 THEN 'They want one supplier for all sites, with delivery in two batches.' END,
  (ARRAY['urgent','high','high','normal','normal','normal','low',NULL,NULL])[1 + d.i % 9],
  CASE WHEN d.closed_at IS NULL AND d.i % 8 = 3 THEN (ARRAY['committed','best_case','omitted','committed'])[1 + d.i / 8 % 4] END,
  d.owner, d.at, coalesce(d.closed_at, d.entered), 1 + here.step + CASE WHEN d.closed_at IS NULL THEN 0 ELSE 1 END
FROM sales d JOIN steps here ON here.id = d.stage;
UPDATE counters SET value = 1144 WHERE org_id = current_setting('seed.org')::uuid AND key = 'deal';

-- A stage that should not hold many, and ways of looking that everybody finds under Views.
UPDATE stages SET card_limit = 8 WHERE org_id = current_setting('seed.org')::uuid AND name = 'Negotiation';
INSERT INTO saved_views (org_id, id, record_type, name, owner_id, sharing, query, layout)
SELECT p.org_id, app.uuid7(), 'deal', v.name, m.id, 'all', 'kind=' || v.kind || '&pipeline=' || p.id || v.more, v.layout::jsonb
FROM pipelines p JOIN members m ON m.org_id = p.org_id AND m.email = 'admin@demo.test' CROSS JOIN (VALUES
  ('Quarters ahead', 'forecast', '&unit=quarter', NULL), ('My forecast', 'forecast', '&owner=me', NULL),
  ('Timeline by stage', 'timeline', '&group_by=stage', NULL), ('Closing dates', 'calendar', '', NULL),
  ('Board by owner', 'board', '', '{"lanes": "owner", "order": "amount", "fields": ["company_id", "amount", "expected_close_on", "priority"]}')) v (name, kind, more, layout)
WHERE p.org_id = current_setting('seed.org')::uuid AND p.position = 0;
