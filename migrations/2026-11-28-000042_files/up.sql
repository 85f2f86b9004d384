-- Files on records and activities: names and versions here, their bytes under a key in the store (src/files).

-- Every key that was ever handed out, written before the first byte is. What no version names an hour later is swept away.
CREATE TABLE file_blobs (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  size bigint CHECK (size >= 0),   -- null until the last byte is there
  sha256 text,
  content_type text,               -- looked up in the bytes, never what the sender says
  scan text NOT NULL DEFAULT 'off' CHECK (scan IN ('off', 'waiting', 'clean', 'infected')),
  scan_found text,                 -- what the scanner calls it
  thumbnail boolean NOT NULL DEFAULT false, -- a small picture lies beside it
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE INDEX file_blobs_age ON file_blobs (org_id, created_at);
CALL app.tenant_table('file_blobs');

CREATE TABLE files (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  -- What it is filed under. None: whoever made it (a mail) keeps its id.
  company_id uuid,
  contact_id uuid,
  lead_id uuid,
  deal_id uuid,
  activity_id uuid,
  current integer NOT NULL DEFAULT 1, -- the version that is shown
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(company_id, contact_id, lead_id, deal_id, activity_id) <= 1),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id)
);
CREATE INDEX files_company ON files (org_id, company_id, created_at DESC) WHERE company_id IS NOT NULL;
CREATE INDEX files_contact ON files (org_id, contact_id, created_at DESC) WHERE contact_id IS NOT NULL;
CREATE INDEX files_lead ON files (org_id, lead_id, created_at DESC) WHERE lead_id IS NOT NULL;
CREATE INDEX files_deal ON files (org_id, deal_id, created_at DESC) WHERE deal_id IS NOT NULL;
CREATE INDEX files_activity ON files (org_id, activity_id, created_at DESC) WHERE activity_id IS NOT NULL;
CREATE INDEX files_deleted ON files (org_id, deleted_at) WHERE deleted_at IS NOT NULL;
CALL app.tenant_table('files');

CREATE TABLE file_versions (
  org_id uuid NOT NULL DEFAULT app.org(),
  file_id uuid NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  blob_id uuid NOT NULL,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, file_id, number),
  FOREIGN KEY (org_id, file_id) REFERENCES files (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, blob_id) REFERENCES file_blobs (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id)
);
CREATE UNIQUE INDEX file_versions_blob ON file_versions (org_id, blob_id);
CALL app.tenant_table('file_versions');

-- How much an organisation may keep, and does.
CREATE TABLE file_use (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  max_mb integer NOT NULL DEFAULT 100 CHECK (max_mb BETWEEN 1 AND 1000000),      -- of one file
  quota_mb integer NOT NULL DEFAULT 10240 CHECK (quota_mb BETWEEN 1 AND 100000000),
  used_bytes bigint NOT NULL DEFAULT 0,
  swept_at timestamptz,
  PRIMARY KEY (org_id)
);
CALL app.tenant_table('file_use');
