-- What was done and what is planned: calls, meetings, mails and tasks about the deals, some overdue, some today, most to come; a few
-- open deals have no next step. Times are those of Amsterdam.
CREATE FUNCTION pg_temp.clock(days integer, hour integer, minute integer) RETURNS timestamptz LANGUAGE sql STABLE
AS $$ SELECT ((date_trunc('day', now() AT TIME ZONE 'Europe/Amsterdam') + make_interval(days => days, hours => hour, mins => minute)) AT TIME ZONE 'Europe/Amsterdam') $$;

CREATE TEMP TABLE doings ON COMMIT DROP AS
SELECT app.uuid7() AS id, t.id AS type_id, t.class, t.minutes, x.*,
  (SELECT dc.contact_id FROM deal_contacts dc WHERE dc.org_id = current_setting('seed.org')::uuid AND dc.deal_id = x.deal ORDER BY dc.created_at, dc.contact_id LIMIT 1) AS contact
FROM (
  -- Planned.
  SELECT s.id AS deal, s.company, CASE WHEN s.i % 8 = 3 THEN (SELECT m.id FROM members m WHERE m.org_id = current_setting('seed.org')::uuid AND m.email = 'admin@demo.test') ELSE s.owner END AS owner,
    k.key, NULL::timestamptz AS closed_at, s.entered + interval '2 hours' AS made, s.i + 1000 * n AS i,
    CASE WHEN (s.i + n) % 7 = 1 THEN - (1 + pg_temp.roll(s.i, 61, 4)) WHEN (s.i + n) % 7 IN (2, 3) THEN 0 ELSE 1 + pg_temp.roll(s.i + n, 62, 12) END AS day,
    NULL::text AS outcome
  FROM sales s CROSS JOIN generate_series(0, 1) n
  CROSS JOIN LATERAL (SELECT (ARRAY['call','task','meeting','email','demo','call','task','lunch','meeting','deadline'])[1 + pg_temp.roll(s.i + 7 * n, 63, 10)] AS key) k
  WHERE s.status = 'open' AND s.i % 5 > 0 AND (n = 0 OR s.i % 3 = 0)
  UNION ALL
  -- Done.
  SELECT s.id, s.company, s.owner, k.key, c.at, c.at - interval '4 days', s.i + 5000 * n, NULL,
    (ARRAY['They want the delivery dates in writing.','Budget is confirmed for this year.','Left a message; will try again.','Went well: two more sites may follow.',
      'Asked for references from the same trade.','Decision moves to next month.','Agreed on the scope.', NULL])[1 + pg_temp.roll(s.i + n, 64, 8)]
  FROM sales s CROSS JOIN generate_series(1, 3) n
  CROSS JOIN LATERAL (SELECT (ARRAY['call','email','meeting','call','demo','task'])[1 + pg_temp.roll(s.i + 11 * n, 65, 6)] AS key) k
  CROSS JOIN LATERAL (SELECT least(s.at + (coalesce(s.closed_at, now() - interval '1 hour') - s.at) * n / 4.0, now() - interval '10 minutes') AS at) c
  WHERE n <= 1 + s.i % 3
) x JOIN activity_types t ON t.org_id = current_setting('seed.org')::uuid AND t.key = x.key;
ALTER TABLE doings ADD COLUMN subject text;
UPDATE doings SET subject = (CASE key
  WHEN 'call' THEN ARRAY['Call about the quote','Call purchasing','Check delivery dates','Ask about the budget','Follow up after the visit']
  WHEN 'meeting' THEN ARRAY['Meeting on site','Kick-off with operations','Review of the proposal','Walk through the warehouse']
  WHEN 'email' THEN ARRAY['Send the references','Send service levels','Confirm the dates by mail']
  WHEN 'demo' THEN ARRAY['Demo for the plant team','Demo of the sensors']
  WHEN 'lunch' THEN ARRAY['Lunch with the director','Lunch at the trade fair']
  WHEN 'deadline' THEN ARRAY['Tender closes','Quote expires']
  ELSE ARRAY['Prepare the proposal','Get the drawings','Check credit limit','Update the price list for them','Ask engineering for lead times'] END)
  [1 + pg_temp.roll(i, 66, CASE key WHEN 'call' THEN 5 WHEN 'meeting' THEN 4 WHEN 'email' THEN 3 WHEN 'demo' THEN 2 WHEN 'lunch' THEN 2 WHEN 'deadline' THEN 2 ELSE 5 END)];

INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, start_at, due_on, minutes, priority, status, closed_at, closed_by, outcome, location,
  deal_id, contact_id, company_id, created_by, created_at, updated_at, version)
