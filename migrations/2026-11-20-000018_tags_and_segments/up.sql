-- Tags on records of every type; segments, by filter or by hand.

CREATE TABLE tags (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 50),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  color text NOT NULL DEFAULT 'slate',
  merged_into uuid,                -- of a tag that went into another: filters that name it mean that one
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,          -- its records keep it, unseen, until the deletion is undone
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, merged_into) REFERENCES tags (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id)
);
CREATE UNIQUE INDEX tags_name ON tags (org_id, name_key) WHERE deleted_at IS NULL;
CALL app.tenant_table('tags');

CREATE TABLE record_tags (
  org_id uuid NOT NULL DEFAULT app.org(),
  record_type text NOT NULL,
  record_id uuid NOT NULL,
  tag_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, record_type, record_id, tag_id),
  FOREIGN KEY (org_id, tag_id) REFERENCES tags (org_id, id) ON DELETE CASCADE
);
CREATE INDEX record_tags_tag ON record_tags (org_id, tag_id, record_type, record_id);
CALL app.tenant_table('record_tags');

CREATE TABLE segments (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  description text,
  filter jsonb,                    -- of a dynamic one: whatever matches belongs; null: members are put in by hand
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id)
);
CREATE UNIQUE INDEX segments_name ON segments (org_id, record_type, name_key) WHERE deleted_at IS NULL;
CALL app.tenant_table('segments');

CREATE TABLE segment_members (
  org_id uuid NOT NULL DEFAULT app.org(),
  segment_id uuid NOT NULL,
  record_id uuid NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, segment_id, record_id),
  FOREIGN KEY (org_id, segment_id) REFERENCES segments (org_id, id) ON DELETE CASCADE
);
CREATE INDEX segment_members_record ON segment_members (org_id, record_id);
CALL app.tenant_table('segment_members');

-- The built-in roles of organisations that are there already may what those of new ones may.
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = permissions || '{tags.create}'
  WHERE key IN ('administrator', 'manager', 'rep') AND NOT permissions @> '{tags.create}';
UPDATE roles SET permissions = permissions || '{tags.administer}'
  WHERE key IN ('administrator', 'manager') AND NOT permissions @> '{tags.administer}';
SET LOCAL ROLE pipewright_owner;
