-- Who works here: organisations, people, roles, teams, sessions.

-- The transaction's organisation. Raises when it was never set: forgetting the tenant must not work.
CREATE FUNCTION app.org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT current_setting('app.org_id')::uuid $$;

-- UUIDv7 (RFC 9562): millisecond clock first, so that keys arrive in index order.
CREATE FUNCTION app.uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
  SELECT encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
      52, 1), 53, 1), 'hex')::uuid
$$;

-- Lower case, accents folded: the one form in which names are compared and searched.
CREATE FUNCTION app.fold(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$ SELECT lower(public.unaccent('public.unaccent', t)) $$;

-- Makes a table a tenant table: row-level security, enabled and forced, for both roles.
CREATE PROCEDURE app.tenant_table(name text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY tenant ON %I TO pipewright_app USING (org_id = (SELECT app.org())) WITH CHECK (org_id = (SELECT app.org()))', name);
  EXECUTE format('CREATE POLICY system ON %I TO pipewright_system USING (true) WITH CHECK (true)', name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO pipewright_app, pipewright_system', name);
END $$;

CREATE TABLE organisations (
  id uuid PRIMARY KEY,
  slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL,
  currency char(3) NOT NULL DEFAULT 'EUR',
  locale text NOT NULL DEFAULT 'en-GB',
  time_zone text NOT NULL DEFAULT 'UTC',
  fiscal_year_start smallint NOT NULL DEFAULT 1 CHECK (fiscal_year_start BETWEEN 1 AND 12),
  working_days smallint[] NOT NULL DEFAULT '{1,2,3,4,5}',
  lost_reasons text[] NOT NULL DEFAULT '{Price,Chose a competitor,No budget,Bad timing,No decision,Not a fit}',
  logo_tag text,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE organisations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organisations TO pipewright_app USING (id = (SELECT app.org())) WITH CHECK (id = (SELECT app.org()));
CREATE POLICY system ON organisations TO pipewright_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON organisations TO pipewright_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON organisations TO pipewright_system;

-- A person, once, whatever organisations they belong to. Only pipewright_system reads it: tenants see `members`.
CREATE TABLE users (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  name text NOT NULL,
  password_hash text,
  email_verified_at timestamptz,
  time_zone text NOT NULL DEFAULT 'UTC',
  locale text NOT NULL DEFAULT 'en-GB',
  theme text NOT NULL DEFAULT 'auto' CHECK (theme IN ('auto', 'light', 'dark')),
  avatar_tag text,
  created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO pipewright_system;

CREATE TABLE user_avatars (
  user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  content_type text NOT NULL,
  bytes bytea NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON user_avatars TO pipewright_system;

CREATE TABLE organisation_logos (
  org_id uuid PRIMARY KEY DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  content_type text NOT NULL,
  bytes bytea NOT NULL
);
CALL app.tenant_table('organisation_logos');

-- The id is the SHA-256 of the session key, so that a leaked table signs nobody in.
CREATE TABLE sessions (
  id text PRIMARY KEY,
  user_id uuid REFERENCES users ON DELETE CASCADE,
  org_id uuid REFERENCES organisations ON DELETE CASCADE,
  state jsonb NOT NULL,
  ip text,
  user_agent text,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO pipewright_system;

-- One-time links in mails. Only the hash of the token is kept.
CREATE TABLE auth_tokens (
  token_hash text PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  purpose text NOT NULL CHECK (purpose IN ('verify_email', 'reset_password', 'change_email')),
  email text,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX auth_tokens_user ON auth_tokens (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON auth_tokens TO pipewright_system;

CREATE TABLE roles (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  key text NOT NULL,
  name text NOT NULL,
  permissions text[] NOT NULL,
  visibility text NOT NULL CHECK (visibility IN ('own', 'team', 'all')),
  position integer NOT NULL DEFAULT 0,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, key)
);
CALL app.tenant_table('roles');

-- A person in an organisation. Its id is the user's id; name, e-mail and avatar are copies kept by trigger.
CREATE TABLE members (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  role_id uuid NOT NULL,
  name text NOT NULL,
  email text NOT NULL,
  avatar_tag text,
  deactivated_at timestamptz,
  last_seen_at timestamptz,        -- to the minute, kept by the session store
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id)
);
CREATE INDEX members_user ON members (id);
CALL app.tenant_table('members');

CREATE TABLE teams (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  manager_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, manager_id) REFERENCES members (org_id, id)
);
CREATE UNIQUE INDEX teams_name ON teams (org_id, lower(name));
CALL app.tenant_table('teams');

CREATE TABLE team_members (
  org_id uuid NOT NULL DEFAULT app.org(),
  team_id uuid NOT NULL,
  member_id uuid NOT NULL,
  PRIMARY KEY (org_id, team_id, member_id),
  FOREIGN KEY (org_id, team_id) REFERENCES teams (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE INDEX team_members_member ON team_members (org_id, member_id);
CALL app.tenant_table('team_members');

CREATE TABLE invitations (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  email text NOT NULL CHECK (email = lower(email)),
  role_id uuid NOT NULL,
  team_id uuid,
  invited_by uuid,
  token_hash text NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  accepted_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id),
  FOREIGN KEY (org_id, team_id) REFERENCES teams (org_id, id) ON DELETE SET NULL (team_id),
  FOREIGN KEY (org_id, invited_by) REFERENCES members (org_id, id)
);
CREATE UNIQUE INDEX invitations_open ON invitations (org_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CALL app.tenant_table('invitations');

-- What a person last chose on a page: board filters, collapsed panels.
CREATE TABLE preferences (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  key text NOT NULL,
  value jsonb NOT NULL,
  PRIMARY KEY (org_id, member_id, key),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('preferences');

-- Human numbers (D-1042): one row a kind, taken with UPDATE … RETURNING.
CREATE TABLE counters (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  key text NOT NULL,
  value bigint NOT NULL,
  PRIMARY KEY (org_id, key)
);
CALL app.tenant_table('counters');