SELECT current_setting('seed.org')::uuid, id, type_id, class, subject, owner,
  CASE WHEN closed_at IS NOT NULL THEN CASE WHEN class = 'activity' THEN date_trunc('hour', closed_at) END
    WHEN class = 'activity' AND key NOT IN ('deadline', 'email') THEN pg_temp.clock(day, 9 + pg_temp.roll(i, 67, 8), 15 * pg_temp.roll(i, 68, 4)) END,
  CASE WHEN closed_at IS NOT NULL THEN CASE WHEN class = 'task' THEN closed_at::date END
    WHEN class = 'task' AND i % 11 = 0 THEN NULL
    WHEN class = 'task' OR key IN ('deadline', 'email') THEN (now() AT TIME ZONE 'Europe/Amsterdam')::date + day END,
  minutes, CASE WHEN i % 9 = 0 THEN 'high' ELSE 'normal' END,
  CASE WHEN closed_at IS NOT NULL THEN 'done' WHEN class = 'task' AND i % 4 = 1 THEN 'in_progress' WHEN class = 'task' AND i % 6 = 2 THEN 'waiting' ELSE 'open' END,
  closed_at, CASE WHEN closed_at IS NOT NULL THEN owner END, outcome,
  CASE WHEN key IN ('meeting', 'lunch') THEN (ARRAY['Their office','Our office','Warehouse gate 3','Café De Zwaan'])[1 + pg_temp.roll(i, 69, 4)] END,
  deal, contact, company, owner, least(made, now() - interval '5 minutes'), coalesce(closed_at, least(made, now() - interval '5 minutes')), CASE WHEN closed_at IS NULL THEN 1 ELSE 2 END
FROM doings;
INSERT INTO activity_participants (org_id, id, activity_id, contact_id)
SELECT current_setting('seed.org')::uuid, app.uuid7(), id, contact FROM doings WHERE key IN ('meeting', 'demo', 'lunch') AND contact IS NOT NULL;
INSERT INTO activity_checklist (org_id, id, activity_id, text, position, done_at)
SELECT current_setting('seed.org')::uuid, app.uuid7(), d.id, c.text, c.n, CASE WHEN c.n = 1 OR d.closed_at IS NOT NULL THEN coalesce(d.closed_at, now() - interval '1 hour') END
FROM doings d CROSS JOIN (VALUES (1, 'Collect what we know'), (2, 'Ask a colleague to read it'), (3, 'Send it')) c (n, text) WHERE d.key = 'task' AND d.i % 3 = 0;
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, least(made, now() - interval '5 minutes'), owner, 'activity.created', 'activity', id, 1,
  jsonb_build_object('subject', jsonb_build_array(null, subject)) FROM doings;
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, closed_at, owner, 'activity.done', 'activity', id, 2,
  jsonb_build_object('status', jsonb_build_array('open', 'done')) || CASE WHEN outcome IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('outcome', jsonb_build_array(null, outcome)) END
FROM doings WHERE closed_at IS NOT NULL;

-- Colleagues take part in some meetings; guests are invited to the next ones, and some have answered.
INSERT INTO activity_participants (org_id, id, activity_id, member_id)
SELECT current_setting('seed.org')::uuid, app.uuid7(), d.id, m.id FROM doings d
JOIN members m ON m.org_id = current_setting('seed.org')::uuid AND m.email = CASE WHEN d.i % 2 = 0 THEN 'manager@demo.test' ELSE 'rep@demo.test' END
WHERE d.key IN ('meeting', 'demo') AND d.closed_at IS NULL AND d.i % 3 > 0 AND d.owner <> m.id;
INSERT INTO activity_invitations (org_id, activity_id, organiser_id, told)
SELECT current_setting('seed.org')::uuid, d.id, d.owner, '' FROM doings d
JOIN contacts c ON c.org_id = current_setting('seed.org')::uuid AND c.id = d.contact AND c.email IS NOT NULL
WHERE d.key IN ('meeting', 'demo') AND d.closed_at IS NULL AND d.day > 0;
INSERT INTO activity_guests (org_id, id, activity_id, contact_id, name, email, answer, answered_at)
SELECT g.org_id, app.uuid7(), g.activity_id, c.id, btrim(c.first_name || ' ' || c.last_name), lower(c.email), a.answer, CASE WHEN a.answer IS NOT NULL THEN now() - interval '3 hours' END
FROM activity_invitations g JOIN doings d ON d.id = g.activity_id JOIN contacts c ON c.org_id = g.org_id AND c.id = d.contact
CROSS JOIN LATERAL (SELECT (ARRAY['accepted', 'tentative', NULL, 'accepted'])[1 + d.i % 4] AS answer) a WHERE g.org_id = current_setting('seed.org')::uuid;
