-- Forty competitors, before the deals that were lost to them.
CREATE TEMP TABLE seed_rivals ON COMMIT DROP AS
SELECT n, gen_random_uuid() AS id, (SELECT list FROM words WHERE kind = 'head') AS heads, (SELECT list FROM words WHERE kind = 'trade') AS trades FROM generate_series(0, 39) n;
INSERT INTO competitors (org_id, id, name, website)
SELECT current_setting('seed.org')::uuid, id, heads[1 + pg_temp.roll(n, 61, cardinality(heads))] || ' ' || trades[1 + n], 'rival' || n || '.example' FROM seed_rivals;
