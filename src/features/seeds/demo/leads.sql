-- People who asked, were met at a fair or were found, and companies of whom only the name is known yet.
CREATE TEMP TABLE prospects ON COMMIT DROP AS
SELECT g.i, app.uuid7() AS id, p.first_name, p.last_name, c.company_name, c.domain, c.city, c.country, c.dial, o.id AS owner,
  now() - interval '75 days' + interval '29 hours' * g.i + interval '1 hour' * pg_temp.roll(g.i, 71, 9) AS at,
  (ARRAY['new','new','new','working','working','working','nurturing','qualified','qualified','disqualified'])[1 + pg_temp.roll(g.i, 72, 10)] AS status,
  (ARRAY['Website form','Website form','Trade fair Hannover','Referral','Webinar','LinkedIn','Cold call','Newsletter'])[1 + pg_temp.roll(g.i, 73, 8)] AS source
FROM generate_series(1, 60) g(i)
JOIN (SELECT v.*, row_number() OVER () AS n FROM (VALUES
  ('Hafenkontor Logistik', 'hafenkontor.example', 'Hamburg', 'DE', '+4940'), ('Alpenrind Molkerei', 'alpenrind.example', 'Rosenheim', 'DE', '+498031'),
  ('Van Loon Bouw', 'vanloonbouw.example', 'Eindhoven', 'NL', '+3140'), ('Tramuntana Wines', 'tramuntana.example', 'Girona', 'ES', '+34972'),
  ('Lindisfarne Textiles', 'lindisfarne.example', 'Newcastle', 'GB', '+44191'), ('Baltic Pellets', 'balticpellets.example', 'Riga', 'LV', '+371'),
  ('Kromme Rijn Fruit', 'krommerijn.example', 'Houten', 'NL', '+3130'), ('Sólheimar Greenhouses', 'solheimar.example', 'Selfoss', 'IS', '+354'),
  ('Moulin de la Lys', 'moulindelalys.example', 'Lille', 'FR', '+33320'), ('Tatra Machines', 'tatramachines.example', 'Poprad', 'SK', '+421'),
  ('Glasrijk Tubbergen', 'glasrijk.example', 'Tubbergen', 'NL', '+31546'), ('Ohře Papers', 'ohre.example', 'Cheb', 'CZ', '+420'),
  ('Ria Formosa Salt', 'riaformosa.example', 'Faro', 'PT', '+351'), ('Donegal Dairies', 'donegaldairies.example', 'Letterkenny', 'IE', '+35374'),
  ('Nordsjø Crane', 'nordsjocrane.example', 'Esbjerg', 'DK', '+4575'), ('Bodensee Optik', 'bodenseeoptik.example', 'Konstanz', 'DE', '+497531'),
  ('Waterloo Cycles', 'waterloocycles.example', 'Waterloo', 'BE', '+322'), ('Savonia Doors', 'savonia.example', 'Kuopio', 'FI', '+35817'),
  ('Trentino Frutta', 'trentinofrutta.example', 'Trento', 'IT', '+390461'), ('Halmstad Glass', 'halmstadglass.example', 'Halmstad', 'SE', '+4635')
) v(company_name, domain, city, country, dial)) c ON c.n = 1 + g.i * 7 % 20
CROSS JOIN (SELECT
  '{Jelle,Carmen,Oskar,Mirjam,Tomasz,Aoife,Lucas,Eva,Hassan,Birgit,Matteo,Saga,Dirk,Inês,Colm,Petra,Youssef,Annika,Gijs,Renata,Viktor}'::text[] AS first,
  '{Hofstra,Vidal,Brenner,Koster,Zielinski,Gallagher,Marchetti,Novotná,Amrani,Lorenz,Pires,Wallin,Terpstra,Kuusela,Byrne,Schreiber,Benali,Holmgren,Dekker}'::text[] AS last) w
CROSS JOIN LATERAL (SELECT
  CASE WHEN g.i % 9 = 0 THEN '' ELSE w.first[1 + (g.i * 5 % 21)::int] END AS first_name,
  CASE WHEN g.i % 9 = 0 THEN '' ELSE w.last[1 + (g.i * 11 % 19)::int] END AS last_name) p
