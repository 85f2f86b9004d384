-- Automations of the first pipeline: what a won deal sets off, offers that wait too long, word of large deals; and some of what they did.
CREATE TEMP TABLE board ON COMMIT DROP AS
SELECT p.id AS pipeline, s.id AS stage, s.name, row_number() OVER (ORDER BY s.position) AS place
FROM pipelines p JOIN stages s ON s.org_id = p.org_id AND s.pipeline_id = p.id
WHERE p.org_id = current_setting('seed.org')::uuid AND p.id = (SELECT id FROM pipelines WHERE org_id = current_setting('seed.org')::uuid ORDER BY position, created_at LIMIT 1);
CREATE TEMP TABLE rules ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, x.*, (SELECT pipeline FROM board LIMIT 1) AS pipeline, (SELECT b.stage FROM board b WHERE b.place = x.at) AS stage,
  (SELECT id FROM members m WHERE m.org_id = current_setting('seed.org')::uuid AND m.email = 'admin@demo.test') AS keeper
FROM (VALUES
  (1, 'Welcome a new customer', 'won', NULL::integer, NULL::bigint, true),
  (2, 'Follow the demo up', 'entered', NULL, 3, true),
  (3, 'Offers that go quiet', 'stayed', 14, 4, true),
  (4, 'Second look at lost deals', 'lost', NULL, NULL, false)) x (position, name, event, days, at, active);
INSERT INTO automations (org_id, id, pipeline_id, stage_id, name, event, after_days, position, active_since, saved_by, actions)
SELECT current_setting('seed.org')::uuid, r.id, r.pipeline, r.stage, r.name, r.event, r.days, r.position, CASE WHEN r.active THEN now() END, r.keeper,
  CASE r.position
    WHEN 1 THEN jsonb_build_array(
      jsonb_build_object('id', gen_random_uuid(), 'do', 'plan', 'template', (SELECT id FROM activity_templates t WHERE t.org_id = current_setting('seed.org')::uuid AND t.name = 'New customer')),
      jsonb_build_object('id', gen_random_uuid(), 'do', 'notify', 'owner', false, 'followers', true, 'member', NULL,
        'team', (SELECT id FROM teams t WHERE t.org_id = current_setting('seed.org')::uuid AND t.name = 'Benelux'), 'message', 'a new customer to welcome'))
    WHEN 2 THEN jsonb_build_array(
      jsonb_build_object('id', gen_random_uuid(), 'do', 'plan', 'template', (SELECT id FROM activity_templates t WHERE t.org_id = current_setting('seed.org')::uuid AND t.name = 'Demo, then follow up')),
      jsonb_build_object('id', gen_random_uuid(), 'do', 'set', 'field', 'expected_close_on', 'value', '+45', 'refers', '', 'currency', ''))
    WHEN 3 THEN jsonb_build_array(
      jsonb_build_object('id', gen_random_uuid(), 'do', 'notify', 'owner', true, 'followers', false, 'member', NULL, 'team', NULL, 'message', 'no answer to the offer for two weeks'))
    ELSE jsonb_build_array(
      jsonb_build_object('id', gen_random_uuid(), 'do', 'assign', 'to', jsonb_build_object('team', (SELECT id FROM teams t WHERE t.org_id = current_setting('seed.org')::uuid AND t.name = 'Nordics'))))
  END
FROM rules r;
INSERT INTO automation_runs (org_id, id, automation_id, deal_id, event_id, event, to_stage, status, outcome, error, at)
SELECT current_setting('seed.org')::uuid, gen_random_uuid(), r.id, d.id, gen_random_uuid(), 'won', d.stage_id,
  CASE WHEN d.n = 4 THEN 'failed' ELSE 'done' END,
  CASE WHEN d.n = 4 THEN '{}'::text[] ELSE ARRAY['Planned “Open the account”, “Hand over to service”, “Kick-off on site”, “Ask how it goes”', 'Told a team, whoever follows it (3 people)'] END,
  CASE WHEN d.n = 4 THEN 'The template is not there any more, or retired.' END, coalesce(d.closed_at, now())
FROM rules r CROSS JOIN (SELECT id, stage_id, closed_at, row_number() OVER (ORDER BY closed_at DESC, id) AS n FROM deals
  WHERE org_id = current_setting('seed.org')::uuid AND status = 'won' AND pipeline_id = (SELECT pipeline FROM board LIMIT 1)) d
WHERE r.position = 1 AND d.n <= 6;
