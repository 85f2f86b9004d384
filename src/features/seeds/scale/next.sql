-- As app.next_activities keeps it, for all deals at once.
UPDATE deals d SET next_activity_at = n.at
FROM (
  SELECT deal_id, min(at) AS at FROM activities
  WHERE org_id = current_setting('seed.org')::uuid AND deal_id IS NOT NULL AND closed_at IS NULL AND deleted_at IS NULL GROUP BY 1) n
WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = n.deal_id AND d.next_activity_at IS DISTINCT FROM n.at;
