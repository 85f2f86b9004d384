-- Two people whom somebody typed a second time.
CREATE TEMP TABLE twice ON COMMIT DROP AS
SELECT app.uuid7() AS id, c.*, row_number() OVER (ORDER BY c.created_at, c.first_id) AS n FROM (
  SELECT c.first_name, c.last_name, c.email, c.phone, c.company_id, c.city, c.country, c.owner_id, c.created_at, c.id AS first_id
  FROM contacts c WHERE c.org_id = current_setting('seed.org')::uuid AND c.phone IS NOT NULL AND NOT c.do_not_contact ORDER BY c.created_at, c.id LIMIT 2) c;
INSERT INTO contacts (org_id, id, first_name, last_name, title, email, phone, company_id, city, country, owner_id, lifecycle, created_by, created_at, updated_at)
SELECT current_setting('seed.org')::uuid, id, CASE n WHEN 1 THEN left(first_name, 1) || '.' ELSE first_name END, last_name, 'Purchasing',
  CASE n WHEN 1 THEN email END, phone, company_id, city, country, owner_id, 'lead', owner_id, now() - interval '5 hours', now() - interval '5 hours'
FROM twice;
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, now() - interval '5 hours', owner_id, 'contact.created', 'contact', id, 1,
  jsonb_build_object('last_name', jsonb_build_array(null, last_name), 'phone', jsonb_build_array(null, phone)) FROM twice;
