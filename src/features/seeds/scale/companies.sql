WITH made AS (
  INSERT INTO companies (org_id, id, name, domain, industry, employees, annual_revenue, phone, street, city, postal_code, country, owner_id, created_at, updated_at)
  SELECT current_setting('seed.org')::uuid, pg_temp.id(g.at, 'company', i), n.name,
    replace(lower(n.stem || '-' || n.trade), ' ', '') || '-' || i || '.example',
    w.industry[1 + pg_temp.roll(i, 5, cardinality(w.industry))],
    (5 * pow(10, pg_temp.share(i, 6) * 3.3))::int,
    round((200000 * pow(10, pg_temp.share(i, 7) * 3.5))::numeric, -3),
    '+3120' || lpad((i % 10000000)::text, 7, '0'),
    n.stem || ' Street ' || 1 + pg_temp.roll(i, 8, 240), w.city[1 + pg_temp.roll(i, 9, cardinality(w.city))],
    (1000 + pg_temp.roll(i, 10, 8999))::text, (ARRAY['NL','NL','NL','BE','DE','DE','DK','SE','FR','GB'])[1 + pg_temp.roll(i, 11, 10)],
    (SELECT id FROM owners WHERE owners.i = pg_temp.roll(g.i, 12, (SELECT count(*)::int FROM owners))), g.at, g.at
  FROM (SELECT i, now() - interval '760 days' + interval '700 days' * (i::double precision / $1) AS at FROM generate_series(1, $1) i) g
  CROSS JOIN (SELECT
      (SELECT list FROM words WHERE kind = 'head') head, (SELECT list FROM words WHERE kind = 'tail') tail,
      (SELECT list FROM words WHERE kind = 'trade') trade, (SELECT list FROM words WHERE kind = 'city') city,
      (SELECT list FROM words WHERE kind = 'industry') industry) w
  CROSS JOIN LATERAL (SELECT
      w.head[1 + (i % cardinality(w.head))::int] || w.tail[1 + (i / cardinality(w.head) % cardinality(w.tail))::int] AS stem,
      w.trade[1 + (pg_temp.roll(i, 3, cardinality(w.trade)))] AS trade) t
  CROSS JOIN LATERAL (SELECT t.stem, t.trade, t.stem || ' ' || t.trade || (ARRAY['', '', ' BV', ' GmbH', ' AB', ' Ltd'])[1 + pg_temp.roll(i, 4, 6)] AS name) n
  ORDER BY i
  RETURNING id, domain
)
INSERT INTO seed_companies SELECT substring(domain FROM '-(\d+)\.example$')::bigint, id FROM made;
