DROP INDEX deals_of_company;
CREATE INDEX deals_of_company ON deals (org_id, company_id) WHERE archived_at IS NULL AND deleted_at IS NULL;
