-- Data quality: rules that records obey, and how complete they are.

CREATE TABLE validation_rules (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('format', 'expression')),
  field text NOT NULL,             -- the catalogue key at which the message stands; of a format: the field it checks
  format text NOT NULL DEFAULT '', -- of a format: one of the well-known ones, or `pattern`
  expression text NOT NULL DEFAULT '', -- what must hold; of the format `pattern`: the pattern
  message text NOT NULL CHECK (char_length(message) BETWEEN 1 AND 300),
  active boolean NOT NULL DEFAULT true,
  measured_at timestamptz,         -- since when `rule_breaks` knows every record; null: a job is at it
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX validation_rules_type ON validation_rules (org_id, record_type) WHERE deleted_at IS NULL;
CALL app.tenant_table('validation_rules');

-- Which records break which rule: what lists filter by.
CREATE TABLE rule_breaks (
  org_id uuid NOT NULL DEFAULT app.org(),
  rule_id uuid NOT NULL,
  record_id uuid NOT NULL,
  PRIMARY KEY (org_id, rule_id, record_id),
  FOREIGN KEY (org_id, rule_id) REFERENCES validation_rules (org_id, id) ON DELETE CASCADE
);
CREATE INDEX rule_breaks_record ON rule_breaks (org_id, record_id);
CALL app.tenant_table('rule_breaks');

-- What an organisation says of a record type's quality; without a row the program's own words hold.
CREATE TABLE quality_settings (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  record_type text NOT NULL,
  fields jsonb NOT NULL,           -- catalogue key → weight
  incomplete_below integer NOT NULL CHECK (incomplete_below BETWEEN 1 AND 100),
  stale_after integer NOT NULL CHECK (stale_after BETWEEN 1 AND 3650), -- days
  version integer NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, record_type)
);
CALL app.tenant_table('quality_settings');

-- 0 to 100; null: not measured yet. Whole numbers, whose comparisons reach an index under row-level security.
ALTER TABLE companies ADD COLUMN completeness integer;
ALTER TABLE contacts ADD COLUMN completeness integer;
ALTER TABLE leads ADD COLUMN completeness integer;
ALTER TABLE deals ADD COLUMN completeness integer;
CREATE INDEX companies_completeness ON companies (org_id, completeness, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_completeness ON contacts (org_id, completeness, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_completeness ON leads (org_id, completeness, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_completeness ON deals (org_id, completeness, id) WHERE archived_at IS NULL AND deleted_at IS NULL;

-- Of the live records: how many are measured, and the sum of their scores.
ALTER TABLE record_totals ADD COLUMN measured bigint NOT NULL DEFAULT 0, ADD COLUMN points bigint NOT NULL DEFAULT 0;

-- Records that are there already are measured by a job.
SET LOCAL ROLE pipewright_system;
INSERT INTO jobs (org_id, kind, payload, key)
SELECT o.id, 'quality.measure', jsonb_build_object('record_type', t.t), 'quality.measure:' || t.t
FROM organisations o, unnest(ARRAY['company', 'contact', 'lead', 'deal']) t (t)
ON CONFLICT DO NOTHING;
SET LOCAL ROLE pipewright_owner;
