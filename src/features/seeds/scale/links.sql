-- One or two people of the company at most of the open deals, and the number the next deal takes.
INSERT INTO deal_contacts (org_id, deal_id, contact_id, role)
SELECT d.org_id, d.id, p.id, CASE WHEN p.n = 1 THEN 'decision_maker' ELSE 'champion' END
FROM deals d
CROSS JOIN LATERAL (
  SELECT p.id, row_number() OVER () AS n FROM (
    SELECT id FROM contacts p WHERE p.org_id = d.org_id AND p.company_id = d.company_id LIMIT 2) p
) p
WHERE d.org_id = current_setting('seed.org')::uuid AND d.status = 'open' AND d.number % 4 > 0;
UPDATE counters SET value = (SELECT max(number) FROM deals WHERE org_id = current_setting('seed.org')::uuid)
WHERE org_id = current_setting('seed.org')::uuid AND key = 'deal';
