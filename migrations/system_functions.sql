-- Functions owned by pipewright_system; created after the owner's role is put down again.

-- Search documents. `app.reindex` is the one place that says what a document holds. It runs with its caller's rights.

-- Folded words with one space before and after each.
-- (plpgsql, because a SQL function around STABLE parts is not inlined and costs ten times as much.)
CREATE OR REPLACE FUNCTION app.search_text(VARIADIC parts text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$ BEGIN
  RETURN ' ' || trim(regexp_replace(lower(public.unaccent('public.unaccent', array_to_string(parts, ' '))), '\s+', ' ', 'g')) || ' ';
END $$;
ALTER FUNCTION app.search_text(text[]) OWNER TO pipewright_system;

CREATE OR REPLACE FUNCTION app.digits(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$ SELECT regexp_replace(t, '\D', '', 'g') $$;
ALTER FUNCTION app.digits(text) OWNER TO pipewright_system;

-- What the searchable fields of the organisation's own add to a document: only such as everyone may see.
CREATE OR REPLACE FUNCTION app.custom_words(org uuid, record text, custom jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
  IF custom = '{}' THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT string_agg(left(CASE f.kind
      WHEN 'phone' THEN app.digits(custom->>f.key)
      WHEN 'choice' THEN (SELECT c->>'label' FROM jsonb_array_elements(f.options->'choices') c WHERE c->>'key' = custom->>f.key)
      ELSE custom->>f.key END, 1000), ' ' ORDER BY f.position)
    FROM custom_fields f
    WHERE f.org_id = org AND f.record_type = record AND f.searchable AND f.retired_at IS NULL AND f.viewers IS NULL AND custom ? f.key);
END $$;
ALTER FUNCTION app.custom_words(uuid, text, jsonb) OWNER TO pipewright_system;

-- What the document of each of these records should be; nothing for records that are archived, deleted or absent. Rows are
-- fetched by key, whatever the statistics of a table that is just being filled make of it.
CREATE OR REPLACE FUNCTION app.search_documents_of(org uuid, kind text, ids uuid[]) RETURNS SETOF search_documents
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF kind = 'company' THEN
    RETURN QUERY
    SELECT c.org_id, kind, c.id, c.owner_id, left(c.name, 300), left(concat_ws(' · ', c.domain, c.city), 300),
      left(app.fold(c.name), 200), left(coalesce(c.domain, ''), 200),
      app.search_text(c.name, c.domain, app.digits(c.phone), c.city,
        (SELECT string_agg(t.name, ' ') FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id
          WHERE x.org_id = c.org_id AND x.record_type = 'company' AND x.record_id = c.id AND t.deleted_at IS NULL), app.custom_words(org, kind, c.custom)), 0::smallint
    FROM unnest(ids) wanted(id) JOIN companies c ON c.org_id = org AND c.id = wanted.id
    WHERE c.archived_at IS NULL AND c.deleted_at IS NULL;
  ELSIF kind = 'contact' THEN
    RETURN QUERY
    SELECT p.org_id, kind, p.id, p.owner_id, left(t.title, 300), left(concat_ws(' · ', nullif(p.title, ''), c.name, p.email), 300),
      left(app.fold(t.title), 200), left(app.fold(trim(concat_ws(' ', p.last_name, p.first_name))), 200),
      app.search_text(t.title, trim(concat_ws(' ', p.last_name, p.first_name)), p.email, array_to_string(p.other_emails, ' '),
        app.digits(p.phone), (SELECT string_agg(app.digits(o), ' ') FROM unnest(p.other_phones) o), c.name,
        (SELECT string_agg(t.name, ' ') FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id
          WHERE x.org_id = p.org_id AND x.record_type = 'contact' AND x.record_id = p.id AND t.deleted_at IS NULL), app.custom_words(org, kind, p.custom)),
      0::smallint
    FROM unnest(ids) wanted(id) JOIN contacts p ON p.org_id = org AND p.id = wanted.id
    LEFT JOIN companies c ON c.org_id = p.org_id AND c.id = p.company_id AND c.deleted_at IS NULL
    CROSS JOIN LATERAL (SELECT coalesce(nullif(trim(concat_ws(' ', p.first_name, p.last_name)), ''), p.email, '') AS title) t
    WHERE p.archived_at IS NULL AND p.deleted_at IS NULL;
  ELSIF kind = 'lead' THEN
    RETURN QUERY
    SELECT l.org_id, kind, l.id, l.owner_id, left(t.title, 300),
      left(concat_ws(' · ', nullif(l.title, ''), CASE WHEN l.company_name <> t.title THEN l.company_name END, CASE WHEN l.email <> t.title THEN l.email END), 300),
      left(app.fold(t.title), 200), left(app.fold(trim(concat_ws(' ', l.last_name, l.first_name))), 200),
      app.search_text(t.title, trim(concat_ws(' ', l.last_name, l.first_name)), l.company_name, l.domain, l.email, array_to_string(l.other_emails, ' '),
        app.digits(l.phone), (SELECT string_agg(app.digits(o), ' ') FROM unnest(l.other_phones) o),
        (SELECT string_agg(t.name, ' ') FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id
          WHERE x.org_id = l.org_id AND x.record_type = 'lead' AND x.record_id = l.id AND t.deleted_at IS NULL), app.custom_words(org, kind, l.custom)),
      0::smallint
    FROM unnest(ids) wanted(id) JOIN leads l ON l.org_id = org AND l.id = wanted.id
    CROSS JOIN LATERAL (SELECT coalesce(nullif(trim(concat_ws(' ', l.first_name, l.last_name)), ''), l.company_name, l.email, '') AS title) t
    WHERE l.archived_at IS NULL AND l.deleted_at IS NULL;
  ELSE
    RETURN QUERY
    SELECT d.org_id, kind, d.id, d.owner_id, left(d.name, 300),
      left(concat_ws(' · ', 'D-' || d.number, c.name, CASE d.status WHEN 'won' THEN 'Won' WHEN 'lost' THEN 'Lost' END), 300),
      left(app.fold(d.name), 200), d.number::text, app.search_text(d.name, 'd-' || d.number, d.number::text, c.name,
        (SELECT string_agg(t.name, ' ') FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id
          WHERE x.org_id = d.org_id AND x.record_type = 'deal' AND x.record_id = d.id AND t.deleted_at IS NULL), app.custom_words(org, kind, d.custom)),
      (CASE d.status WHEN 'open' THEN 1 ELSE 0 END)::smallint
    FROM unnest(ids) wanted(id) JOIN deals d ON d.org_id = org AND d.id = wanted.id
    LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id AND c.deleted_at IS NULL
    WHERE d.archived_at IS NULL AND d.deleted_at IS NULL;
  END IF;
END $$;
ALTER FUNCTION app.search_documents_of(uuid, text, uuid[]) OWNER TO pipewright_system;

-- Brings the documents of these records up to date. Returns the companies among them whose name changed: the documents of their
-- contacts and deals repeat it.
CREATE OR REPLACE FUNCTION app.reindex(org uuid, kind text, ids uuid[]) RETURNS SETOF uuid
LANGUAGE plpgsql SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  written uuid[];
  gone uuid[];
BEGIN
  IF kind = 'company' AND EXISTS (SELECT 1 FROM search_documents d WHERE d.org_id = org AND d.record_type <> 'company') THEN
    RETURN QUERY
    SELECT c.id FROM unnest(ids) wanted(id) JOIN companies c ON c.org_id = org AND c.id = wanted.id
    JOIN search_documents d ON d.org_id = c.org_id AND d.record_type = 'company' AND d.record_id = c.id
    WHERE d.title <> left(c.name, 300);
  END IF;
  WITH fresh AS MATERIALIZED (
    SELECT * FROM app.search_documents_of(org, kind, ids)
  ), kept AS (
    INSERT INTO search_documents AS d
    SELECT * FROM fresh
    ON CONFLICT (org_id, record_type, record_id) DO UPDATE SET owner_id = excluded.owner_id, title = excluded.title,
      subtitle = excluded.subtitle, folded_title = excluded.folded_title, folded_key = excluded.folded_key,
      haystack = excluded.haystack, weight = excluded.weight
    WHERE (d.owner_id, d.title, d.subtitle, d.folded_key, d.haystack, d.weight) IS DISTINCT FROM
      (excluded.owner_id, excluded.title, excluded.subtitle, excluded.folded_key, excluded.haystack, excluded.weight)
  ), words AS (
    -- In order, and only what is new: two transactions adding the same words never wait in a circle.
    INSERT INTO search_words (org_id, word)
    SELECT org, w.word FROM (
      SELECT DISTINCT word FROM fresh f, regexp_split_to_table(f.folded_title, '[^[:alpha:]]+') AS word
      WHERE length(word) BETWEEN 4 AND 32
    ) w
    WHERE NOT EXISTS (SELECT 1 FROM search_words s WHERE s.org_id = org AND s.word = w.word)
    ORDER BY w.word
    ON CONFLICT DO NOTHING
  )
  SELECT array_agg(record_id) INTO written FROM fresh;
  IF coalesce(cardinality(written), 0) < cardinality(ids) THEN
    gone := ARRAY(SELECT unnest(ids) EXCEPT SELECT unnest(written));
    DELETE FROM search_documents d WHERE d.org_id = org AND d.record_type = kind AND d.record_id = ANY (gone);
  END IF;
END $$;
ALTER FUNCTION app.reindex(uuid, text, uuid[]) OWNER TO pipewright_system;

-- Finds documents by fragments, through the trigram index of their type: for what the cheaper ways of app.search do not find. Within
-- the index an organisation is a list of all its documents. Where it has most of the table, walking that list rejects next to nothing
-- and costs three times the trigrams (1 M contacts: 6 ms against 1.5); so it is compared only afterwards there.
CREATE OR REPLACE FUNCTION app.search_fragments(org uuid, kind text, patterns text[], owners uuid[], most integer)
RETURNS SETOF search_documents
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_indexscan = off SET enable_bitmapscan = on AS $$
DECLARE
  mostly constant boolean := (SELECT sum(t.records) FROM record_totals t WHERE t.org_id = org
      AND t.record_type = CASE kind WHEN 'company' THEN 'companies' ELSE kind || 's' END)
    > (SELECT c.reltuples / 2 FROM pg_class c WHERE c.oid = format('search_documents_%s_trgm', kind)::regclass);
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT d.* FROM search_documents d WHERE %s = $1 AND d.record_type = %L AND d.haystack LIKE $2 AND d.haystack LIKE $3
       AND d.haystack LIKE ALL ($4) %s LIMIT %s',
    CASE WHEN mostly THEN '(d.org_id::text)::uuid' ELSE 'd.org_id' END, kind,
    CASE WHEN owners IS NULL THEN '' ELSE 'AND d.owner_id = ANY ($5)' END, most)
  USING org, patterns[1], coalesce(patterns[2], patterns[1]), patterns, owners;
END $$;
ALTER FUNCTION app.search_fragments(uuid, text, text[], uuid[], integer) OWNER TO pipewright_system;

-- What was typed, folded: without what only an address has before its host.
CREATE OR REPLACE FUNCTION app.search_typed(q text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$ BEGIN
  RETURN regexp_replace(regexp_replace(trim(app.search_text(left(q, 200))), '^(https?://|mailto:)?(www\.)?', ''), '/$', '');
END $$;
ALTER FUNCTION app.search_typed(text) OWNER TO pipewright_system;

-- Its words, apart by one space: punctuation that is never part of one (commas, brackets, quotation marks) separates, a slash or & only
-- words of three letters or more (A/S and AT&T are one), and full stops, hyphens and apostrophes count within a word. Documents hold
-- words as they are written, so a piece too short to be looked for anywhere is left out after such a mark: "Foods (UK)". Nothing but
-- punctuation, and a telephone number, stay as typed.
CREATE OR REPLACE FUNCTION app.search_question(typed text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
  plain text := btrim(typed, ' ,;:!?"<>');
BEGIN
  IF plain !~ '[!-/:-@[-`{-~·]' OR plain ~ '^[+(]?[0-9][0-9 ()./+-]*$' THEN
    RETURN coalesce(nullif(plain, ''), typed);
  END IF;
  plain := regexp_replace(plain, '([[:alnum:]]{3})[/&](?=[[:alnum:]]{3})', '\1 ', 'g');
  plain := regexp_replace(plain, '[]\[,;:!?"()<>{}|*`~=]+', ',', 'g');
  plain := regexp_replace(plain, ',[^ ,]{1,2}(?=[ ,]|$)', ' ', 'g');
  plain := replace(plain, ',', ' ');
  plain := regexp_replace(plain, '[-''./&]+(?= |$)', '', 'g');
  plain := regexp_replace(plain, '(^| )[-''/&]+', '\1', 'g');
  plain := regexp_replace(plain, '(^| )[!-/:-@[-`{-~·]+(?= |$)', ' ', 'g');
  plain := trim(regexp_replace(plain, ' +', ' ', 'g'));
  RETURN coalesce(nullif(plain, ''), typed);
END $$;
ALTER FUNCTION app.search_question(text) OWNER TO pipewright_system;

-- The digits of a telephone number as documents hold it, without the zero that is dialled at home only: 06, +31 (0)6. Null: it is none.
CREATE OR REPLACE FUNCTION app.search_number(plain text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN plain ~ '^[+(]?[0-9][0-9 ()./+-]*$' THEN ltrim(app.digits(replace(plain, '(0)', '')), '0') END $$;
ALTER FUNCTION app.search_number(text) OWNER TO pipewright_system;

-- Words as LIKE patterns, wildcards of the user's own escaped: a word of three letters or more may be anywhere, a shorter one
-- begins a word. Eight words are enough.
CREATE OR REPLACE FUNCTION app.search_patterns(plain text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT array_agg(CASE WHEN length(word) < 3 THEN '% ' ELSE '%' END || regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%'
    ORDER BY length(word) DESC)
  FROM (SELECT DISTINCT word FROM unnest((string_to_array(plain, ' '))[1:8]) word) w
$$;
ALTER FUNCTION app.search_patterns(text) OWNER TO pipewright_system;

-- Documents of one type that match, the best ways first, each bounded: titles and keys that begin so; fragments among the newest and
-- the oldest few, and further on that side where there were some, which finds what is common; then the trigram index, which is quick for
-- what is rare. Of windows only ids are taken: a whole row made of each document looked at costs more than looking at it. Without
-- `fragments`: titles and keys alone.
DROP FUNCTION IF EXISTS app.search_candidates(uuid, text, text, text[], uuid[], integer);
CREATE OR REPLACE FUNCTION app.search_candidates(org uuid, kind text, plain text, patterns text[], owners uuid[], most integer, fragments boolean)
RETURNS SETOF search_documents
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  enough constant integer := least(most, 50);
  reach constant integer := greatest(most, 40);
  look constant integer := CASE WHEN owners IS NULL THEN reach ELSE 1000 END;
  last constant text := plain || chr(1114111);
  found search_documents[];
  indexed constant boolean := length(patterns[1]) >= 5 AND patterns[1] NOT LIKE '\% %';
  -- The two trigrams of four letters are in very many documents: further ones are looked at first.
  short constant boolean := patterns[1] ~ '^%[[:alpha:]]{4}%$';
  further constant integer := CASE WHEN NOT indexed THEN 900 WHEN short THEN 1500 ELSE 2500 END;
  seen uuid[];
  old uuid[];
BEGIN
  found := ARRAY(
    SELECT c.d FROM (
      SELECT d, d.owner_id FROM search_documents d
      WHERE d.org_id = org AND d.record_type = kind AND d.folded_title ~>=~ plain AND d.folded_title ~<~ last
      ORDER BY d.folded_title USING ~<~ LIMIT look) c
    WHERE owners IS NULL OR c.owner_id = ANY (owners) LIMIT reach)
  || ARRAY(
    SELECT c.d FROM (
      SELECT d, d.owner_id FROM search_documents d
      WHERE d.org_id = org AND d.record_type = kind AND d.folded_key ~>=~ plain AND d.folded_key ~<~ last AND d.folded_key <> ''
      ORDER BY d.folded_key USING ~<~ LIMIT look) c
    WHERE owners IS NULL OR c.owner_id = ANY (owners) LIMIT reach);
  IF fragments AND cardinality(found) < enough THEN
    -- An import of many may have filled the newest: what was common once is among the oldest.
    seen := ARRAY(
      SELECT c.record_id FROM (
        SELECT d.record_id, d.owner_id, d.haystack FROM search_documents d WHERE d.org_id = org AND d.record_type = kind
        ORDER BY d.record_id DESC LIMIT 100) c
      WHERE c.haystack LIKE ALL (patterns) AND (owners IS NULL OR c.owner_id = ANY (owners)) LIMIT reach);
    IF cardinality(seen) > 0 OR NOT indexed OR short THEN
      seen := seen || ARRAY(
        SELECT c.record_id FROM (
          SELECT d.record_id, d.owner_id, d.haystack FROM search_documents d WHERE d.org_id = org AND d.record_type = kind
          ORDER BY d.record_id DESC OFFSET 100 LIMIT further) c
        WHERE c.haystack LIKE ALL (patterns) AND (owners IS NULL OR c.owner_id = ANY (owners)) LIMIT enough);
    END IF;
    IF cardinality(seen) < enough THEN
      old := ARRAY(
        SELECT c.record_id FROM (
          SELECT d.record_id, d.owner_id, d.haystack FROM search_documents d WHERE d.org_id = org AND d.record_type = kind
          ORDER BY d.record_id LIMIT 100) c
        WHERE c.haystack LIKE ALL (patterns) AND (owners IS NULL OR c.owner_id = ANY (owners)) LIMIT reach);
      IF cardinality(old) > 0 AND cardinality(seen) < enough THEN
        old := old || ARRAY(
          SELECT c.record_id FROM (
            SELECT d.record_id, d.owner_id, d.haystack FROM search_documents d WHERE d.org_id = org AND d.record_type = kind
            ORDER BY d.record_id OFFSET 100 LIMIT further) c
          WHERE c.haystack LIKE ALL (patterns) AND (owners IS NULL OR c.owner_id = ANY (owners)) LIMIT enough);
      END IF;
      seen := seen || old;
    END IF;
    IF cardinality(seen) > 0 THEN
      found := found || ARRAY(
        SELECT d FROM search_documents d WHERE d.org_id = org AND d.record_type = kind AND d.record_id = ANY (seen));
    END IF;
  END IF;
  IF fragments AND cardinality(found) < enough AND indexed THEN
    found := found || ARRAY(SELECT d FROM app.search_fragments(org, kind, patterns, owners, reach) d);
  END IF;
  RETURN QUERY SELECT DISTINCT ON (f.record_id) f.* FROM unnest(found) f;
END $$;
ALTER FUNCTION app.search_candidates(uuid, text, text, text[], uuid[], integer, boolean) OWNER TO pipewright_system;

-- Up to three readings of a query some of whose words no title has, with the nearest words that there are.
CREATE OR REPLACE FUNCTION app.search_corrections(org uuid, plain text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET pg_trgm.similarity_threshold = 0.22 AS $$
DECLARE
  readings text[] := ARRAY['', '', ''];
  corrected boolean := false;
  near text[];
  w text;
BEGIN
  FOREACH w IN ARRAY (string_to_array(plain, ' '))[1:8] LOOP
    near := NULL;
    IF length(w) BETWEEN 4 AND 32 AND w ~ '^[[:alpha:]]+$'
      AND NOT EXISTS (SELECT 1 FROM search_words s WHERE s.org_id = org AND s.word >= w AND s.word < w || chr(1114111)) THEN
      near := ARRAY(SELECT s.word FROM search_words s WHERE s.org_id = org AND s.word % w AND abs(length(s.word) - length(w)) <= 2
                    ORDER BY similarity(s.word, w) + CASE WHEN left(s.word, 1) = left(w, 1) THEN 0.1 ELSE 0 END DESC, s.word LIMIT 3);
    END IF;
    IF cardinality(near) > 0 THEN
      corrected := true;
    ELSE
      near := ARRAY[w];
    END IF;
    FOR k IN 1..3 LOOP
      readings[k] := readings[k] || ' ' || coalesce(near[k], near[1]);
    END LOOP;
  END LOOP;
  IF NOT corrected THEN
    RETURN '{}';
  END IF;
  RETURN ARRAY(SELECT trim(r) FROM unnest(readings) WITH ORDINALITY u(r, n) GROUP BY 1 ORDER BY min(n));
END $$;
ALTER FUNCTION app.search_corrections(uuid, text) OWNER TO pipewright_system;

-- Contacts whose number begins with these digits, country code first: the trigrams of digits are in everybody's number, so that their
-- index would pass thousands by.
CREATE OR REPLACE FUNCTION app.search_callers(org uuid, phone text, owners uuid[], most integer) RETURNS search_documents[]
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
  RETURN ARRAY(
    SELECT d FROM (
      SELECT p.id, p.owner_id FROM contacts p
      WHERE p.org_id = org AND p.phone ~>=~ ('+' || search_callers.phone) AND p.phone ~<~ ('+' || search_callers.phone || ':')
      LIMIT CASE WHEN owners IS NULL THEN most ELSE 1000 END) c
    JOIN search_documents d ON d.org_id = org AND d.record_type = 'contact' AND d.record_id = c.id
    WHERE owners IS NULL OR c.owner_id = ANY (owners) LIMIT most);
END $$;
ALTER FUNCTION app.search_callers(uuid, text, uuid[], integer) OWNER TO pipewright_system;

-- Global search inside the transaction's organisation. Under row-level security the planner may not use the trigram indexes
-- (LIKE is not leakproof); running as pipewright_system with an explicit org_id filter, it may.
-- owners: null for everybody's records, else the owners whose records the reader may see. At most per_type rows of each type, the
-- best first: exact, beginning, words beginning, fragments, probable misspellings.
CREATE OR REPLACE FUNCTION app.search(q text, types text[], owners uuid[], per_type integer)
RETURNS TABLE (record_type text, record_id uuid, title text, subtitle text, score real)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  org constant uuid := app.org();
  most constant integer := least(greatest(per_type, 1), 500);
  typed constant text := app.search_typed(q);
  plain constant text := app.search_question(typed);
  phone text := app.search_number(plain);
  patterns text[];
  readings text[];
  reading text;
  within boolean;
  found search_documents[] := '{}';
  guessed search_documents[] := '{}';
  called search_documents[] := '{}';
BEGIN
  IF plain = '' OR types IS NULL THEN
    RETURN;
  END IF;
  patterns := app.search_patterns(plain);
  IF 'company' = ANY (types) THEN
    found := found || ARRAY(SELECT d FROM app.search_candidates(org, 'company', plain,
      CASE WHEN length(phone) >= 3 THEN ARRAY['%' || phone || '%'] ELSE patterns END, owners, most, true) d);
  END IF;
  IF 'contact' = ANY (types) THEN
    IF length(phone) >= 5 THEN
      called := app.search_callers(org, phone, owners, most);
    END IF;
    IF cardinality(called) = most THEN
      found := found || called;
    ELSE
      found := found || ARRAY(SELECT d FROM app.search_candidates(org, 'contact', plain,
        CASE WHEN length(phone) >= 3 THEN ARRAY['%' || phone || '%'] ELSE patterns END, owners, most, true) d);
    END IF;
  END IF;
  IF 'lead' = ANY (types) THEN
    found := found || ARRAY(SELECT d FROM app.search_candidates(org, 'lead', plain,
      CASE WHEN length(phone) >= 3 THEN ARRAY['%' || phone || '%'] ELSE patterns END, owners, most, true) d);
  END IF;
  IF 'deal' = ANY (types) THEN
    found := found || ARRAY(SELECT d FROM app.search_candidates(org, 'deal', regexp_replace(plain, '^#?(d[- ]?)?([0-9]+)$', '\2'),
      CASE WHEN plain ~ '^#?(d[- ]?)?[0-9]+$' THEN ARRAY['% ' || app.digits(plain) || '%'] ELSE patterns END, owners, most, true) d);
  END IF;
  -- A name may begin with its punctuation and all.
  IF typed <> plain THEN
    found := ARRAY(SELECT DISTINCT f FROM (
      SELECT unnest(found) AS f
      UNION ALL SELECT d FROM unnest(types) t(kind), app.search_candidates(org, t.kind, typed, patterns, owners, most, false) d) u);
  END IF;
  IF cardinality(found) < 3 THEN
    readings := app.search_corrections(org, plain);
    -- What begins so is enough where there is enough of it.
    FOREACH reading IN ARRAY readings LOOP
      FOREACH within IN ARRAY ARRAY[false, true] LOOP
        EXIT WHEN cardinality(guessed) >= most;
        guessed := guessed || ARRAY(SELECT d FROM unnest(types) t(kind),
          app.search_candidates(org, t.kind, reading, app.search_patterns(reading), owners, most, within) d);
      END LOOP;
    END LOOP;
  END IF;
  RETURN QUERY
  SELECT r.record_type, r.record_id, r.title, r.subtitle, r.score FROM (
    SELECT s.*, row_number() OVER (PARTITION BY s.record_type ORDER BY s.score DESC, s.folded_title, s.record_id) AS place FROM (
      SELECT f.*, (CASE
          WHEN f.folded_title IN (typed, plain) OR f.folded_key = regexp_replace(plain, '^#?(d[- ]?)?([0-9]+)$', '\2') THEN 100
          WHEN starts_with(f.folded_title, plain) OR starts_with(f.folded_title, typed) THEN 90
          WHEN position(' ' || plain || ' ' IN f.haystack) > 0 OR position(' ' || typed || ' ' IN f.haystack) > 0 THEN 80
          WHEN starts_with(f.folded_key, plain) THEN 75
          WHEN ' ' || f.folded_title LIKE ALL (ARRAY(SELECT '% ' || ltrim(p, '% ') FROM unnest(patterns) p)) THEN 70
          WHEN position(' ' || plain IN f.haystack) > 0 THEN 60
          WHEN f.folded_title LIKE ALL (patterns) THEN 50
          ELSE 40
        END + f.weight)::real AS score
      FROM unnest(found) f
      UNION ALL
      SELECT DISTINCT ON (g.record_type, g.record_id) g.*, (20 + g.weight)::real FROM unnest(guessed) g
      WHERE NOT EXISTS (SELECT 1 FROM unnest(found) f WHERE f.record_type = g.record_type AND f.record_id = g.record_id)
    ) s
  ) r
  WHERE r.place <= most
  ORDER BY r.score DESC, r.title, r.record_id;
END $$;
ALTER FUNCTION app.search(text, text[], uuid[], integer) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.search(text, text[], uuid[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.search(text, text[], uuid[], integer) TO pipewright_app;

-- The ids of the documents of one type that contain every one of these folded words: what a text filter narrows a list or board to.
-- Ids only, and the caller's own query still applies row-level security and visibility to the rows behind them.
CREATE OR REPLACE FUNCTION app.matching(kind text, words text[]) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  plain constant text := app.search_question(app.search_typed(array_to_string(words, ' ')));
  patterns text[] := ARRAY(SELECT '%' || regexp_replace(w, '([\\%_])', '\\\1', 'g') || '%'
    FROM unnest(string_to_array(plain, ' ')) w ORDER BY length(w) DESC);
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT d.record_id FROM search_documents d
     WHERE d.org_id = $1 AND d.record_type = %L AND d.haystack LIKE $2[1] AND d.haystack LIKE ALL ($2)', kind)
  USING app.org(), patterns;
END $$;
ALTER FUNCTION app.matching(text, text[]) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.matching(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.matching(text, text[]) TO pipewright_app;

-- Ids of records that a person or company with these addresses, numbers, domains and beginnings of names may be: what likeness is judged
-- among, each way bounded. Array containment is not leakproof, so the lists of addresses are out of an index's reach under row-level
-- security. Ids only: the caller's own query applies row-level security and visibility to the rows behind them.
CREATE OR REPLACE FUNCTION app.likely(kind text, emails text[], phones text[], domains text[], company uuid, starts text[])
RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  org constant uuid := app.org();
  noun constant text := CASE kind WHEN 'company' THEN 'companies' WHEN 'contact' THEN 'contacts' WHEN 'lead' THEN 'leads' END;
  word text;
BEGIN
  IF noun <> 'companies' AND cardinality(emails) > 0 THEN
    RETURN QUERY EXECUTE format('SELECT id FROM %I WHERE org_id = $1 AND email = ANY ($2) LIMIT 20', noun) USING org, emails;
    RETURN QUERY EXECUTE format('SELECT id FROM %I WHERE org_id = $1 AND other_emails && $2 AND other_emails <> ''{}'' LIMIT 20', noun) USING org, emails;
  END IF;
  IF cardinality(phones) > 0 THEN
    RETURN QUERY EXECUTE format('SELECT id FROM %I WHERE org_id = $1 AND phone = ANY ($2) LIMIT 20', noun) USING org, phones;
    IF noun <> 'companies' THEN
      RETURN QUERY EXECUTE format('SELECT id FROM %I WHERE org_id = $1 AND other_phones && $2 AND other_phones <> ''{}'' LIMIT 20', noun) USING org, phones;
    END IF;
  END IF;
  IF noun <> 'contacts' AND cardinality(domains) > 0 THEN
    RETURN QUERY EXECUTE format('SELECT id FROM %I WHERE org_id = $1 AND domain = ANY ($2) LIMIT 50', noun) USING org, domains;
  END IF;
  IF noun = 'contacts' AND company IS NOT NULL THEN
    RETURN QUERY SELECT c.id FROM contacts c WHERE c.org_id = org AND c.company_id = company LIMIT 100;
  END IF;
  FOREACH word IN ARRAY starts LOOP
    RETURN QUERY EXECUTE format('SELECT id FROM %I WHERE org_id = $1 AND name_key >= $2 AND name_key < $2 || chr(1114111)
      AND archived_at IS NULL AND deleted_at IS NULL ORDER BY name_key, id LIMIT 50', noun) USING org, word;
    -- The search's key of a person is the last name first: the first name may then be written somehow.
    IF noun <> 'companies' THEN
      RETURN QUERY SELECT d.record_id FROM search_documents d WHERE d.org_id = org AND d.record_type = kind AND d.folded_key <> ''
        AND d.folded_key ~>=~ word AND d.folded_key ~<~ (word || chr(1114111)) ORDER BY d.folded_key USING ~<~ LIMIT 50;
    END IF;
  END LOOP;
END $$;
ALTER FUNCTION app.likely(text, text[], text[], text[], uuid, text[]) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.likely(text, text[], text[], text[], uuid, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.likely(text, text[], text[], text[], uuid, text[]) TO pipewright_app;

-- Ids of records of that table one of whose own fields holds this id. Ids only, as above; array containment is not leakproof.
CREATE OR REPLACE FUNCTION app.linking(noun text, target uuid) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF noun NOT IN ('companies', 'contacts', 'leads', 'deals') THEN
    RAISE EXCEPTION 'no records are called %', noun;
  END IF;
  RETURN QUERY EXECUTE format('SELECT id FROM %I WHERE org_id = $1 AND app.custom_ids(custom) @> ARRAY[$2::text] AND custom <> ''{}''', noun)
  USING app.org(), target;
END $$;
ALTER FUNCTION app.linking(text, uuid) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.linking(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.linking(text, uuid) TO pipewright_app;

-- Ids of some of the live records of that table whose text in that field is one of these, upper and lower case the same. Ids only, as
-- above; lower() is not leakproof.
CREATE OR REPLACE FUNCTION app.those(noun text, field text, texts text[], most integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF (noun, field) NOT IN (('companies', 'city'), ('companies', 'industry'), ('companies', 'country'), ('contacts', 'city'), ('contacts', 'country'), ('leads', 'city'), ('leads', 'country'),
    ('leads', 'source'), ('leads', 'campaign'), ('leads', 'company_name'), ('deals', 'source'), ('deals', 'lost_reason')) THEN
    RAISE EXCEPTION 'no index has % of %', field, noun;
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT id FROM %I WHERE org_id = $1 AND lower(%I) = ANY (ARRAY(SELECT lower(t) FROM unnest($2) t)) AND deleted_at IS NULL LIMIT $3', noun, field)
  USING app.org(), texts, most;
END $$;
ALTER FUNCTION app.those(text, text, text[], integer) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.those(text, text, text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.those(text, text, text[], integer) TO pipewright_app;

-- Ids of some of the live records of that table whose own fields hold any of these values. Ids only, as above.
CREATE OR REPLACE FUNCTION app.holding(noun text, held jsonb, most integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  one jsonb;
BEGIN
  IF noun NOT IN ('companies', 'contacts', 'leads', 'deals') THEN
    RAISE EXCEPTION 'no records are called %', noun;
  END IF;
  FOR one IN SELECT value FROM jsonb_array_elements(held) LOOP
    RETURN QUERY EXECUTE format(
      'SELECT id FROM %I WHERE org_id = $1 AND custom @> $2 AND custom <> ''{}'' AND deleted_at IS NULL LIMIT $3', noun)
    USING app.org(), one, most;
  END LOOP;
END $$;
ALTER FUNCTION app.holding(text, jsonb, integer) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.holding(text, jsonb, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.holding(text, jsonb, integer) TO pipewright_app;

-- Every record of one type that app.search would find by these words, were it to go on: what "all that match" means for work on many.
-- Ids only; the caller's own query applies row-level security and visibility to the rows behind them.
CREATE OR REPLACE FUNCTION app.search_all(q text, kind text) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  plain constant text := app.search_question(app.search_typed(q));
  phone constant text := app.search_number(plain);
  patterns text[];
BEGIN
  IF plain = '' THEN
    RETURN;
  END IF;
  patterns := CASE
    WHEN kind = 'deal' AND plain ~ '^#?(d[- ]?)?[0-9]+$' THEN ARRAY['% ' || app.digits(plain) || '%']
    WHEN kind <> 'deal' AND length(phone) >= 3 THEN ARRAY['%' || phone || '%']
    ELSE app.search_patterns(plain) END;
  RETURN QUERY EXECUTE format(
    'SELECT d.record_id FROM search_documents d
     WHERE d.org_id = $1 AND d.record_type = %L AND d.haystack LIKE $2[1] AND d.haystack LIKE ALL ($2)', kind)
  USING app.org(), patterns;
END $$;
ALTER FUNCTION app.search_all(text, text) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.search_all(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.search_all(text, text) TO pipewright_app;

-- Signs a person out of the transaction's organisation everywhere, in the transaction that takes their access away.
CREATE OR REPLACE FUNCTION app.end_sessions(person uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH ended AS (DELETE FROM sessions WHERE user_id = person AND org_id = app.org() RETURNING 1)
  SELECT count(*) FROM ended
$$;
ALTER FUNCTION app.end_sessions(uuid) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.end_sessions(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.end_sessions(uuid) TO pipewright_app;

-- The time zones of the organisation's active members: a calendar says when colleagues are at work. Of a person's account nothing else.
CREATE OR REPLACE FUNCTION app.member_zones() RETURNS TABLE (id uuid, time_zone text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT m.id, u.time_zone FROM members m JOIN users u ON u.id = m.id WHERE m.org_id = app.org() AND m.deactivated_at IS NULL
$$;
ALTER FUNCTION app.member_zones() OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.member_zones() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.member_zones() TO pipewright_app;

-- Who a person is inside an organisation, with what every page needs of both, as JSON; null when they are no active member there.
-- A manager's team is everyone in the teams they manage; a member's, everyone in the teams they are in.
-- (plpgsql, because its plans stay from one call to the next.)
CREATE OR REPLACE FUNCTION app.actor(person uuid, org uuid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
  RETURN (
    SELECT json_build_object(
      'id', m.id, 'org_id', m.org_id, 'name', m.name, 'email', m.email, 'avatar_tag', m.avatar_tag,
      'email_verified', u.email_verified_at IS NOT NULL, 'theme', u.theme, 'locale', u.locale, 'time_zone', u.time_zone,
      'org_name', o.name, 'org_slug', o.slug, 'currency', o.currency::text, 'org_zone', o.time_zone,
      'fiscal_year_start', o.fiscal_year_start, 'working_days', o.working_days, 'org_locale', o.locale, 'logo_tag', o.logo_tag,
      'role', r.key, 'permissions', r.permissions, 'visibility', r.visibility,
      'team', mates.ids,
      -- More are not counted; looked at are the latest, however many of them are out of sight.
      'unread', (
        WITH latest AS MATERIALIZED (
          SELECT n.record_type, n.record_id FROM notices n
          WHERE n.org_id = m.org_id AND n.member_id = m.id AND n.centre AND n.read_at IS NULL ORDER BY n.id DESC LIMIT 200)
        SELECT count(*) FROM latest n LEFT JOIN app.notice_titles(m.org_id,
          (SELECT array_agg(l.record_type) FROM latest l), (SELECT array_agg(l.record_id) FROM latest l), r.permissions,
          CASE r.visibility WHEN 'all' THEN NULL WHEN 'team' THEN mates.ids ELSE ARRAY[m.id] END) t ON t.id = n.record_id AND t.of_type = n.record_type
        WHERE n.record_type IS NULL OR t.id IS NOT NULL),
      'definitions', (SELECT coalesce(sum(c.changes), 0) FROM definition_changes c WHERE c.org_id = m.org_id),
      'organisations', (
        SELECT json_agg(json_build_object('id', oo.id, 'name', oo.name) ORDER BY oo.name)
        FROM members mm JOIN organisations oo ON oo.id = mm.org_id WHERE mm.id = m.id AND mm.deactivated_at IS NULL),
      'pinned_views', coalesce((
        SELECT json_agg(json_build_object('id', v.id, 'name', v.name, 'record_type', v.record_type, 'fresh', coalesce(w.fresh, 0))
          ORDER BY p.position, v.name)
        FROM view_pins p JOIN saved_views v ON v.org_id = p.org_id AND v.id = p.view_id AND v.deleted_at IS NULL
        LEFT JOIN view_watches w ON w.org_id = p.org_id AND w.member_id = p.member_id AND w.view_id = p.view_id
        WHERE p.org_id = m.org_id AND p.member_id = m.id AND (v.owner_id = m.id OR v.sharing = 'all' OR v.sharing = 'team' AND (
          EXISTS (SELECT 1 FROM team_members t WHERE t.org_id = v.org_id AND t.team_id = v.team_id AND t.member_id = m.id)
          OR EXISTS (SELECT 1 FROM teams t WHERE t.org_id = v.org_id AND t.id = v.team_id AND t.manager_id = m.id)))), '[]'::json),
      'default_views', coalesce((
        SELECT json_agg(json_build_array(d.record_type, d.view_id)) FROM view_defaults d
        JOIN saved_views v ON v.org_id = d.org_id AND v.id = d.view_id AND v.deleted_at IS NULL AND v.sharing = 'all'
        WHERE d.org_id = m.org_id AND d.role_id = m.role_id), '[]'::json),
      'columns', coalesce((
        SELECT json_object_agg(p.key, p.value) FROM preferences p
        WHERE p.org_id = m.org_id AND p.member_id = m.id AND p.key IN ('list.companies', 'list.contacts', 'list.deals', 'list.leads')), '{}'::json))::text
    FROM members m
    JOIN users u ON u.id = m.id
    JOIN organisations o ON o.id = m.org_id
    JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id
    CROSS JOIN LATERAL (SELECT ARRAY(
      SELECT m.id UNION
      SELECT mate.member_id FROM team_members mate
      WHERE mate.org_id = m.org_id AND mate.team_id IN (
        SELECT t.id FROM teams t WHERE t.org_id = m.org_id AND t.manager_id = m.id
        UNION SELECT mine.team_id FROM team_members mine WHERE mine.org_id = m.org_id AND mine.member_id = m.id)) AS ids OFFSET 0) mates
    WHERE m.id = person AND m.org_id = org AND m.deactivated_at IS NULL);
END $$;
ALTER FUNCTION app.actor(uuid, uuid) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.actor(uuid, uuid) FROM PUBLIC;

-- The session of that hash, if it has not ended, and who is signed in by it: what every request asks first, so one statement asks it
-- all, without a transaction around it. It gives the login role nothing that it could not have by putting on pipewright_system, and
-- refuses whoever may not, and everybody who works inside an organisation.
CREATE OR REPLACE FUNCTION app.session(hash text, created_after timestamptz, seen_after timestamptz, touch_before timestamptz)
RETURNS TABLE (kept text, actor text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  found sessions;
BEGIN
  IF current_setting('role') NOT IN ('none', 'pipewright_system') OR NOT pg_has_role(session_user, 'pipewright_system', 'MEMBER') THEN
    RAISE insufficient_privilege USING MESSAGE = 'sessions are out of reach of this role';
  END IF;
  SELECT * INTO found FROM sessions s
  WHERE s.id = hash AND s.expires_at > now() AND s.created_at > created_after AND s.last_seen_at > seen_after;
  IF found.id IS NULL THEN
    RETURN;
  END IF;
  IF found.last_seen_at < touch_before THEN
    UPDATE sessions s SET last_seen_at = now() WHERE s.id = hash;
    -- Sessions end, this stays.
    UPDATE members m SET last_seen_at = now() WHERE m.org_id = found.org_id AND m.id = found.user_id;
  END IF;
  RETURN QUERY SELECT found.state::text, app.actor(found.user_id, found.org_id);
END $$;
ALTER FUNCTION app.session(text, timestamptz, timestamptz, timestamptz) OWNER TO pipewright_system;
GRANT EXECUTE ON FUNCTION app.session(text, timestamptz, timestamptz, timestamptz) TO PUBLIC;
