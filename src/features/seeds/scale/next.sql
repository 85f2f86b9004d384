-- As app.next_activities keeps it, for all deals at once.
UPDATE deals d SET next_activity_at = n.at
FROM (
  SELECT deal_id, min(at) AS at FROM activities
  WHERE org_id = current_setting('seed.org')::uuid AND deal_id IS NOT NULL AND closed_at IS NULL AND deleted_at IS NULL GROUP BY 1) n
WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = n.deal_id AND d.next_activity_at IS DISTINCT FROM n.at;
-- As app.activity_closings keeps it.
INSERT INTO activity_closings (org_id, month, owner_id, type_id, done)
SELECT a.org_id, date_trunc('month', a.closed_at AT TIME ZONE o.time_zone)::date, a.owner_id, a.type_id, count(*)
FROM activities a JOIN organisations o ON o.id = a.org_id
WHERE a.org_id = current_setting('seed.org')::uuid AND a.status = 'done' AND a.deleted_at IS NULL GROUP BY 1, 2, 3, 4;
