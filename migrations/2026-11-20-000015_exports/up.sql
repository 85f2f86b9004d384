-- Exports too large to be answered at once: what was asked, how far it is, where the file lies until it expires.
CREATE TABLE exports (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  format text NOT NULL CHECK (format IN ('csv', 'xlsx', 'vcard', 'jsonl')),
  fields text[] NOT NULL,          -- catalogue keys, in order
  options jsonb NOT NULL DEFAULT '{}', -- the selection, and what the format asks
  file_name text NOT NULL,
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')),
  cancel_requested boolean NOT NULL DEFAULT false,
  rows_total bigint,
  rows_done bigint NOT NULL DEFAULT 0,
  bytes bigint,
  error text,
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  expires_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id)
);
CREATE INDEX exports_mine ON exports (org_id, created_by, created_at DESC, id DESC);
CALL app.tenant_table('exports');
