-- What the stages of the first pipeline ask for, and what has been ticked.
WITH asked (step, place, label, required) AS (VALUES
  (0, 0, 'Budget is there', true), (0, 1, 'We know who decides', false),
  (1, 0, 'Need is written down', true), (1, 1, 'Visited on site', false),
  (2, 0, 'Quote sent', true), (2, 1, 'Delivery dates agreed', true), (2, 2, 'References given', false),
  (3, 0, 'Contract checked by finance', true))
INSERT INTO stage_criteria (org_id, id, stage_id, label, required, position)
SELECT current_setting('seed.org')::uuid, app.uuid7(), s.id, a.label, a.required, a.place FROM asked a JOIN steps s ON s.pipeline = 0 AND s.step = a.step;

UPDATE stages s SET required_fields = CASE t.step WHEN 2 THEN ARRAY['amount'] WHEN 3 THEN ARRAY['amount', 'expected_close_on'] ELSE '{}' END
FROM steps t WHERE s.org_id = current_setting('seed.org')::uuid AND s.id = t.id AND t.pipeline = 0 AND t.step IN (2, 3);

-- What lies behind a deal is done; of where it stands, some.
INSERT INTO deal_criteria (org_id, deal_id, criterion_id, done_by, done_at)
SELECT current_setting('seed.org')::uuid, d.id, c.id, d.owner, d.at + (coalesce(d.closed_at, now()) - d.at) * 0.6
FROM sales d JOIN steps here ON here.id = d.stage
JOIN steps s ON s.pipeline = here.pipeline AND s.step <= here.step
JOIN stage_criteria c ON c.org_id = current_setting('seed.org')::uuid AND c.stage_id = s.id
WHERE d.status <> 'lost' AND (s.step < here.step OR d.status = 'won' OR (d.i + c.position) % 3 = 0);
