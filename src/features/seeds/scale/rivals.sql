-- Beside each deal that was lost to somebody, and one of eight others.
INSERT INTO deal_competitors (org_id, deal_id, competitor_id, strengths)
SELECT d.org_id, d.id, coalesce(d.lost_to, r.id), CASE WHEN d.number % 3 = 0 THEN 'Cheaper by a tenth' END
FROM deals d JOIN seed_rivals r ON r.n = d.number % 40
WHERE d.org_id = current_setting('seed.org')::uuid AND (d.lost_to IS NOT NULL OR d.number % 8 = 0);
