-- Four activities and tasks for each deal there is: three done, and most open deals with one or two to come; ten open tasks in a
-- hundred belong to no deal. One insert each, in the order of their ids.
CREATE TEMP TABLE seed_types ON COMMIT DROP AS
SELECT id, key, class, minutes, name, row_number() OVER (ORDER BY position) - 1 AS i FROM activity_types WHERE org_id = current_setting('seed.org')::uuid;

INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, start_at, due_on, minutes, priority, status, closed_at, closed_by, outcome,
  deal_id, company_id, created_by, created_at, updated_at, version)
SELECT d.org_id, pg_temp.id(x.at, 'done', d.number * 4 + n), t.id, t.class, t.name || ' about ' || lower(d.name), d.owner_id,
  CASE WHEN t.class = 'activity' THEN date_trunc('hour', x.at) END, CASE WHEN t.class = 'task' THEN x.at::date END, t.minutes, 'normal', 'done', x.at, d.owner_id,
  (ARRAY['Went well.', 'Left a message.', 'Asked for references.', NULL])[1 + pg_temp.roll(d.number, 71, 4)],
  d.id, d.company_id, d.owner_id, d.created_at, x.at, 2
FROM deals d CROSS JOIN generate_series(1, 3) n
CROSS JOIN LATERAL (SELECT d.created_at + (coalesce(d.closed_at, now()) - d.created_at) * (n - 0.5) / 3 AS at) x
JOIN seed_types t ON t.i = pg_temp.roll(d.number * 4 + n, 72, 7)
WHERE d.org_id = current_setting('seed.org')::uuid;

INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, start_at, due_on, minutes, priority, status, deal_id, company_id, created_by, created_at, updated_at)
SELECT d.org_id, pg_temp.id(d.created_at, 'open', d.number * 4 + n), t.id, t.class, t.name || ' about ' || lower(d.name), d.owner_id,
  CASE WHEN t.class = 'activity' THEN x.at END, CASE WHEN t.class = 'task' THEN x.at::date END, t.minutes,
  CASE pg_temp.roll(d.number, 73, 8) WHEN 0 THEN 'high' ELSE 'normal' END, CASE WHEN t.class = 'task' AND d.number % 4 = 0 THEN 'in_progress' ELSE 'open' END,
  d.id, d.company_id, d.owner_id, d.created_at, d.created_at
FROM deals d CROSS JOIN generate_series(1, 3) n
CROSS JOIN LATERAL (SELECT date_trunc('day', now()) + interval '1 day' * (pg_temp.roll(d.number * 4 + n, 74, 45) - 6) + interval '15 minutes' * (28 + pg_temp.roll(d.number * 4 + n, 75, 40)) AS at) x
JOIN seed_types t ON t.i = pg_temp.roll(d.number * 4 + n, 76, 7)
WHERE d.org_id = current_setting('seed.org')::uuid AND d.status = 'open' AND pg_temp.roll(d.number, 77, 10) < 8 AND n <= 1 + pg_temp.roll(d.number, 78, 3);

INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, due_on, status, created_by, created_at, updated_at)
SELECT current_setting('seed.org')::uuid, pg_temp.id(now() - interval '40 days' * pg_temp.share(g, 79), 'task', g), t.id, 'task', 'Task ' || g, o.id,
  CASE WHEN g % 5 > 0 THEN now()::date - 10 + pg_temp.roll(g, 80, 60) END, CASE pg_temp.roll(g, 81, 5) WHEN 0 THEN 'waiting' ELSE 'open' END,
  o.id, now() - interval '40 days' * pg_temp.share(g, 79), now() - interval '40 days' * pg_temp.share(g, 79)
FROM generate_series(1, (SELECT count(*) * 3 / 10 FROM deals WHERE org_id = current_setting('seed.org')::uuid)) g
JOIN owners o ON o.i = g % (SELECT count(*) FROM owners)
JOIN seed_types t ON t.key = 'task';