JOIN owners o ON o.i = pg_temp.roll(g.i, 74, (SELECT count(*)::int FROM owners));

INSERT INTO leads (org_id, id, first_name, last_name, company_name, title, email, phone, domain, city, country, source, campaign, status, score,
  estimated_value, currency, owner_id, do_not_contact, description, created_by, created_at, updated_at)
SELECT current_setting('seed.org')::uuid, p.id, p.first_name, p.last_name, p.company_name,
  CASE WHEN p.last_name <> '' THEN (ARRAY['Operations manager','Buyer','Owner','Plant engineer','Head of logistics','Purchasing','Managing director','Facility manager'])[1 + pg_temp.roll(p.i, 75, 8)] END,
  CASE WHEN p.last_name = '' THEN 'info@' || p.domain ELSE regexp_replace(app.fold(left(p.first_name, 1) || '.' || p.last_name), '[^a-z.]', '', 'g') || '@' || p.domain END,
  CASE WHEN p.i % 3 > 0 THEN p.dial || (200000 + pg_temp.roll(p.i, 76, 700000)) END,
  p.domain, p.city, p.country, p.source,
  CASE p.source WHEN 'Website form' THEN 'Price list' WHEN 'Trade fair Hannover' THEN 'Hannover, autumn' WHEN 'Webinar' THEN 'Autumn webinars' WHEN 'Newsletter' THEN 'October letter' END,
  p.status, CASE WHEN p.i % 5 > 0 THEN 10 + pg_temp.roll(p.i, 77, 90) END,
  CASE WHEN p.i % 4 > 0 THEN round((2000 * pow(10, pg_temp.share(p.i, 78) * 1.4))::numeric, -2) END, 'EUR',
  CASE WHEN p.i % 11 > 0 THEN p.owner END, p.i % 29 = 0,
  CASE WHEN p.i % 6 = 0 THEN 'Asked for a price list and a visit in the new year.' END, p.owner, p.at, p.at
FROM prospects p;

INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, at, owner, 'lead.created', 'lead', id, 1,
  jsonb_build_object('company_name', jsonb_build_array(null, company_name), 'source', jsonb_build_array(null, source)) FROM prospects;

-- A form on the company's site: some of the leads came in through it, and two sendings look like spam. Nobody can guess its token.
INSERT INTO web_forms (org_id, id, token, name, heading, fields, consent_text, thanks, source, campaign, origins)
SELECT current_setting('seed.org')::uuid, app.uuid7(), left(translate(encode(sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea), 'base64'), '+/', '-_'), 43),
  'Price list', 'Ask for our price list',
  '[{"key": "first_name", "label": "First name", "required": false}, {"key": "last_name", "label": "Last name", "required": true},
    {"key": "company_name", "label": "Company", "required": false}, {"key": "email", "label": "E-mail address", "required": true},
    {"key": "country", "label": "Country", "required": true}, {"key": "description", "label": "What do you need?", "required": false}]',
  'You may keep these details and write to me about my question.', 'Thank you. The price list is on its way.', 'Website form', 'Price list',
  '{https://www.example.com}';
INSERT INTO web_submissions (org_id, id, form_id, lead_id, answers, consent_text, page, digest, received_at)
SELECT f.org_id, app.uuid7(), f.id, p.id, jsonb_build_object('last_name', p.last_name), f.consent_text, 'https://www.example.com/prices', p.id::text, p.at
FROM prospects p CROSS JOIN web_forms f WHERE f.org_id = current_setting('seed.org')::uuid AND p.source = 'Website form';
INSERT INTO web_submissions (org_id, id, form_id, answers, consent_text, page, suspicions, digest, received_at)
SELECT f.org_id, app.uuid7(), f.id, s.answers::jsonb, f.consent_text, 'https://www.example.com/prices', ARRAY[s.why], s.why, now() - s.ago
FROM web_forms f CROSS JOIN (VALUES
  ('{"last_name": "Win big at www.casino.example", "email": "luck@casino.example"}', 'a link where a name goes', interval '3 hours'),
  ('{"last_name": "Bot", "email": "bot@example.net", "description": "Rank first in every search."}', 'filled in faster than anybody types', interval '2 days')
) s(answers, why, ago) WHERE f.org_id = current_setting('seed.org')::uuid;
