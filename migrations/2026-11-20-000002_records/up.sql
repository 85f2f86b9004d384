-- What is sold and to whom: companies, contacts, pipelines, deals, notes.
--
-- name_key is what lists sort by and names are matched by. It is a column, not an indexed expression: under row-level security
-- only leakproof operators reach an index, and lower() and app.fold() are not, while a comparison of two texts is.

CREATE TABLE companies (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  domain text,
  industry text,
  employees integer CHECK (employees >= 0),
  annual_revenue numeric(19,4) CHECK (annual_revenue >= 0),
  phone text,
  street text,
  city text,
  region text,
  postal_code text,
  country char(2),
  parent_id uuid,
  owner_id uuid,
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
  FOREIGN KEY (org_id, parent_id) REFERENCES companies (org_id, id) ON DELETE SET NULL (parent_id),
  FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, id)
);
CREATE INDEX companies_list ON companies (org_id, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX companies_archived ON companies (org_id, name_key, id) WHERE archived_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX companies_recent ON companies (org_id, created_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX companies_owner ON companies (org_id, owner_id, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX companies_domain ON companies (org_id, domain) WHERE domain IS NOT NULL;
CREATE INDEX companies_parent ON companies (org_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE UNIQUE INDEX companies_external ON companies (org_id, external_id) WHERE external_id IS NOT NULL;
CALL app.tenant_table('companies');

CREATE TABLE contacts (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  first_name text NOT NULL DEFAULT '',
  last_name text NOT NULL DEFAULT '',
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS
    (app.fold(coalesce(nullif(btrim(first_name || ' ' || last_name), ''), email, ''))) STORED,
  title text,
  email text,                      -- the primary one, lower case
  other_emails text[] NOT NULL DEFAULT '{}',
  phone text,                      -- E.164
  other_phones text[] NOT NULL DEFAULT '{}',
  company_id uuid,
  street text,
  city text,
  region text,
  postal_code text,
  country char(2),
  owner_id uuid,
  lifecycle text NOT NULL DEFAULT 'lead' CHECK (lifecycle IN ('lead', 'qualified', 'customer', 'former')),
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
  CHECK (first_name <> '' OR last_name <> '' OR email IS NOT NULL),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id) ON DELETE SET NULL (company_id),
  FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, id)
);
CREATE INDEX contacts_list ON contacts (org_id, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_archived ON contacts (org_id, name_key, id) WHERE archived_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX contacts_lifecycle ON contacts (org_id, lifecycle, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_recent ON contacts (org_id, created_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_owner ON contacts (org_id, owner_id, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_company ON contacts (org_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX contacts_email ON contacts (org_id, email) WHERE email IS NOT NULL;
CREATE INDEX contacts_other_emails ON contacts USING gin (org_id, other_emails) WHERE other_emails <> '{}';
CREATE UNIQUE INDEX contacts_external ON contacts (org_id, external_id) WHERE external_id IS NOT NULL;
CALL app.tenant_table('contacts');

CREATE TABLE pipelines (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  position integer NOT NULL DEFAULT 0,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX pipelines_name ON pipelines (org_id, lower(name));
CALL app.tenant_table('pipelines');

CREATE TABLE stages (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  pipeline_id uuid NOT NULL,
  name text NOT NULL,
  color text NOT NULL DEFAULT 'blue',
  probability smallint NOT NULL DEFAULT 50 CHECK (probability BETWEEN 0 AND 100),
  rotting_days smallint CHECK (rotting_days > 0),
  position integer NOT NULL DEFAULT 0,
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, pipeline_id, id),
  FOREIGN KEY (org_id, pipeline_id) REFERENCES pipelines (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX stages_name ON stages (org_id, pipeline_id, lower(name));
CALL app.tenant_table('stages');

CREATE TABLE deals (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  number bigint NOT NULL,
  name text NOT NULL,
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  company_id uuid,
  pipeline_id uuid NOT NULL,
  stage_id uuid NOT NULL,
  position text COLLATE "C" NOT NULL,  -- fractional index; order within the stage
  amount numeric(19,4) CHECK (amount >= 0),
  currency char(3) NOT NULL,
  probability smallint CHECK (probability BETWEEN 0 AND 100), -- null: the stage's
  expected_close_on date,
  owner_id uuid,
  source text,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'won', 'lost')),
  lost_reason text,
  lost_note text,
  closed_at timestamptz,
  closed_by uuid,
  stage_entered_at timestamptz NOT NULL DEFAULT now(),
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
  UNIQUE (org_id, number),
  CHECK ((status = 'open') = (closed_at IS NULL)),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id) ON DELETE SET NULL (company_id),
  FOREIGN KEY (org_id, pipeline_id, stage_id) REFERENCES stages (org_id, pipeline_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, id)
);
-- Two open cards of a column never share a place: the board's order is total.
CREATE UNIQUE INDEX deals_board ON deals (org_id, stage_id, position)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_board_owner ON deals (org_id, owner_id, stage_id, position)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_board_close ON deals (org_id, pipeline_id, expected_close_on)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_closing ON deals (org_id, owner_id, expected_close_on)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_entered ON deals (org_id, owner_id, stage_entered_at)
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_closed ON deals (org_id, closed_at, status) INCLUDE (owner_id, amount, currency)
  WHERE status <> 'open' AND archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_list ON deals (org_id, name_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_archived ON deals (org_id, name_key, id) WHERE archived_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX deals_recent ON deals (org_id, created_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_owner ON deals (org_id, owner_id, created_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_company ON deals (org_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX deals_stage ON deals (org_id, stage_id);
CREATE UNIQUE INDEX deals_external ON deals (org_id, external_id) WHERE external_id IS NOT NULL;
CALL app.tenant_table('deals');

CREATE TABLE deal_contacts (
  org_id uuid NOT NULL DEFAULT app.org(),
  deal_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  role text NOT NULL DEFAULT 'other'
    CHECK (role IN ('decision_maker', 'champion', 'influencer', 'user', 'blocker', 'other')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, deal_id, contact_id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE CASCADE
);
CREATE INDEX deal_contacts_contact ON deal_contacts (org_id, contact_id);
CALL app.tenant_table('deal_contacts');

CREATE TABLE notes (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  company_id uuid,
  contact_id uuid,
  deal_id uuid,
  author_id uuid,
  body_html text NOT NULL,             -- sanitised on the way in
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(company_id, contact_id, deal_id) = 1),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, author_id) REFERENCES members (org_id, id)
);
CREATE INDEX notes_company ON notes (org_id, company_id, created_at DESC) WHERE company_id IS NOT NULL;
CREATE INDEX notes_contact ON notes (org_id, contact_id, created_at DESC) WHERE contact_id IS NOT NULL;
CREATE INDEX notes_deal ON notes (org_id, deal_id, created_at DESC) WHERE deal_id IS NOT NULL;
CALL app.tenant_table('notes');

-- Kept totals of open deals. Append-only signed rows written by trigger, so that two people moving cards never wait for
-- each other; readers SUM, and a sweep folds the rows together. amount_by_stage is what the stage's probability applies to.
CREATE TABLE deal_totals (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  pipeline_id uuid NOT NULL,
  stage_id uuid NOT NULL,
  owner_id uuid,
  currency char(3) NOT NULL,
  deals bigint NOT NULL,
  amount numeric NOT NULL,
  amount_by_stage numeric NOT NULL,
  weighted_by_deal numeric NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX deal_totals_pipeline ON deal_totals (org_id, pipeline_id)
  INCLUDE (stage_id, owner_id, currency, deals, amount, amount_by_stage, weighted_by_deal);
CALL app.tenant_table('deal_totals');

-- Kept counts of live records per type and owner, by the same device.
CREATE TABLE record_totals (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  record_type text NOT NULL,
  owner_id uuid,
  records bigint NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX record_totals_type ON record_totals (org_id, record_type) INCLUDE (owner_id, records);
CALL app.tenant_table('record_totals');
