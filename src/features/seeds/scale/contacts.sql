WITH made AS (
  INSERT INTO contacts (org_id, id, first_name, last_name, title, email, phone, company_id, city, country, owner_id, lifecycle, created_at, updated_at)
  SELECT current_setting('seed.org')::uuid, pg_temp.id(g.at, 'contact', g.i), n.first, n.last,
    w.job[1 + pg_temp.roll(g.i, 25, cardinality(w.job))],
    regexp_replace(app.fold(n.first || '.' || n.last), '[^a-z.]', '', 'g') || g.i || '@' || (ARRAY['example.com','example.net','example.org'])[1 + pg_temp.roll(g.i, 26, 3)],
    CASE WHEN pg_temp.roll(g.i, 27, 4) > 0 THEN '+316' || lpad((10000000 + g.i)::text, 8, '0') END,
    c.id, w.city[1 + pg_temp.roll(g.i, 29, cardinality(w.city))], (ARRAY['NL','NL','NL','BE','DE','DE','DK','SE','FR','GB'])[1 + pg_temp.roll(g.i, 30, 10)],
    o.id, (ARRAY['lead','lead','lead','qualified','qualified','customer','customer','former'])[1 + pg_temp.roll(g.i, 32, 8)], g.at, g.at
  FROM (SELECT i, now() - interval '730 days' + interval '729 days' * (i::double precision / $1) AS at,
      1 + floor(pow(pg_temp.share(i, 28), 1.6) * $2)::bigint AS company, pg_temp.roll(i, 31, (SELECT count(*)::int + 1 FROM owners)) AS owner
    FROM generate_series(1, $1) i) g
  CROSS JOIN (SELECT
      (SELECT list FROM words WHERE kind = 'first') first, (SELECT list FROM words WHERE kind = 'last') last,
      (SELECT list FROM words WHERE kind = 'job') job, (SELECT list FROM words WHERE kind = 'city') city) w
  CROSS JOIN LATERAL (SELECT w.first[1 + floor(pow(pg_temp.share(g.i, 21), 1.4) * cardinality(w.first))::int] AS first,
      w.last[1 + floor(pow(pg_temp.share(g.i, 22), 1.4) * cardinality(w.last))::int]
        || CASE WHEN pg_temp.roll(g.i, 23, 6) = 0 THEN '-' || w.last[1 + pg_temp.roll(g.i, 24, cardinality(w.last))] ELSE '' END AS last) n
  LEFT JOIN seed_companies c ON c.i = g.company AND pg_temp.roll(g.i, 33, 20) > 0
  LEFT JOIN owners o ON o.i = g.owner
  ORDER BY g.i
  RETURNING id, first_name, last_name, email, created_at
)
INSERT INTO events (org_id, at, id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, created_at, id, 'contact.created', 'contact', id, 1,
  jsonb_build_object('first_name', jsonb_build_array(null, first_name), 'last_name', jsonb_build_array(null, last_name), 'email', jsonb_build_array(null, email))
FROM made;
