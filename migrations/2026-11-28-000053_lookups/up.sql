-- What serves rules of lists that few records obey: texts as rules compare them (reached through app.those, since lower() is not
-- leakproof), values of own fields (through app.holding), and small indexes of the records that lack something, in the order of lists.
-- Equal texts are kept once for many rows, so the former cost little room and time.

CREATE INDEX companies_is_city ON companies (org_id, lower(city)) WHERE deleted_at IS NULL;
CREATE INDEX companies_is_industry ON companies (org_id, lower(industry)) WHERE deleted_at IS NULL;
CREATE INDEX contacts_is_city ON contacts (org_id, lower(city)) WHERE deleted_at IS NULL;
CREATE INDEX leads_is_city ON leads (org_id, lower(city)) WHERE deleted_at IS NULL;
CREATE INDEX leads_is_source ON leads (org_id, lower(source)) WHERE deleted_at IS NULL;
CREATE INDEX leads_is_campaign ON leads (org_id, lower(campaign)) WHERE deleted_at IS NULL;
CREATE INDEX leads_is_company_name ON leads (org_id, lower(company_name)) WHERE deleted_at IS NULL;
CREATE INDEX deals_is_source ON deals (org_id, lower(source)) WHERE deleted_at IS NULL;
CREATE INDEX deals_is_lost_reason ON deals (org_id, lower(lost_reason)) WHERE deleted_at IS NULL;
CREATE INDEX companies_is_country ON companies (org_id, lower(country)) WHERE deleted_at IS NULL;
CREATE INDEX contacts_is_country ON contacts (org_id, lower(country)) WHERE deleted_at IS NULL;
CREATE INDEX leads_is_country ON leads (org_id, lower(country)) WHERE deleted_at IS NULL;
CREATE INDEX companies_holding ON companies USING gin (org_id, custom jsonb_path_ops) WHERE custom <> '{}';
CREATE INDEX contacts_holding ON contacts USING gin (org_id, custom jsonb_path_ops) WHERE custom <> '{}';
CREATE INDEX leads_holding ON leads USING gin (org_id, custom jsonb_path_ops) WHERE custom <> '{}';
CREATE INDEX deals_holding ON deals USING gin (org_id, custom jsonb_path_ops) WHERE custom <> '{}';
CREATE INDEX companies_no_domain ON companies (org_id, name_key, id)
  WHERE (domain IS NULL OR domain = '') AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX companies_no_owner ON companies (org_id, name_key, id)
  WHERE owner_id IS NULL AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_no_email ON contacts (org_id, name_key, id)
  WHERE (email IS NULL OR email = '') AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_no_phone ON contacts (org_id, name_key, id)
  WHERE (phone IS NULL OR phone = '') AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_no_company ON contacts (org_id, name_key, id)
  WHERE company_id IS NULL AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_no_owner ON contacts (org_id, name_key, id)
  WHERE owner_id IS NULL AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_no_email ON leads (org_id, name_key, id)
  WHERE (email IS NULL OR email = '') AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_no_phone ON leads (org_id, name_key, id)
  WHERE (phone IS NULL OR phone = '') AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_no_company ON deals (org_id, name_key, id)
  WHERE company_id IS NULL AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_no_owner ON deals (org_id, name_key, id)
  WHERE owner_id IS NULL AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_silent ON contacts (org_id, name_key, id)
  WHERE do_not_contact IS TRUE AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_silent ON leads (org_id, name_key, id)
  WHERE do_not_contact IS TRUE AND archived_at IS NULL AND deleted_at IS NULL;
-- Which companies have somebody or something, without a look at the rows.
CREATE INDEX contacts_of_company ON contacts (org_id, company_id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_of_company ON deals (org_id, company_id) WHERE archived_at IS NULL AND deleted_at IS NULL;
