-- $1 open deals, then half as many again closed. Ranks ascend with the deal's number within each stage.
WITH drawn AS (
  SELECT g.i, g.i > $1 AS closed,
    CASE WHEN g.i > $1 THEN now() - interval '730 days' * pg_temp.share(g.i, 41) END AS closed_at,
    interval '8 days' + interval '82 days' * pg_temp.share(g.i, 42) AS age,
    pg_temp.share(g.i, 43) AS stage, pg_temp.share(g.i, 44) AS rest,
    1 + floor(pow(pg_temp.share(g.i, 45), 1.6) * $2)::bigint AS company,
    pg_temp.roll(g.i, 46, (SELECT count(*)::int + 1 FROM owners)) AS owner
  FROM generate_series(1, $1 + $1 * 3 / 2) g(i)
), dated AS (
  SELECT d.*, coalesce(d.closed_at, now() - interval '75 days' * d.rest) - d.age AS at FROM drawn d
), made AS (
  INSERT INTO deals (org_id, id, number, name, company_id, pipeline_id, stage_id, position, amount, currency, probability, expected_close_on,
    owner_id, source, status, lost_reason, lost_to, closed_at, closed_by, stage_entered_at, created_by, created_at, updated_at, version, priority, forecast_override)
  SELECT current_setting('seed.org')::uuid, pg_temp.id(d.at, 'deal', d.i), 1000 + d.i,
    coalesce(split_part(c.name, ' ', 1), w.tail[1 + pg_temp.roll(d.i, 47, cardinality(w.tail))]) || ' ' || w.deal[1 + pg_temp.roll(d.i, 48, cardinality(w.deal))],
    c.id, s.pipeline_id, s.id, pg_temp.rank(d.i),
    CASE WHEN pg_temp.roll(d.i, 49, 25) > 0 THEN round((900 * pow(10, pg_temp.share(d.i, 50) * 2.4))::numeric, -2) END,
    (ARRAY['EUR','EUR','EUR','EUR','EUR','EUR','EUR','EUR','USD','GBP'])[1 + pg_temp.roll(d.i, 51, 10)],
    CASE WHEN pg_temp.roll(d.i, 52, 20) = 0 THEN 5 * pg_temp.roll(d.i, 53, 20) END,
    CASE WHEN d.closed THEN d.closed_at::date ELSE now()::date - 25 + pg_temp.roll(d.i, 54, 200) END,
    o.id, w.source[1 + pg_temp.roll(d.i, 55, cardinality(w.source))],
    CASE WHEN NOT d.closed THEN 'open' WHEN pg_temp.roll(d.i, 56, 100) < 44 THEN 'won' ELSE 'lost' END,
    CASE WHEN d.closed AND pg_temp.roll(d.i, 56, 100) >= 44 THEN w.reason[1 + pg_temp.roll(d.i, 57, cardinality(w.reason))] END,
    CASE WHEN d.closed AND pg_temp.roll(d.i, 56, 100) >= 44 AND w.reason[1 + pg_temp.roll(d.i, 57, cardinality(w.reason))] = 'Chose a competitor' THEN r.id END,
    d.closed_at, CASE WHEN d.closed THEN o.id END, d.at + d.age * d.rest * 0.9, o.id, d.at, coalesce(d.closed_at, d.at), CASE WHEN d.closed THEN 2 ELSE 1 END,
    (ARRAY['urgent','high','normal','low'])[(1 + d.i % 10)::int], CASE WHEN d.i % 25 = 0 THEN (ARRAY['committed','best_case','omitted'])[(1 + d.i / 25 % 3)::int] END
  FROM dated d
  JOIN LATERAL (SELECT s.* FROM seed_stages s WHERE d.stage < s.until ORDER BY s.until LIMIT 1) s ON true
  CROSS JOIN (SELECT
      (SELECT list FROM words WHERE kind = 'tail') tail, (SELECT list FROM words WHERE kind = 'deal') deal,
      (SELECT list FROM words WHERE kind = 'source') source, (SELECT list FROM words WHERE kind = 'reason') reason) w
  LEFT JOIN (SELECT sc.i, sc.id, co.name FROM seed_companies sc JOIN companies co ON co.org_id = current_setting('seed.org')::uuid AND co.id = sc.id) c ON c.i = d.company
  LEFT JOIN owners o ON o.i = d.owner
  LEFT JOIN seed_rivals r ON r.n = d.i % 40
  ORDER BY d.i
  RETURNING id, name, amount, currency, status, owner_id, created_at, closed_at, lost_reason
), created AS (
  INSERT INTO events (org_id, at, id, actor_id, kind, record_type, record_id, version, changes)
  SELECT current_setting('seed.org')::uuid, created_at, id, owner_id, 'deal.created', 'deal', id, 1,
    jsonb_build_object('name', jsonb_build_array(null, name), 'amount', jsonb_build_array(null, amount), 'currency', jsonb_build_array(null, currency))
  FROM made
)
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, closed_at, owner_id, 'deal.' || status, 'deal', id, 2,
  jsonb_build_object('status', jsonb_build_array('open', status)) ||
    CASE WHEN lost_reason IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('lost_reason', jsonb_build_array(null, lost_reason)) END
FROM made WHERE status <> 'open';
