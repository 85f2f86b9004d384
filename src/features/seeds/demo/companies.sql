-- What the demo company knows about its customers. Dates are relative to today, so that it always looks alive.
CREATE FUNCTION pg_temp.roll(i bigint, salt integer, n integer) RETURNS integer LANGUAGE sql IMMUTABLE
AS $$ SELECT ((hashint8extended($1, $2) & 9007199254740991) % $3)::integer $$;
CREATE FUNCTION pg_temp.share(i bigint, salt integer) RETURNS double precision LANGUAGE sql IMMUTABLE
AS $$ SELECT (hashint8extended($1, $2) & 1048575) / 1048576.0 $$;

CREATE TEMP TABLE owners ON COMMIT DROP AS
SELECT m.id, m.name, row_number() OVER (ORDER BY m.email) - 1 AS i FROM members m
JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id
WHERE m.org_id = current_setting('seed.org')::uuid AND r.key IN ('rep', 'manager');

CREATE TEMP TABLE firms (i bigint, id uuid, name text, domain text, owner uuid, at timestamptz) ON COMMIT DROP;
INSERT INTO firms
SELECT n, app.uuid7(), l.name, l.domain, o.id, now() - interval '430 days' + interval '9 days' * n + interval '1 hour' * pg_temp.roll(n, 1, 8)
FROM (SELECT v.*, row_number() OVER () AS n FROM (VALUES
  ('Brightwater Foods', 'brightwater.example'), ('Kade Logistics', 'kade-logistics.example'), ('Møller & Ravn', 'mollerravn.example'),
  ('De Vier Molens', 'viermolens.example'), ('Norrland Timber', 'norrland-timber.example'), ('Polder Greens', 'poldergreens.example'),
  ('Sint-Anna Brewery', 'sintanna.example'), ('Fjordkyst Seafood', 'fjordkyst.example'), ('Halden Instruments', 'halden.example'),
  ('Atelier Noordzee', 'ateliernoordzee.example'), ('Västra Motors', 'vastramotors.example'), ('Meuse Packaging', 'meusepack.example'),
  ('Blauwe Haven Hotels', 'blauwehaven.example'), ('Kestrel Robotics', 'kestrelrobotics.example'), ('Oud-Zuid Dental', 'oudzuiddental.example'),
  ('Skagen Ceramics', 'skagenceramics.example'), ('Lumen Labs', 'lumenlabs.example'), ('Ardennes Mineral', 'ardennes-mineral.example'),
  ('Tulip Pharma', 'tulippharma.example'), ('Gotland Wool', 'gotlandwool.example'), ('Zeeland Offshore', 'zeelandoffshore.example'),
  ('Hygge Interiors', 'hygge-interiors.example'), ('Rijnmond Steel', 'rijnmondsteel.example'), ('Kvarn Bakeries', 'kvarn.example'),
  ('Delta Cold Storage', 'deltacold.example'), ('Bruges Textiles', 'brugestextiles.example'), ('Uppsala Biotech', 'uppsalabio.example'),
  ('Groene Hart Dairy', 'groenehart.example'), ('Stavanger Marine', 'stavangermarine.example'), ('Maas Electric', 'maaselectric.example'),
  ('Antwerp Gems', 'antwerpgems.example'), ('Pohjola Energy', 'pohjola-energy.example'), ('Waterland Print', 'waterlandprint.example'),
  ('Elvebakk School', 'elvebakk.example'), ('Ypres Ceramics', 'ypresceramics.example'), ('Nordlys Travel', 'nordlystravel.example'),
  ('Haarlem Optics', 'haarlemoptics.example'), ('Öresund Rail', 'oresundrail.example'), ('Kempen Solar', 'kempensolar.example'),
  ('Aarhus Analytics', 'aarhusanalytics.example'), ('Veluwe Camping', 'veluwecamping.example'), ('Silverån Mining', 'silveran.example'),
  ('Leiden Seeds', 'leidenseeds.example'), ('Bergen Fish Market', 'bergenfish.example'), ('Flanders Furniture', 'flandersfurniture.example')
) v(name, domain)) l
JOIN owners o ON o.i = pg_temp.roll(n, 2, (SELECT count(*)::int FROM owners));

INSERT INTO companies (org_id, id, name, domain, industry, employees, annual_revenue, phone, street, city, postal_code, country, owner_id, description, created_by, created_at, updated_at)
SELECT current_setting('seed.org')::uuid, f.id, f.name, f.domain,
  (ARRAY['Food','Logistics','Manufacturing','Retail','Hospitality','Healthcare','Energy','Technology'])[1 + pg_temp.roll(f.i, 3, 8)],
  (8 * pow(10, pg_temp.share(f.i, 4) * 2))::int, round((400000 * pow(10, pg_temp.share(f.i, 5) * 2))::numeric, -4),
  c.phone || lpad((1000000 + pg_temp.roll(f.i, 6, 8999999))::text, 7, '0'), (ARRAY['Havenstraat','Kerkweg','Stationsplein','Industrivej','Storgatan','Kaai'])[1 + pg_temp.roll(f.i, 7, 6)] || ' ' || 1 + pg_temp.roll(f.i, 8, 180),
  c.city, (1000 + pg_temp.roll(f.i, 9, 8999))::text, c.country, f.owner,
  CASE WHEN f.i % 4 = 0 THEN 'Orders through purchasing; delivery to the back gate before ten.' END, f.owner, f.at, f.at
FROM firms f
CROSS JOIN LATERAL (SELECT * FROM (VALUES
  (0, 'Amsterdam', 'NL', '+3120'), (1, 'Rotterdam', 'NL', '+3110'), (2, 'Antwerp', 'BE', '+323'), (3, 'Ghent', 'BE', '+329'),
  (4, 'Copenhagen', 'DK', '+453'), (5, 'Malmö', 'SE', '+4640'), (6, 'Bergen', 'NO', '+475'), (7, 'Utrecht', 'NL', '+3130')
) v(n, city, country, phone) WHERE v.n = pg_temp.roll(f.i, 10, 8)) c;

INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, at, owner, 'company.created', 'company', id, 1,
  jsonb_build_object('name', jsonb_build_array(null, name), 'domain', jsonb_build_array(null, domain)) FROM firms;
