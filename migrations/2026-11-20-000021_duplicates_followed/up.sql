-- How far the changes of each record type have been compared with what there is.
CREATE TABLE duplicate_follows (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  record_type text NOT NULL,
  followed_to timestamptz NOT NULL,
  left_over bigint NOT NULL DEFAULT 0, -- changed records that were too many, and wait for the next search of everything
  PRIMARY KEY (org_id, record_type)
);
CALL app.tenant_table('duplicate_follows');

-- Whatever in a record's own fields may be the id of another record: what a merge looks for. Only links and members look like that,
-- so that the index stays small; records without fields of their own are not in it.
CREATE FUNCTION app.custom_ids(custom jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(value), '{}') FROM jsonb_each_text(custom)
  WHERE value ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
$$;
CREATE INDEX companies_custom_ids ON companies USING gin (org_id, app.custom_ids(custom)) WHERE custom <> '{}';
CREATE INDEX contacts_custom_ids ON contacts USING gin (org_id, app.custom_ids(custom)) WHERE custom <> '{}';
CREATE INDEX leads_custom_ids ON leads USING gin (org_id, app.custom_ids(custom)) WHERE custom <> '{}';
CREATE INDEX deals_custom_ids ON deals USING gin (org_id, app.custom_ids(custom)) WHERE custom <> '{}';
