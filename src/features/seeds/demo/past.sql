-- What happened to open deals in the last four weeks besides moving on: worth more or less, another owner, slipped back, reopened.
WITH turned AS (
  UPDATE deals d SET amount = round(d.amount * (ARRAY[1.25, 0.8, 1.4, 0.9])[1 + s.i % 4], -2), amount_from = 'hand', version = d.version + 1,
    updated_at = greatest(d.updated_at, d.stage_entered_at + (now() - d.stage_entered_at) * 0.6)
  FROM sales s WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = s.id AND d.status = 'open' AND d.amount > 2500 AND s.i % 5 = 2
  RETURNING d.id, d.owner_id, d.version, d.updated_at, d.amount, (ARRAY[1.25, 0.8, 1.4, 0.9])[1 + s.i % 4] AS by)
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, updated_at, owner_id, 'deal.updated', 'deal', id, version,
  jsonb_build_object('amount', jsonb_build_array(trim_scale(round(amount / by, -2))::text, trim_scale(amount)::text))
FROM turned;

-- Slipped back one stage in the last days: they came a while ago, and had been one further.
CREATE TEMP TABLE slipping ON COMMIT DROP AS
SELECT s.id, jsonb_build_object('id', here.id, 'name', here.name) AS here, jsonb_build_object('id', ahead.id, 'name', ahead.name) AS ahead,
  now() - make_interval(days => 3 + s.i % 6) AS back
FROM sales s JOIN steps here ON here.id = s.stage JOIN steps ahead ON ahead.pipeline_id = s.pipeline_id AND ahead.step = here.step + 1
WHERE s.status = 'open' AND s.i % 7 = 4 AND s.i % 5 <> 2 AND s.id NOT IN (SELECT deal_id FROM talked);
UPDATE events e SET at = e.at - interval '45 days' FROM slipping b
WHERE e.org_id = current_setting('seed.org')::uuid AND e.record_type = 'deal' AND e.record_id = b.id AND e.kind IN ('deal.created', 'deal.moved');
WITH moved AS (
  UPDATE deals d SET version = d.version + 2, created_at = d.created_at - interval '45 days', stage_entered_at = b.back, updated_at = b.back
  FROM slipping b WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = b.id
  RETURNING d.id, d.owner_id, d.version, b.here, b.ahead, b.back)
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes, data)
SELECT current_setting('seed.org')::uuid, CASE n WHEN 1 THEN now() - interval '32 days' ELSE m.back END, m.owner_id, 'deal.moved', 'deal', m.id, m.version - 2 + n,
  jsonb_build_object('stage_id', CASE n WHEN 1 THEN jsonb_build_array(m.here, m.ahead) ELSE jsonb_build_array(m.ahead, m.here) END),
  jsonb_build_object('from_stage', CASE n WHEN 1 THEN m.here ELSE m.ahead END, 'to_stage', CASE n WHEN 1 THEN m.ahead ELSE m.here END,
    'seconds_in_stage', CASE n WHEN 1 THEN 1209600 ELSE extract(epoch FROM m.back - (now() - interval '32 days'))::bigint END)
FROM moved m CROSS JOIN generate_series(1, 2) n;

-- Lost a good while ago, and open again.
WITH lost AS (
  SELECT d.id, d.lost_reason, d.lost_note FROM deals d JOIN sales s ON s.id = d.id
  WHERE d.org_id = current_setting('seed.org')::uuid AND d.status = 'lost' AND d.closed_at < now() - interval '29 days' ORDER BY d.closed_at DESC LIMIT 2
), reopened AS (
  UPDATE deals d SET status = 'open', closed_at = NULL, closed_by = NULL, lost_reason = NULL, lost_note = NULL, version = d.version + 1,
    stage_entered_at = now() - interval '8 days 3 hours', updated_at = now() - interval '8 days 3 hours', expected_close_on = now()::date + 24
  FROM lost WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = lost.id RETURNING d.id, d.owner_id, d.version, d.updated_at)
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, updated_at, owner_id, 'deal.reopened', 'deal', id, version, '{"status": ["lost", "open"]}' FROM reopened;

-- Targets of this year and of what people do in this month.
CREATE TEMP TABLE aims ON COMMIT DROP AS
SELECT m.id AS member, NULL::uuid AS team, 'amount' AS measure, NULL::uuid AS kind, 'month' AS unit, month::date AS month,
  CASE m.email WHEN 'rep@demo.test' THEN 95000 WHEN 'elin@demo.test' THEN 150000 ELSE 125000 END AS value
FROM members m CROSS JOIN generate_series(date_trunc('year', now()), date_trunc('year', now()) + interval '11 months', interval '1 month') month
WHERE m.org_id = current_setting('seed.org')::uuid AND m.email IN ('rep@demo.test', 'elin@demo.test', 'noor@demo.test')
UNION ALL
SELECT NULL, t.id, 'amount', NULL, 'month', month::date, CASE t.name WHEN 'Benelux' THEN 210000 ELSE 150000 END
FROM teams t CROSS JOIN generate_series(date_trunc('year', now()), date_trunc('year', now()) + interval '11 months', interval '1 month') month
WHERE t.org_id = current_setting('seed.org')::uuid
UNION ALL
SELECT NULL, NULL, 'amount', NULL, 'month', month::date, 360000
FROM generate_series(date_trunc('year', now()), date_trunc('year', now()) + interval '11 months', interval '1 month') month
UNION ALL
SELECT NULL, NULL, 'deals', NULL, 'month', date_trunc('month', now())::date, 10
UNION ALL
SELECT m.id, NULL, 'activities', k.id, 'month', date_trunc('month', now())::date, 25 FROM members m JOIN activity_types k ON k.org_id = m.org_id AND k.key = 'call'
WHERE m.org_id = current_setting('seed.org')::uuid AND m.email IN ('rep@demo.test', 'noor@demo.test');
WITH made AS (
  INSERT INTO targets (org_id, id, member_id, team_id, measure, activity_type_id, unit, starts_on, value, updated_by, updated_at)
  SELECT current_setting('seed.org')::uuid, app.uuid7(), a.member, a.team, a.measure, a.kind, a.unit, a.month, a.value, j.id, now() - interval '40 days'
  FROM aims a CROSS JOIN (SELECT id FROM members WHERE org_id = current_setting('seed.org')::uuid AND email = 'manager@demo.test') j
  RETURNING *)
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, changes, data)
SELECT org_id, updated_at, updated_by, 'target.set', 'target', id, jsonb_build_object('value', jsonb_build_array(NULL, trim_scale(value)::text)),
  jsonb_build_object('whose', CASE WHEN member_id IS NOT NULL THEN 'member-' || member_id WHEN team_id IS NOT NULL THEN 'team-' || team_id ELSE 'all' END,
    'name', coalesce((SELECT m.name FROM members m WHERE m.org_id = made.org_id AND m.id = made.member_id),
      (SELECT t.name FROM teams t WHERE t.org_id = made.org_id AND t.id = made.team_id), 'Everybody'),
    'measure', measure, 'unit', unit, 'starts_on', starts_on, 'pipeline_id', pipeline_id, 'activity_type_id', activity_type_id)
FROM made;
