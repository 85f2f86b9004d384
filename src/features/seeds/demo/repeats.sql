-- What repeats, and templates: a weekly review of the pipeline and a daily look at the inbox, a chain after every demo, and the tasks of
-- a new customer.
CREATE TEMP TABLE repeating ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, t.id AS type_id, t.class, m.id AS owner, x.*, (now() AT TIME ZONE 'Europe/Amsterdam')::date AS today
FROM (VALUES
  ('meeting', 'Pipeline review', 'FREQ=WEEKLY;BYDAY=MO', time '09:15', 30, 'Meeting room 2'),
  ('task', 'Clear the inbox of enquiries', 'FREQ=DAILY', NULL, NULL, NULL)) x (key, subject, rule, at_time, length, place)
JOIN activity_types t ON t.org_id = current_setting('seed.org')::uuid AND t.key = x.key
JOIN members m ON m.org_id = current_setting('seed.org')::uuid AND m.email = 'admin@demo.test';
CREATE TEMP TABLE occurring ON COMMIT DROP AS
SELECT app.uuid7() AS id, r.id AS series, d::date AS day FROM repeating r
CROSS JOIN generate_series(r.today, r.today + 366, interval '1 day') d
WHERE r.rule = 'FREQ=DAILY' OR extract(isodow FROM d) = 1;
INSERT INTO activity_series (org_id, id, rule, starts_on, at_time, zone, made_until, created_by)
SELECT current_setting('seed.org')::uuid, id, rule, (SELECT min(o.day) FROM occurring o WHERE o.series = repeating.id), at_time, 'Europe/Amsterdam', today + 366, owner FROM repeating;
INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, start_at, due_on, minutes, location, created_by, series_id, occurs_on, occurrence)
SELECT current_setting('seed.org')::uuid, o.id, r.type_id, r.class, r.subject, r.owner, (o.day + r.at_time) AT TIME ZONE 'Europe/Amsterdam',
  CASE WHEN r.at_time IS NULL THEN o.day END, r.length, r.place, r.owner, r.id, o.day, 'later'
FROM occurring o JOIN repeating r ON r.id = o.series;
INSERT INTO activity_participants (org_id, id, activity_id, member_id)
SELECT current_setting('seed.org')::uuid, app.uuid7(), o.id, m.id FROM occurring o JOIN repeating r ON r.id = o.series AND r.at_time IS NOT NULL
JOIN members m ON m.org_id = current_setting('seed.org')::uuid AND m.email IN ('manager@demo.test', 'rep@demo.test');

CREATE TEMP TABLE patterns ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, * FROM (VALUES ('Demo, then follow up', 'chain'), ('New customer', 'set')) x (name, kind);
INSERT INTO activity_templates (org_id, id, name, kind) SELECT current_setting('seed.org')::uuid, id, name, kind FROM patterns;
INSERT INTO activity_template_steps (org_id, id, template_id, position, type_id, subject, days, minutes, assignee, priority, checklist)
SELECT current_setting('seed.org')::uuid, gen_random_uuid(), p.id, x.position, t.id, x.subject, x.days, t.minutes, x.assignee, x.priority, x.checklist
FROM (VALUES
  ('Demo, then follow up', 1, 'demo', 'Demo for their team', 3, 'me', 'normal', '{Send the invitation,Ask who will be there,Prepare their own figures}'::text[]),
  ('Demo, then follow up', 2, 'call', 'Call about the demo', 2, 'owner', 'high', '{}'),
  ('Demo, then follow up', 3, 'email', 'Send the offer', 3, 'owner', 'normal', '{}'),
  ('New customer', 1, 'task', 'Open the account', 0, 'me', 'normal', '{Billing address,VAT number,Credit limit}'),
  ('New customer', 2, 'task', 'Hand over to service', 2, 'owner', 'high', '{Contact persons,What was promised}'),
  ('New customer', 3, 'meeting', 'Kick-off on site', 5, 'owner', 'normal', '{}'),
  ('New customer', 4, 'task', 'Ask how it goes', 20, 'owner', 'normal', '{}')) x (name, position, key, subject, days, assignee, priority, checklist)
JOIN patterns p ON p.name = x.name
JOIN activity_types t ON t.org_id = current_setting('seed.org')::uuid AND t.key = x.key;
UPDATE activity_template_steps s SET waits_for = ARRAY[b.id] FROM activity_template_steps b, activity_templates t
WHERE s.org_id = current_setting('seed.org')::uuid AND b.org_id = s.org_id AND t.org_id = s.org_id AND t.id = s.template_id AND t.kind = 'set'
  AND b.template_id = s.template_id AND b.position = s.position - 1 AND s.position BETWEEN 2 AND 3;
