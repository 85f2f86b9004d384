-- Territories, how much each takes on, templates of deals, and deals that belong together.
CREATE TEMP TABLE lands ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, x.* FROM (VALUES
  (1, 'Nordics', '{SE,NO,DK,FI}'::text[], NULL::text, NULL::integer, 'Nordics', NULL, 'turns', '{lead,company,deal}'::text[]),
  (2, 'Key accounts', '{}', NULL, 1000, NULL, 'manager@demo.test', 'turns', '{company,deal}'),
  (3, 'Benelux', '{NL,BE,LU}', NULL, NULL, 'Benelux', NULL, 'load', '{lead,company,deal}'),
  (4, 'Food and drink', '{}', 'Food; Beverages; Food and beverage', NULL, NULL, 'rep@demo.test', 'turns', '{company,deal}')
) x (place, name, countries, industry, size_from, team, email, share, covers);
INSERT INTO assignment_rules (org_id, id, position, name, covers, countries, industry, size_from, share, member_id, team_id)
SELECT current_setting('seed.org')::uuid, l.id, l.place, l.name, l.covers, l.countries, l.industry, l.size_from, l.share,
  (SELECT m.id FROM members m WHERE m.org_id = current_setting('seed.org')::uuid AND m.email = l.email),
  (SELECT t.id FROM teams t WHERE t.org_id = current_setting('seed.org')::uuid AND t.name = l.team)
FROM lands l;
INSERT INTO assignment_people (org_id, member_id, capacity, away_from, away_until)
SELECT org_id, id, CASE email WHEN 'manager@demo.test' THEN 50 ELSE 100 END,
  CASE email WHEN 'noor@demo.test' THEN current_date + 10 END, CASE email WHEN 'noor@demo.test' THEN current_date + 24 END
FROM members WHERE org_id = current_setting('seed.org')::uuid AND email IN ('manager@demo.test', 'noor@demo.test');
UPDATE companies c SET territory_id = l.id FROM lands l
WHERE c.org_id = current_setting('seed.org')::uuid AND c.country::text = ANY (l.countries);
UPDATE deals d SET territory_id = c.territory_id FROM companies c
WHERE d.org_id = current_setting('seed.org')::uuid AND c.org_id = d.org_id AND c.id = d.company_id AND c.territory_id IS NOT NULL;
UPDATE leads r SET territory_id = l.id FROM lands l
WHERE r.org_id = current_setting('seed.org')::uuid AND r.country::text = ANY (l.countries);

INSERT INTO deal_templates (org_id, id, name, stage_id, fields, tasks_id, contact_role)
SELECT current_setting('seed.org')::uuid, gen_random_uuid(), x.name,
  (SELECT s.id FROM stages s JOIN pipelines p ON p.org_id = s.org_id AND p.id = s.pipeline_id
   WHERE s.org_id = current_setting('seed.org')::uuid ORDER BY p.position = x.pipeline DESC, p.position, s.position LIMIT 1),
  x.fields, (SELECT t.id FROM activity_templates t WHERE t.org_id = current_setting('seed.org')::uuid AND t.name = x.tasks), x.role
FROM (VALUES
  ('Yearly renewal', 1, '{"name": "{company}: renewal", "close_in": "60", "source": "Renewal"}'::jsonb, NULL, 'decision_maker'),
  ('Pilot', 0, '{"name": "{company} pilot", "amount": "4500", "close_in": "45", "description": "Three months, one site."}', 'Demo, then follow up', 'champion')
) x (name, pipeline, fields, tasks, role);

-- A large deal with its parts, and one that follows another.
CREATE TEMP TABLE related ON COMMIT DROP AS
SELECT id, row_number() OVER (ORDER BY amount DESC NULLS LAST, id) AS n FROM deals
WHERE org_id = current_setting('seed.org')::uuid AND status = 'open' AND deleted_at IS NULL;
INSERT INTO deal_links (org_id, from_id, to_id, kind)
SELECT current_setting('seed.org')::uuid, a.id, b.id, x.kind
FROM (VALUES (1, 5, 'child'), (1, 9, 'child'), (2, 3, 'follows'), (4, 6, 'related')) x (a, b, kind)
JOIN related a ON a.n = x.a JOIN related b ON b.n = x.b;
INSERT INTO deal_links (org_id, from_id, to_id, kind)
SELECT current_setting('seed.org')::uuid, w.id, r.id, 'renewal'
FROM (SELECT id FROM deals WHERE org_id = current_setting('seed.org')::uuid AND status = 'won' ORDER BY closed_at, id LIMIT 1) w, related r WHERE r.n = 7;
