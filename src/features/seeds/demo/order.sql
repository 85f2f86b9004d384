-- The scripts tell the deals' pasts one kind of change at a time. In the end the saves of a deal follow each other by time, and what a save
-- found is what the one before it left.
UPDATE events e SET version = o.n FROM (
  SELECT at, id, row_number() OVER (PARTITION BY record_id ORDER BY at, version, id) AS n FROM events
  WHERE org_id = current_setting('seed.org')::uuid AND record_type = 'deal' AND version IS NOT NULL) o
WHERE e.org_id = current_setting('seed.org')::uuid AND e.at = o.at AND e.id = o.id;
UPDATE deals d SET version = o.n FROM (
  SELECT record_id, max(version) AS n FROM events WHERE org_id = current_setting('seed.org')::uuid AND record_type = 'deal' GROUP BY 1) o
WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = o.record_id AND d.version <> o.n;
UPDATE events e SET changes = jsonb_set(e.changes, ARRAY[o.key, '0'], o.left_by) FROM (
  SELECT e.at, e.id, f.key, lag(f.value->1) OVER (PARTITION BY e.record_id, f.key ORDER BY e.version) AS left_by, f.value->0 AS found
  FROM events e CROSS JOIN LATERAL jsonb_each(e.changes) f
  WHERE e.org_id = current_setting('seed.org')::uuid AND e.record_type = 'deal' AND f.key IN ('amount', 'expected_close_on')) o
WHERE e.org_id = current_setting('seed.org')::uuid AND e.at = o.at AND e.id = o.id AND o.left_by IS DISTINCT FROM o.found AND o.left_by IS NOT NULL;
