-- Functions owned by pipewright_system; created after the owner's role is put down again.

-- Search documents. `app.reindex` is the one place that says what a document holds. It runs with its caller's rights.

-- Folded words with one space before and after each.
CREATE OR REPLACE FUNCTION app.search_text(VARIADIC parts text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ' ' || trim(regexp_replace(app.fold(array_to_string(parts, ' ')), '\s+', ' ', 'g')) || ' ' $$;
ALTER FUNCTION app.search_text(text[]) OWNER TO pipewright_system;

CREATE OR REPLACE FUNCTION app.digits(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$ SELECT regexp_replace(t, '\D', '', 'g') $$;
ALTER FUNCTION app.digits(text) OWNER TO pipewright_system;

-- What the document of each of these records should be; nothing for records that are archived, deleted or absent.
CREATE OR REPLACE FUNCTION app.search_documents_of(org uuid, kind text, ids uuid[]) RETURNS SETOF search_documents
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
  IF kind = 'company' THEN
    RETURN QUERY
    SELECT c.org_id, kind, c.id, c.owner_id, left(c.name, 300), left(concat_ws(' · ', c.domain, c.city), 300),
      left(app.fold(c.name), 200), left(coalesce(c.domain, ''), 200),
      app.search_text(c.name, c.domain, app.digits(c.phone), c.city), 0::smallint
    FROM companies c
    WHERE c.org_id = org AND c.id = ANY (ids) AND c.archived_at IS NULL AND c.deleted_at IS NULL;
  ELSIF kind = 'contact' THEN
    RETURN QUERY
    SELECT p.org_id, kind, p.id, p.owner_id, left(t.title, 300), left(concat_ws(' · ', nullif(p.title, ''), c.name, p.email), 300),
      left(app.fold(t.title), 200), left(app.fold(trim(concat_ws(' ', p.last_name, p.first_name))), 200),
      app.search_text(t.title, trim(concat_ws(' ', p.last_name, p.first_name)), p.email, array_to_string(p.other_emails, ' '),
        app.digits(p.phone), (SELECT string_agg(app.digits(o), ' ') FROM unnest(p.other_phones) o), c.name),
      0::smallint
    FROM contacts p
    LEFT JOIN companies c ON c.org_id = p.org_id AND c.id = p.company_id AND c.deleted_at IS NULL
    CROSS JOIN LATERAL (SELECT coalesce(nullif(trim(concat_ws(' ', p.first_name, p.last_name)), ''), p.email, '') AS title) t
    WHERE p.org_id = org AND p.id = ANY (ids) AND p.archived_at IS NULL AND p.deleted_at IS NULL;
  ELSE
    RETURN QUERY
    SELECT d.org_id, kind, d.id, d.owner_id, left(d.name, 300),
      left(concat_ws(' · ', 'D-' || d.number, c.name, CASE d.status WHEN 'won' THEN 'Won' WHEN 'lost' THEN 'Lost' END), 300),
      left(app.fold(d.name), 200), d.number::text, app.search_text(d.name, 'd-' || d.number, d.number::text, c.name),
      (CASE d.status WHEN 'open' THEN 1 ELSE 0 END)::smallint
    FROM deals d
    LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id AND c.deleted_at IS NULL
    WHERE d.org_id = org AND d.id = ANY (ids) AND d.archived_at IS NULL AND d.deleted_at IS NULL;
  END IF;
END $$;
ALTER FUNCTION app.search_documents_of(uuid, text, uuid[]) OWNER TO pipewright_system;

-- Brings the documents of these records up to date. Returns the companies among them whose name changed: the documents of their
-- contacts and deals repeat it.
CREATE OR REPLACE FUNCTION app.reindex(org uuid, kind text, ids uuid[]) RETURNS SETOF uuid
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF kind = 'company' THEN
    RETURN QUERY
    SELECT c.id FROM companies c JOIN search_documents d ON d.org_id = c.org_id AND d.record_type = 'company' AND d.record_id = c.id
    WHERE c.org_id = org AND c.id = ANY (ids) AND d.title <> left(c.name, 300);
  END IF;
  DELETE FROM search_documents d
  WHERE d.org_id = org AND d.record_type = kind AND d.record_id = ANY (ids)
    AND NOT EXISTS (SELECT 1 FROM companies r WHERE kind = 'company' AND r.org_id = org AND r.id = d.record_id AND r.archived_at IS NULL AND r.deleted_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM contacts r WHERE kind = 'contact' AND r.org_id = org AND r.id = d.record_id AND r.archived_at IS NULL AND r.deleted_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM deals r WHERE kind = 'deal' AND r.org_id = org AND r.id = d.record_id AND r.archived_at IS NULL AND r.deleted_at IS NULL);
  INSERT INTO search_documents AS d
  SELECT * FROM app.search_documents_of(org, kind, ids)
  ON CONFLICT (org_id, record_type, record_id) DO UPDATE SET owner_id = excluded.owner_id, title = excluded.title,
    subtitle = excluded.subtitle, folded_title = excluded.folded_title, folded_key = excluded.folded_key,
    haystack = excluded.haystack, weight = excluded.weight
  WHERE (d.owner_id, d.title, d.subtitle, d.folded_key, d.haystack, d.weight) IS DISTINCT FROM
    (excluded.owner_id, excluded.title, excluded.subtitle, excluded.folded_key, excluded.haystack, excluded.weight);
  -- In order, and only what is new: two transactions adding the same words never wait in a circle.
  INSERT INTO search_words (org_id, word)
  SELECT org, w.word FROM (
    SELECT DISTINCT word FROM search_documents d, regexp_split_to_table(d.folded_title, '[^[:alpha:]]+') AS word
    WHERE d.org_id = org AND d.record_type = kind AND d.record_id = ANY (ids) AND length(word) BETWEEN 4 AND 32
  ) w
  WHERE NOT EXISTS (SELECT 1 FROM search_words s WHERE s.org_id = org AND s.word = w.word)
  ORDER BY w.word
  ON CONFLICT DO NOTHING;
END $$;
ALTER FUNCTION app.reindex(uuid, text, uuid[]) OWNER TO pipewright_system;

-- Finds documents by fragments, through the trigram index of their type: for what the cheaper ways of app.search do not find.
CREATE OR REPLACE FUNCTION app.search_fragments(org uuid, kind text, patterns text[], owners uuid[], most integer)
RETURNS SETOF search_documents
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET enable_seqscan = off SET enable_indexscan = off AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT d.* FROM search_documents d WHERE d.org_id = $1 AND d.record_type = %L AND d.haystack LIKE $2 AND d.haystack LIKE $3
       AND d.haystack LIKE ALL ($4) %s LIMIT %s',
    kind, CASE WHEN owners IS NULL THEN '' ELSE 'AND d.owner_id = ANY ($5)' END, most)
  USING org, patterns[1], coalesce(patterns[2], patterns[1]), patterns, owners;
END $$;
ALTER FUNCTION app.search_fragments(uuid, text, text[], uuid[], integer) OWNER TO pipewright_system;

-- Global search inside the transaction's organisation. Under row-level security the planner may not use the trigram indexes
-- (LIKE is not leakproof); running as pipewright_system with an explicit org_id filter, it may.
-- owners: null for everybody's records, else the owners whose records the reader may see.
CREATE OR REPLACE FUNCTION app.search(q text, types text[], owners uuid[], per_type integer)
RETURNS TABLE (record_type text, record_id uuid, title text, subtitle text, score real)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  org uuid := app.org();
BEGIN
  RETURN QUERY
  SELECT d.record_type, d.record_id, d.title, d.subtitle, similarity(d.folded_title, q)
  FROM search_documents d
  WHERE d.org_id = org AND d.record_type = ANY (types) AND d.haystack LIKE '%' || q || '%'
    AND (owners IS NULL OR d.owner_id = ANY (owners))
  LIMIT per_type;
END $$;
ALTER FUNCTION app.search(text, text[], uuid[], integer) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.search(text, text[], uuid[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.search(text, text[], uuid[], integer) TO pipewright_app;

-- The ids of the documents of one type that contain every one of these folded words: what a text filter narrows a list or board to.
-- Ids only, and the caller's own query still applies row-level security and visibility to the rows behind them.
CREATE OR REPLACE FUNCTION app.matching(kind text, words text[]) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  patterns text[] := ARRAY(SELECT '%' || regexp_replace(w, '([\\%_])', '\\\1', 'g') || '%' FROM unnest(words) w ORDER BY length(w) DESC);
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT d.record_id FROM search_documents d
     WHERE d.org_id = $1 AND d.record_type = %L AND d.haystack LIKE $2[1] AND d.haystack LIKE ALL ($2)', kind)
  USING app.org(), patterns;
END $$;
ALTER FUNCTION app.matching(text, text[]) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.matching(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.matching(text, text[]) TO pipewright_app;
