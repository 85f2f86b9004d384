-- Duplicates: records that were merged, pairs that look like the same thing, and how far the search for them is.

-- A record that went into another. It is deleted as long as its row here is not undone.
CREATE TABLE merges (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  survivor_id uuid NOT NULL,
  merged_id uuid NOT NULL,
  before jsonb NOT NULL,           -- {survivor, merged}: both rows
  after jsonb NOT NULL,            -- the survivor's row as the merge left it
  moved jsonb NOT NULL DEFAULT '{}', -- ids of the related rows that changed sides, by table
  survivor_version integer NOT NULL,
  merged_by uuid,
  merged_at timestamptz NOT NULL DEFAULT now(),
  undone_by uuid,
  undone_at timestamptz,
  PRIMARY KEY (org_id, id),
  CHECK (survivor_id <> merged_id),
  FOREIGN KEY (org_id, merged_by) REFERENCES members (org_id, id),
  FOREIGN KEY (org_id, undone_by) REFERENCES members (org_id, id)
);
CREATE UNIQUE INDEX merges_merged ON merges (org_id, merged_id) WHERE undone_at IS NULL;
CREATE INDEX merges_survivor ON merges (org_id, survivor_id);
CALL app.tenant_table('merges');

-- What the search found, and what people said of it.
CREATE TABLE duplicate_pairs (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT app.uuid7(),
  record_type text NOT NULL,
  a_id uuid NOT NULL,
  b_id uuid NOT NULL,
  confidence smallint NOT NULL CHECK (confidence BETWEEN 0 AND 100),
  reasons text[] NOT NULL,         -- in words: 'same e-mail'
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'dismissed', 'merged')),
  found_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(), -- the last search that found it
  decided_by uuid,
  decided_at timestamptz,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, record_type, a_id, b_id),
  CHECK (a_id < b_id),
  FOREIGN KEY (org_id, decided_by) REFERENCES members (org_id, id)
);
CREATE INDEX duplicate_pairs_queue ON duplicate_pairs (org_id, record_type, status, confidence DESC, id DESC);
CREATE INDEX duplicate_pairs_b ON duplicate_pairs (org_id, record_type, b_id);
CALL app.tenant_table('duplicate_pairs');

-- The search of one record type: at most one at a time.
CREATE TABLE duplicate_scans (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  record_type text NOT NULL,
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed')),
  done bigint NOT NULL DEFAULT 0,  -- candidates looked at
  total bigint NOT NULL DEFAULT 0, -- 0: still being gathered
  found bigint NOT NULL DEFAULT 0,
  requested_by uuid,               -- null: the night's
  requested_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (org_id, record_type),
  FOREIGN KEY (org_id, requested_by) REFERENCES members (org_id, id)
);
CALL app.tenant_table('duplicate_scans');

-- Whoever has this number: while a form is typed, and on import. (That of contacts is there already.)
CREATE INDEX contacts_other_phones ON contacts USING gin (org_id, other_phones) WHERE other_phones <> '{}';
CREATE INDEX companies_phone ON companies (org_id, phone) WHERE phone IS NOT NULL;
CREATE INDEX leads_phone ON leads (org_id, phone) WHERE phone IS NOT NULL;
CREATE INDEX leads_other_phones ON leads USING gin (org_id, other_phones) WHERE other_phones <> '{}';
