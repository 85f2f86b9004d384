-- The bin and how long things are kept.

-- What the bin shows, the latest first, and what is due to leave it.
CREATE INDEX companies_bin ON companies (org_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
CREATE INDEX contacts_bin ON contacts (org_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
CREATE INDEX leads_bin ON leads (org_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
CREATE INDEX deals_bin ON deals (org_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
-- The images of a record that is deleted for good go with it.
CREATE INDEX operation_changes_record ON operation_changes (org_id, record_id);
CREATE INDEX import_changes_record ON import_changes (org_id, record_id);

CREATE TABLE retention_settings (
  org_id uuid PRIMARY KEY DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  bin_days smallint NOT NULL DEFAULT 30 CHECK (bin_days BETWEEN 1 AND 30),
  import_days smallint CHECK (import_days BETWEEN 1 AND 3650), -- null: files of imports are kept
  version integer NOT NULL DEFAULT 1,
  ran_at timestamptz               -- when the daily round was last made
);
CALL app.tenant_table('retention_settings');

-- What goes by itself: records of a type that meet a condition and were not changed for so many days.
CREATE TABLE retention_rules (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  condition text NOT NULL,         -- 'any', 'archived', 'disqualified', 'do_not_contact', 'lost'
  days integer NOT NULL CHECK (days BETWEEN 1 AND 36500),
  action text NOT NULL CHECK (action IN ('delete', 'anonymise')),
  active boolean NOT NULL DEFAULT false,
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  activated_by uuid,               -- the administrator in whose name it acts
  activated_at timestamptz,
  ran_at timestamptz,
  operation_id uuid,               -- the last one it began
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, record_type, condition, action),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id),
  FOREIGN KEY (org_id, activated_by) REFERENCES members (org_id, id)
);
CALL app.tenant_table('retention_rules');
