-- Leads: people and companies not yet qualified, before they are contact, company and deal.

CREATE TABLE leads (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  first_name text NOT NULL DEFAULT '',
  last_name text NOT NULL DEFAULT '',
  company_name text,               -- as words: which company it is, conversion finds out
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS
    (app.fold(coalesce(nullif(btrim(first_name || ' ' || last_name), ''), company_name, email, ''))) STORED,
  title text,
  email text,                      -- the primary one, lower case
  other_emails text[] NOT NULL DEFAULT '{}',
  phone text,                      -- E.164
  other_phones text[] NOT NULL DEFAULT '{}',
  domain text,
  street text,
  city text,
  region text,
  country char(2),
  source text,
  status text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'working', 'nurturing', 'qualified', 'disqualified')),
  score integer,
  estimated_value numeric(19,4) CHECK (estimated_value >= 0),
  currency char(3) NOT NULL,
  owner_id uuid,
  do_not_contact boolean NOT NULL DEFAULT false,
  description text,
  external_id text,
  custom jsonb NOT NULL DEFAULT '{}',
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz,
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  CHECK (first_name <> '' OR last_name <> '' OR company_name IS NOT NULL OR email IS NOT NULL),
  FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, id)
);
CREATE INDEX leads_list ON leads (org_id, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_archived ON leads (org_id, name_key, id) WHERE archived_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX leads_status ON leads (org_id, status, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_recent ON leads (org_id, created_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_owner ON leads (org_id, owner_id, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_email ON leads (org_id, email) WHERE email IS NOT NULL;
CREATE INDEX leads_other_emails ON leads USING gin (org_id, other_emails) WHERE other_emails <> '{}';
CREATE INDEX leads_domain ON leads (org_id, domain) WHERE domain IS NOT NULL;
CREATE UNIQUE INDEX leads_external ON leads (org_id, external_id) WHERE external_id IS NOT NULL;
CALL app.tenant_table('leads');

-- A lead that became something. It is archived as long as its row is here.
CREATE TABLE lead_conversions (
  org_id uuid NOT NULL DEFAULT app.org(),
  lead_id uuid NOT NULL,
  contact_id uuid,
  company_id uuid,
  deal_id uuid,
  made jsonb NOT NULL DEFAULT '[]', -- what was created rather than linked: [{record, id, version}], for the undo
  status_before text NOT NULL,
  converted_by uuid,
  converted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, lead_id),
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE SET NULL (contact_id),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id) ON DELETE SET NULL (company_id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE SET NULL (deal_id),
  FOREIGN KEY (org_id, converted_by) REFERENCES members (org_id, id)
);
CREATE INDEX lead_conversions_contact ON lead_conversions (org_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX lead_conversions_company ON lead_conversions (org_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX lead_conversions_deal ON lead_conversions (org_id, deal_id) WHERE deal_id IS NOT NULL;
CALL app.tenant_table('lead_conversions');

ALTER TABLE notes ADD COLUMN lead_id uuid;
ALTER TABLE notes DROP CONSTRAINT notes_check;
ALTER TABLE notes ADD CONSTRAINT notes_check CHECK (num_nonnulls(company_id, contact_id, deal_id, lead_id) = 1);
ALTER TABLE notes ADD FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id) ON DELETE CASCADE;
CREATE INDEX notes_lead ON notes (org_id, lead_id, created_at DESC) WHERE lead_id IS NOT NULL;

CREATE INDEX search_documents_lead_trgm ON search_documents USING gin (org_id, owner_id, haystack gin_trgm_ops) WHERE record_type = 'lead';

-- Roles: who may do something with contacts may do it with leads. The owner of the table is under its row-level security, too.
ALTER TABLE roles NO FORCE ROW LEVEL SECURITY;
UPDATE roles SET permissions = permissions ||
  ARRAY(SELECT 'leads.' || split_part(p, '.', 2) FROM unnest(permissions) p WHERE p LIKE 'contacts.%' AND NOT 'leads.' || split_part(p, '.', 2) = ANY (permissions));
ALTER TABLE roles FORCE ROW LEVEL SECURITY;
