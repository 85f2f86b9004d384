-- Work over many records at once: what was asked, how far it is, and what it takes to undo it.

CREATE TABLE operations (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  kind text NOT NULL,              -- 'edit', 'archive', 'import', 'merge', …
  record_type text NOT NULL,
  title text NOT NULL,             -- in words: 'Archive contacts'
  params jsonb NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'queued'
    CHECK (status IN ('queued', 'running', 'done', 'cancelled', 'failed', 'undoing', 'undone')),
  planned boolean NOT NULL DEFAULT true, -- whether its batches are laid out
  total bigint NOT NULL DEFAULT 0,
  done bigint NOT NULL DEFAULT 0,  -- changed + skipped + failed
  changed bigint NOT NULL DEFAULT 0,
  skipped bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  reasons jsonb NOT NULL DEFAULT '{}', -- why records were skipped or failed: {"already so": 12}
  undo_total bigint NOT NULL DEFAULT 0,
  restored bigint NOT NULL DEFAULT 0,
  left_alone bigint NOT NULL DEFAULT 0,
  cancel_requested boolean NOT NULL DEFAULT false,
  request_key uuid,                -- of the form that asked: sent twice, it is one operation
  error text,
  created_by uuid,
  undone_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  heartbeat_at timestamptz,
  finished_at timestamptz,
  undo_started_at timestamptz,
  undo_finished_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id),
  FOREIGN KEY (org_id, undone_by) REFERENCES members (org_id, id)
);
CREATE INDEX operations_recent ON operations (org_id, created_at DESC, id DESC);
CREATE INDEX operations_mine ON operations (org_id, created_by, created_at DESC, id DESC);
CREATE UNIQUE INDEX operations_request ON operations (org_id, request_key) WHERE request_key IS NOT NULL;
CALL app.tenant_table('operations');

-- What is still to be done, in pieces; each goes in the transaction that does it.
CREATE TABLE operation_batches (
  org_id uuid NOT NULL DEFAULT app.org(),
  operation_id uuid NOT NULL,
  n integer NOT NULL,
  record_type text NOT NULL,
  ids uuid[] NOT NULL,
  PRIMARY KEY (org_id, operation_id, n),
  FOREIGN KEY (org_id, operation_id) REFERENCES operations (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('operation_batches');

-- One row for each record an operation changed: what its columns held before, and the version the operation left.
CREATE TABLE operation_changes (
  org_id uuid NOT NULL DEFAULT app.org(),
  operation_id uuid NOT NULL,
  record_type text NOT NULL,
  record_id uuid NOT NULL,
  action text NOT NULL,            -- 'created', 'updated', 'archived', 'restored', 'deleted', 'tagged', …
  before jsonb NOT NULL DEFAULT '{}',
  version_after integer,           -- null: undone whatever happened to the record since (tags)
  undo text,                       -- null: not tried; 'restored', or why it was left alone
  PRIMARY KEY (org_id, operation_id, record_type, record_id),
  FOREIGN KEY (org_id, operation_id) REFERENCES operations (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('operation_changes');
