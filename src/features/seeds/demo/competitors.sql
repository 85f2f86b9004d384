-- Whom Aurelia sells against, who weighs what at its customers', and how deals ended.
CREATE TEMP TABLE rivals ON COMMIT DROP AS
SELECT i, app.uuid7() AS id, name, website, notes FROM (VALUES
  (0, 'Nordpack', 'nordpack.example', 'Cheap machines, slow service. We win on delivery times.'),
  (1, 'Frostline Systems', 'frostline.example', 'Strong in cold chain; their sensors are better than ours.'),
  (2, 'Van Houten Techniek', 'vht.example', 'Local, well liked. Small: cannot do two sites at once.'),
  (3, 'Pallas Supply', NULL, NULL)) v (i, name, website, notes);
INSERT INTO competitors (org_id, id, name, website, notes) SELECT current_setting('seed.org')::uuid, id, name, website, notes FROM rivals;
INSERT INTO competitors (org_id, id, name, retired_at) VALUES (current_setting('seed.org')::uuid, app.uuid7(), 'Baltic Machines (closed down)', now() - interval '200 days');

INSERT INTO deal_competitors (org_id, deal_id, competitor_id, strengths, weaknesses)
SELECT current_setting('seed.org')::uuid, s.id, r.id,
  CASE WHEN s.i % 2 = 0 THEN (ARRAY['Ten per cent cheaper','They know the managing director','Can deliver before Christmas'])[1 + pg_temp.roll(s.i, 81, 3)] END,
  CASE WHEN s.i % 3 = 0 THEN (ARRAY['No service within a day','Two complaints last year','No references in their trade'])[1 + pg_temp.roll(s.i, 82, 3)] END
FROM sales s JOIN rivals r ON r.i = pg_temp.roll(s.i, 83, 4) OR s.i % 10 = 0 AND r.i = (pg_temp.roll(s.i, 83, 4) + 1) % 4
WHERE s.i % 3 = 0 OR s.status = 'lost';
UPDATE deals d SET lost_to = r.id FROM sales s JOIN rivals r ON r.i = pg_temp.roll(s.i, 83, 4)
WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = s.id AND d.status = 'lost' AND (d.lost_reason = 'Chose a competitor' OR s.i % 4 = 0);
UPDATE deals d SET won_reason = (ARRAY['Price','Quality','Service','Relationship','Delivery time'])[1 + pg_temp.roll(s.i, 84, 5)] FROM sales s
WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = s.id AND d.status = 'won' AND s.i % 3 > 0;

UPDATE deal_contacts c SET
  influence = (ARRAY['high','medium','low'])[1 + pg_temp.roll(s.i + ascii(c.role), 85, 3)],
  stance = CASE WHEN s.i % 4 > 0 THEN (ARRAY['supports','neutral','opposes','supports'])[1 + pg_temp.roll(s.i + ascii(c.role), 86, 4)] END,
  role = CASE WHEN c.role = 'decision_maker' AND s.i % 6 = 1 THEN 'economic_buyer' WHEN c.role = 'user' AND s.i % 5 = 2 THEN 'blocker' ELSE c.role END
FROM sales s WHERE c.org_id = current_setting('seed.org')::uuid AND c.deal_id = s.id AND s.i % 5 > 0;

-- New business learns from its own past: counted by the first nightly round.
UPDATE pipelines p SET probability_from = 'history' FROM steps t WHERE p.org_id = current_setting('seed.org')::uuid AND p.id = t.pipeline_id AND t.pipeline = 0;
