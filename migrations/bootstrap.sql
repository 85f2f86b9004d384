-- Run before every migration, by the role that DATABASE_URL names (or the private server's superuser). Idempotent.
-- Roles are cluster-wide and carry no login: the login role may SET ROLE to them and owns nothing itself.
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['pipewright_owner', 'pipewright_app', 'pipewright_system'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = r) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', r);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this cluster was quicker
      END;
    END IF;
    -- From PostgreSQL 16 on, who creates a role administers it without being able to put it on.
    IF NOT pg_has_role(current_user, r, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
      EXECUTE format('GRANT %I TO %I', r, current_user);
    END IF;
  END LOOP;
END $$;

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS unaccent;

CREATE SCHEMA IF NOT EXISTS app;
DO $$ BEGIN
  EXECUTE format('GRANT CREATE, USAGE ON SCHEMA public TO pipewright_owner');
  EXECUTE format('GRANT CREATE, USAGE ON SCHEMA app TO pipewright_owner, pipewright_system');
  EXECUTE format('GRANT USAGE ON SCHEMA public, app TO pipewright_app, pipewright_system');
  -- So that a login role reaches app.session, which looks at its caller itself; everything else there runs with the caller's rights.
  EXECUTE format('GRANT USAGE ON SCHEMA app TO PUBLIC');
END $$;
