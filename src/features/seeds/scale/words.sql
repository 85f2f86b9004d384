-- Small word lists and a deterministic die: pg_temp.roll(i, salt, n) is the same number 0…n-1 on every run.
CREATE FUNCTION pg_temp.roll(i bigint, salt integer, n integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ((hashint8extended($1, $2) & 9007199254740991) % $3)::integer $$;
-- A number in [0, 1).
CREATE FUNCTION pg_temp.share(i bigint, salt integer) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (hashint8extended($1, $2) & 1048575) / 1048576.0 $$;
-- A UUIDv7 of that moment.
CREATE FUNCTION pg_temp.id(at timestamptz, kind text, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (lpad(to_hex((extract(epoch FROM $1) * 1000)::bigint), 12, '0') || '7' || substr(md5($2 || $3), 1, 3) || '8' || substr(md5($2 || $3), 4, 15))::uuid $$;
-- The i-th rank of kernel::rank: head `e` and five base-62 digits.
CREATE FUNCTION pg_temp.rank(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'e' || string_agg(substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', ((($1 + 400000000) / d) % 62)::int + 1, 1), '' ORDER BY d DESC)
  FROM unnest(ARRAY[1, 62, 3844, 238328, 14776336]::bigint[]) d $$;

CREATE TEMP TABLE words (kind text PRIMARY KEY, list text[]) ON COMMIT DROP;
INSERT INTO words VALUES
('first', '{Ada,Adriaan,Aisha,Albert,Alice,Amara,Amélie,Anders,Andrea,Anika,Anna,Antoine,Arjun,Astrid,Beatriz,Benjamin,Birgit,Björn,Bruno,Carla,Carmen,Cedric,Chiara,Chloé,Clara,Daan,Daniel,Diego,Dilara,Dmitri,Eduardo,Eleni,Elif,Elin,Elisa,Emil,Emma,Erik,Esther,Fatima,Femke,Filip,Fiona,Franck,Freya,Gabriel,Giulia,Greta,Hanna,Hassan,Hugo,Ibrahim,Ida,Ines,Ingrid,Isabel,Ivan,Jakob,Jasmin,Javier,Jelena,Johan,Jonas,Joost,José,Julia,Jürgen,Karim,Katja,Kenji,Klara,Lars,Laura,Leila,Lena,Leo,Linnea,Lotte,Louis,Luca,Lucía,Maarten,Magnus,Maja,Malik,Marco,Margot,Maria,Marta,Mateusz,Matteo,Maya,Mehmet,Mia,Miguel,Mila,Milan,Mohamed,Nadia,Naomi,Nikolai,Nina,Noah,Noor,Olga,Oliver,Omar,Oskar,Paolo,Paula,Pedro,Petra,Pieter,Priya,Rafael,Ravi,Rosa,Ruben,Saskia,Sofia,Søren,Stefan,Sven,Tariq,Teresa,Thijs,Tomás,Ursula,Valentina,Vera,Viktor,Wei,Willem,Yara,Yusuf,Zoë}'),
('last', '{Aalto,Abbasi,Acker,Adeyemi,Ahmed,Albers,Almeida,Andersen,Andersson,Aydin,Bakker,Barbosa,Bauer,Becker,Bennett,Berg,Bergström,Bianchi,Blom,Bos,Boucher,Brandt,Brouwer,Bruns,Cabrera,Carlsen,Castillo,Chen,Conti,Costa,Cruz,Dahl,Dekker,Delgado,Demir,Desai,Dijkstra,Dubois,Duarte,Eide,Eriksen,Esposito,Farkas,Faure,Fernandes,Ferrari,Fischer,Fournier,Fuchs,Garcia,Gerritsen,Gomez,Green,Gruber,Haas,Hahn,Halvorsen,Hansen,Hartmann,Hendriks,Herrera,Hoekstra,Hoffmann,Holm,Horvat,Hughes,Ivanova,Jacobs,Jansen,Janssen,Jensen,Johansson,Kaya,Keller,Khan,Kim,King,Klein,Koch,Koster,Kovač,Kowalski,Kramer,Kuipers,Lambert,Lange,Larsen,Laurent,Lehmann,Lindqvist,Lombardi,Lopes,Lund,Maas,Martin,Mendes,Meyer,Moreau,Moretti,Mulder,Müller,Nagy,Navarro,Neumann,Nguyen,Nielsen,Novak,Nowak,Okafor,Olsen,Ortega,Osman,Patel,Pereira,Peters,Petit,Petrov,Popescu,Prins,Raman,Ramos,Rasmussen,Reyes,Ricci,Richter,Rossi,Roux,Ruiz,Sánchez,Santos,Schmidt,Schneider,Scholten,Schulz,Silva,Simon,Singh,Smeets,Smit,Smith,Sørensen,Suzuki,Szabó,Tanaka,Torres,Vargas,Verhoeven,Visser,Vogel,Vos,Wagner,Walsh,Weber,Willems,Wolf,Wójcik,Yilmaz,Zimmer}'),
('head', '{Alder,Amber,Anchor,Arden,Ash,Aurora,Bay,Beacon,Birch,Blue,Bridge,Bright,Cedar,Clear,Cobalt,Copper,Coral,Crest,Delta,East,Ember,Fair,Falcon,Fern,Field,Forge,Glen,Gold,Granite,Green,Grove,Harbour,Hazel,High,Iron,Ivory,Juniper,Kestrel,Lake,Lark,Laurel,Linden,Maple,Marsh,Meadow,Mill,Moor,North,Oak,Ocean,Olive,Onyx,Pine,Quarry,Raven,River,Rowan,Sage,Silver,South,Spruce,Stone,Summit,Swift,Thorn,Timber,Vale,Violet,West,Willow}'),
('tail', '{bank,brook,cliff,court,dale,fall,field,ford,gate,grove,hall,haven,hill,holm,house,land,line,mark,mere,mont,peak,point,port,ridge,rock,shore,side,stead,stream,ton,vale,view,wall,water,way,well,wick,wood,works,yard}'),
('trade', '{Analytics,Automation,Bakeries,Biotech,Cables,Catering,Ceramics,Chemicals,Cold Chain,Construction,Dairy,Design,Electric,Energy,Engineering,Fasteners,Foods,Freight,Furniture,Glass,Healthcare,Hotels,Instruments,Insurance,Interiors,Labs,Logistics,Marine,Metals,Mobility,Optics,Packaging,Paper,Pharma,Plastics,Print,Robotics,Seeds,Software,Solar,Steel,Systems,Textiles,Tools,Travel,Water}'),
('city', '{Amsterdam,Antwerp,Barcelona,Bergen,Berlin,Bologna,Bordeaux,Bremen,Brussels,Copenhagen,Dublin,Eindhoven,Gdańsk,Ghent,Gothenburg,Hamburg,Helsinki,Kraków,Köln,Leiden,Lisbon,London,Lyon,Madrid,Malmö,Manchester,Milan,Munich,Oslo,Paris,Porto,Prague,Rotterdam,Seville,Stockholm,Turin,Utrecht,Vienna,Warsaw,Zürich}'),
('industry', '{Agriculture,Construction,Education,Energy,Finance,Food,Healthcare,Hospitality,Logistics,Manufacturing,Media,Public sector,Retail,Technology,Telecommunications}'),
('job', '{Account manager,Buyer,CEO,CFO,COO,CTO,Facility manager,Head of operations,Head of procurement,HR manager,IT manager,Logistics manager,Marketing manager,Office manager,Plant manager,Project manager,Purchasing manager,Quality manager,Sales director,Warehouse manager}'),
('deal', '{annual contract,cold store fit-out,consulting days,data migration,equipment lease,expansion,fleet upgrade,framework agreement,maintenance plan,onboarding,packaging line,pilot,platform licence,renewal,replacement,rollout,sensor package,service contract,spare parts,support plan,training,warehouse refit}'),
('source', '{Website,Referral,Trade fair,Cold call,Partner,Existing customer,Advertisement}'),
('reason', '{Price,Chose a competitor,No budget,Bad timing,No decision,Not a fit}');

CREATE TEMP TABLE owners ON COMMIT DROP AS
SELECT m.id, row_number() OVER (ORDER BY m.email) - 1 AS i FROM members m JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id
WHERE m.org_id = current_setting('seed.org')::uuid AND r.key IN ('rep', 'manager');
CREATE TEMP TABLE seed_companies (i bigint, id uuid) ON COMMIT DROP;
CREATE TEMP TABLE seed_deals (i bigint, id uuid) ON COMMIT DROP;
CREATE TEMP TABLE seed_stages ON COMMIT DROP AS
SELECT s.id, s.pipeline_id, row_number() OVER (ORDER BY p.position, s.position) - 1 AS i, 0::double precision AS until
FROM stages s JOIN pipelines p ON p.org_id = s.org_id AND p.id = s.pipeline_id WHERE s.org_id = current_setting('seed.org')::uuid;
-- Cumulative shares of the open deals: early stages are full, late ones are not.
UPDATE seed_stages SET until = (ARRAY[0.36, 0.56, 0.68, 0.76, 0.80, 0.90, 0.96, 0.985, 1.0])[i + 1];
