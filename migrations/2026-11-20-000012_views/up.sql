-- Lists: what they sort by and filter on, and the views that people keep of them.

-- Amounts in ten-thousandths, exact up to 900 trillion. Comparisons of numerics are not leakproof and so reach no index under
-- row-level security; those of whole numbers do.
ALTER TABLE companies ADD COLUMN annual_revenue_key bigint
  GENERATED ALWAYS AS ((CASE WHEN annual_revenue > 900000000000000 THEN 900000000000000 ELSE annual_revenue END * 10000)::bigint) STORED;
ALTER TABLE deals ADD COLUMN amount_key bigint
  GENERATED ALWAYS AS ((CASE WHEN amount > 900000000000000 THEN 900000000000000 ELSE amount END * 10000)::bigint) STORED;

CREATE INDEX companies_changed ON companies (org_id, updated_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX companies_employees ON companies (org_id, employees, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX companies_revenue ON companies (org_id, annual_revenue_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX contacts_changed ON contacts (org_id, updated_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_changed ON leads (org_id, updated_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_score ON leads (org_id, score, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_changed ON deals (org_id, updated_at DESC, id DESC) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_amount ON deals (org_id, amount_key, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_close ON deals (org_id, expected_close_on, id) WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX deals_closed_list ON deals (org_id, closed_at, id) WHERE archived_at IS NULL AND deleted_at IS NULL;

-- A list as somebody keeps it. `query` is the list's query string; "me" in it is whoever looks.
CREATE TABLE saved_views (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  name text NOT NULL CHECK (name <> ''),
  owner_id uuid NOT NULL,
  sharing text NOT NULL DEFAULT 'private' CHECK (sharing IN ('private', 'team', 'all')),
  team_id uuid,                    -- shared with a team that is gone: its owner's alone
  query text NOT NULL DEFAULT '',
  layout jsonb,                    -- columns and widths; null: everybody's own
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, team_id) REFERENCES teams (org_id, id) ON DELETE SET NULL (team_id)
);
CREATE INDEX saved_views_type ON saved_views (org_id, record_type) WHERE deleted_at IS NULL;
CALL app.tenant_table('saved_views');

CREATE TABLE view_pins (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  view_id uuid NOT NULL,
  position integer NOT NULL DEFAULT 0,
  PRIMARY KEY (org_id, member_id, view_id),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, view_id) REFERENCES saved_views (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('view_pins');

-- What a role's people see when they open a list from the menu.
CREATE TABLE view_defaults (
  org_id uuid NOT NULL DEFAULT app.org(),
  role_id uuid NOT NULL,
  record_type text NOT NULL,
  view_id uuid NOT NULL,
  PRIMARY KEY (org_id, role_id, record_type),
  FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, view_id) REFERENCES saved_views (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('view_defaults');

-- Who is told of new matches. `fresh`: since they last looked; `unmailed`: since the last mail.
CREATE TABLE view_watches (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  view_id uuid NOT NULL,
  watermark timestamptz NOT NULL DEFAULT now(),
  small boolean NOT NULL DEFAULT true, -- few enough matches to remember each: changed records are told of too
  fresh integer NOT NULL DEFAULT 0,
  unmailed integer NOT NULL DEFAULT 0,
  mailed_at timestamptz,
  PRIMARY KEY (org_id, member_id, view_id),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, view_id) REFERENCES saved_views (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('view_watches');

-- The matches a watcher knows of.
CREATE TABLE view_matches (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  view_id uuid NOT NULL,
  record_id uuid NOT NULL,
  PRIMARY KEY (org_id, member_id, view_id, record_id),
  FOREIGN KEY (org_id, member_id, view_id) REFERENCES view_watches (org_id, member_id, view_id) ON DELETE CASCADE
);
CALL app.tenant_table('view_matches');

CREATE TABLE recent_records (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  record_id uuid NOT NULL,
  record_type text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, member_id, record_id),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE INDEX recent_records_at ON recent_records (org_id, member_id, at DESC);
CALL app.tenant_table('recent_records');

CREATE TABLE recent_searches (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  words text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, member_id, words),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE INDEX recent_searches_at ON recent_searches (org_id, member_id, at DESC);
CALL app.tenant_table('recent_searches');
