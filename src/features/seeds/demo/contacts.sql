CREATE TEMP TABLE people ON COMMIT DROP AS
SELECT g.i, app.uuid7() AS id, first[1 + (g.i * 7 % cardinality(first))::int] AS first_name, last[1 + (g.i * 11 % cardinality(last))::int] AS last_name,
  f.id AS company, f.domain, f.owner, least(f.at + interval '1 day' * (1 + pg_temp.roll(g.i, 21, 30)), now() - interval '2 hours') AS at
FROM generate_series(1, 124) g(i)
CROSS JOIN (SELECT
  '{Chiara,Bram,Elin,Sofie,Magnus,Noor,Henrik,Amélie,Yusuf,Ingrid,Pieter,Aisha,Lars,Fleur,Søren,Marta,Willem,Katja,Ravi,Hanne,Joost,Linnea,Omar,Greta,Thijs,Zoë,Anders,Leila,Ruben,Astrid,Mehmet}'::text[] AS first,
  '{Rossi,Bakker,Lindgren,Peeters,Dahl,Visser,Nygaard,Laurent,Kaya,Holm,Mulder,Haddad,Eriksen,Janssens,Østergaard,Nowak,Smit,Berglund,Iyer,Verhaegen,Kuiper,Sandström,Farah,Brandt,Hoekstra,Claes,Solberg,Rahimi,Prins}'::text[] AS last) w
JOIN firms f ON f.i = 1 + g.i * 13 % 45;

INSERT INTO contacts (org_id, id, first_name, last_name, title, email, phone, company_id, city, country, owner_id, lifecycle, do_not_contact, created_by, created_at, updated_at)
SELECT p.org, p.id, p.first_name, p.last_name,
  (ARRAY['Head of procurement','Operations manager','Buyer','CEO','CFO','Facility manager','IT manager','Office manager','Plant manager','Warehouse manager'])[1 + pg_temp.roll(p.i, 22, 10)],
  regexp_replace(app.fold(p.first_name || '.' || p.last_name), '[^a-z.]', '', 'g') || CASE WHEN p.i > 100 THEN p.i::text ELSE '' END || '@' || p.domain,
  CASE WHEN p.i % 5 > 0 THEN '+316' || 10000000 + pg_temp.roll(p.i, 23, 80000000) END,
  p.company, c.city, c.country, p.owner,
  (ARRAY['lead','qualified','qualified','customer','customer','customer','former'])[1 + pg_temp.roll(p.i, 24, 7)], p.i % 37 = 0, p.owner, p.at, p.at
FROM (SELECT current_setting('seed.org')::uuid AS org, people.* FROM people) p
JOIN companies c ON c.org_id = p.org AND c.id = p.company;

INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, at, owner, 'contact.created', 'contact', id, 1,
  jsonb_build_object('first_name', jsonb_build_array(null, first_name), 'last_name', jsonb_build_array(null, last_name)) FROM people;
