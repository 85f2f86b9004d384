-- Second thoughts about what is open: closing dates put off once or twice, amounts cut, chances of one's own, each told by its event; and
-- what is to happen next.
CREATE TEMP TABLE thoughts ON COMMIT DROP AS
SELECT s.id, s.i, s.owner, d.expected_close_on AS day, d.amount, d.probability, 1 + s.i % 2 AS times, 14 + pg_temp.roll(s.i, 71, 40) AS late,
  round(d.amount * 1.3, -2) AS first, s.at + (now() - s.at) * 0.45 AS once, s.at + (now() - s.at) * 0.85 AS again
FROM sales s JOIN deals d ON d.org_id = current_setting('seed.org')::uuid AND d.id = s.id WHERE s.status = 'open';

UPDATE deals d SET first_close_on = t.day - t.late, slips = t.times FROM thoughts t
WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = t.id AND t.i % 4 = 1 AND t.day IS NOT NULL;
UPDATE deals d SET first_amount = t.first FROM thoughts t
WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = t.id AND t.i % 5 = 3 AND t.amount IS NOT NULL;

INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, x.at, t.owner, 'deal.updated', 'deal', t.id, 2, x.changes
FROM thoughts t CROSS JOIN LATERAL (
  SELECT t.once AS at, jsonb_build_object('expected_close_on', jsonb_build_array(t.day - t.late, t.day - CASE WHEN t.times = 2 THEN t.late / 2 ELSE 0 END)) AS changes
    WHERE t.i % 4 = 1 AND t.day IS NOT NULL
  UNION ALL SELECT t.again, jsonb_build_object('expected_close_on', jsonb_build_array(t.day - t.late / 2, t.day)) WHERE t.i % 4 = 1 AND t.times = 2 AND t.day IS NOT NULL
  UNION ALL SELECT t.again, jsonb_build_object('amount', jsonb_build_array(trim_scale(t.first)::text, trim_scale(t.amount)::text)) WHERE t.i % 5 = 3 AND t.amount IS NOT NULL
  UNION ALL SELECT t.once, jsonb_build_object('probability', jsonb_build_array(null, t.probability)) WHERE t.probability IS NOT NULL) x;

-- What it was made with is what it was first.
UPDATE events e SET changes = jsonb_set(e.changes, '{amount,1}', to_jsonb(trim_scale(t.first)::text)) FROM thoughts t
WHERE e.org_id = current_setting('seed.org')::uuid AND e.record_id = t.id AND e.kind = 'deal.created' AND e.changes ? 'amount' AND t.i % 5 = 3 AND t.amount IS NOT NULL;

UPDATE deals d SET next_step = (ARRAY['Send the revised quote','Call about the delivery dates','Get the signature of the managing director',
    'Book the site visit','Agree the payment terms','Introduce our engineer to theirs','Ask for the purchase order'])[1 + pg_temp.roll(t.i, 72, 7)],
  next_step_on = CASE WHEN t.i % 7 > 0 THEN now()::date - 4 + pg_temp.roll(t.i, 73, 18) END
FROM thoughts t WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = t.id AND t.i % 3 > 0;
