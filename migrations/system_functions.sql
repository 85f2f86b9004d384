-- SECURITY DEFINER functions owned by pipewright_system; created after the owner's role is put down again.

-- Global search inside the transaction's organisation. Under row-level security the planner may not use the trigram index
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

-- Signs a person out of the transaction's organisation everywhere, in the transaction that takes their access away.
CREATE OR REPLACE FUNCTION app.end_sessions(person uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH ended AS (DELETE FROM sessions WHERE user_id = person AND org_id = app.org() RETURNING 1)
  SELECT count(*) FROM ended
$$;
ALTER FUNCTION app.end_sessions(uuid) OWNER TO pipewright_system;
REVOKE ALL ON FUNCTION app.end_sessions(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.end_sessions(uuid) TO pipewright_app;
