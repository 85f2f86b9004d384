-- Imports as a wizard: drafts that can be left and resumed, what a trial found, how far a run is, what undoing one takes, and
-- mappings kept by name.

ALTER TABLE imports DROP CONSTRAINT imports_status_check;
ALTER TABLE imports ADD CONSTRAINT imports_status_check CHECK (status IN
  ('draft', 'checking', 'queued', 'running', 'done', 'failed', 'cancelled', 'undoing', 'undone'));
ALTER TABLE imports ADD COLUMN file_size bigint;
ALTER TABLE imports ADD COLUMN checked jsonb;      -- what a trial of these choices found; null: not tried since they were made
ALTER TABLE imports ADD COLUMN undone jsonb;       -- what an undo restored, removed and left
ALTER TABLE imports ADD COLUMN undone_by uuid;
ALTER TABLE imports ADD COLUMN undone_at timestamptz;
ALTER TABLE imports ADD FOREIGN KEY (org_id, undone_by) REFERENCES members (org_id, id);

-- How far the import, trial or undo is that is running: written beside the one transaction it works in, so that others see it.
CREATE TABLE import_progress (
  org_id uuid NOT NULL DEFAULT app.org(),
  import_id uuid NOT NULL,
  phase text NOT NULL DEFAULT 'reading',
  rows_read bigint NOT NULL DEFAULT 0,
  cancel_requested boolean NOT NULL DEFAULT false,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  phase_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (org_id, import_id),
  FOREIGN KEY (org_id, import_id) REFERENCES imports (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('import_progress');

-- Each record an import changed: what the columns it wrote held before, and the version it left.
CREATE TABLE import_changes (
  org_id uuid NOT NULL DEFAULT app.org(),
  import_id uuid NOT NULL,
  record_type text NOT NULL,
  record_id uuid NOT NULL,
  before jsonb NOT NULL,
  version_after integer NOT NULL,
  PRIMARY KEY (org_id, import_id, record_type, record_id),
  FOREIGN KEY (org_id, import_id) REFERENCES imports (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('import_changes');

-- The records an import created, a hundred lines of the file to a row: a row for each would cost more than all else it writes.
CREATE TABLE import_created (
  org_id uuid NOT NULL DEFAULT app.org(),
  import_id uuid NOT NULL,
  record_type text NOT NULL,
  chunk bigint NOT NULL,
  ids uuid[] NOT NULL,
  PRIMARY KEY (org_id, import_id, record_type, chunk),
  FOREIGN KEY (org_id, import_id) REFERENCES imports (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('import_created');

-- Records that an undo left as they are, and why.
CREATE TABLE import_left (
  org_id uuid NOT NULL DEFAULT app.org(),
  import_id uuid NOT NULL,
  record_type text NOT NULL,
  record_id uuid NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (org_id, import_id, record_type, record_id),
  FOREIGN KEY (org_id, import_id) REFERENCES imports (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('import_left');

-- Rows that no rule of their import can tell from others: by what they say as a whole, so that the same file again creates nothing.
CREATE TABLE import_fingerprints (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  record_type text NOT NULL,
  fingerprint uuid NOT NULL,
  record_id uuid NOT NULL,
  PRIMARY KEY (org_id, record_type, fingerprint)
);
CALL app.tenant_table('import_fingerprints');

-- Choices kept under a name, and found again by the headings of the file they were made for.
CREATE TABLE import_templates (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  name text NOT NULL,
  headings text NOT NULL,            -- a hash of the file's headings
  options jsonb NOT NULL,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, record_type, name),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id)
);
CREATE INDEX import_templates_headings ON import_templates (org_id, record_type, headings, updated_at DESC);
CALL app.tenant_table('import_templates');
