-- What everything later reads and runs on: events, jobs, mails, search documents, imports.

-- Every change, in the transaction that made it. `changes` is {field: [before, after]}.
CREATE TABLE events (
  org_id uuid NOT NULL DEFAULT app.org(),
  at timestamptz NOT NULL DEFAULT now(),
  id uuid NOT NULL DEFAULT app.uuid7(),
  actor_id uuid,
  kind text NOT NULL,              -- 'deal.moved'
  record_type text NOT NULL,       -- 'deal'
  record_id uuid NOT NULL,
  version integer,                 -- the record's version after the change
  changes jsonb NOT NULL DEFAULT '{}',
  data jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (org_id, at, id)
) PARTITION BY RANGE (at);
CREATE INDEX events_record ON events (org_id, record_id, at DESC);
CREATE TABLE events_default PARTITION OF events DEFAULT;
CALL app.tenant_table('events');
CALL app.tenant_table('events_default');

-- Creates the monthly partitions around now; called at every migrate and daily by the worker.
CREATE FUNCTION app.ensure_event_partitions(months_ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  m date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
  made integer := 0;
  part text;
BEGIN
  FOR i IN 0..months_ahead LOOP
    part := 'events_' || to_char(m, 'YYYYMM');
    IF to_regclass('public.' || part) IS NULL THEN
      -- A row that reached the default partition first would block the range: then it simply stays there.
      BEGIN
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.events FOR VALUES FROM (%L) TO (%L)',
          part, m::text || ' 00:00+00', (m + interval '1 month')::date::text || ' 00:00+00');
        EXECUTE format('CALL app.tenant_table(%L)', part);
        made := made + 1;
      EXCEPTION WHEN check_violation THEN NULL;
      END;
    END IF;
    m := (m + interval '1 month')::date;
  END LOOP;
  RETURN made;
END $$;

CREATE TABLE jobs (
  id uuid PRIMARY KEY DEFAULT app.uuid7(),
  org_id uuid DEFAULT nullif(current_setting('app.org_id', true), '')::uuid REFERENCES organisations ON DELETE CASCADE, -- null: the installation's own
  kind text NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  key text,                        -- idempotency: one queued or running job per organisation and key
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'dead')),
  run_at timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL DEFAULT 12,
  locked_until timestamptz,
  locked_by text,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX jobs_key ON jobs (coalesce(org_id, '00000000-0000-0000-0000-000000000000'), key)
  WHERE key IS NOT NULL AND status <> 'dead';
CREATE INDEX jobs_due ON jobs (run_at) WHERE status = 'queued';
CREATE INDEX jobs_leased ON jobs (locked_until) WHERE status = 'running';
CREATE INDEX jobs_org ON jobs (org_id, status, created_at DESC);
CALL app.tenant_table('jobs');

CREATE TABLE mails (
  id uuid PRIMARY KEY,
  org_id uuid DEFAULT nullif(current_setting('app.org_id', true), '')::uuid REFERENCES organisations ON DELETE CASCADE,
  user_id uuid REFERENCES users ON DELETE CASCADE, -- whose account it is about; a link to an account is for their eyes only
  template text NOT NULL,
  recipient text NOT NULL,
  subject text NOT NULL,
  body_text text NOT NULL,
  body_html text NOT NULL,
  message_id text NOT NULL,        -- fixed when composed, so that a retried send carries the same Message-ID
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sent', 'kept', 'refused')),
  error text,
  sent_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mails_org ON mails (org_id, created_at DESC, id DESC);
CALL app.tenant_table('mails');

-- What global search reads; reached only through app.search(), see docs/architecture.md. Written by app.reindex().
CREATE TABLE search_documents (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  record_type text NOT NULL,
  record_id uuid NOT NULL,
  owner_id uuid,
  title text NOT NULL,
  subtitle text NOT NULL DEFAULT '',
  folded_title text NOT NULL,
  folded_key text NOT NULL DEFAULT '', -- the other thing people begin to type: last name first, domain, number
  haystack text NOT NULL,          -- folded, one space before and after each word: names, e-mails, domain, phone digits, number
  weight smallint NOT NULL DEFAULT 0, -- higher first among equals (open deals before closed)
  PRIMARY KEY (org_id, record_type, record_id)
);
-- One trigram index a type: a word common among contacts costs nothing where it is looked for among companies.
CREATE INDEX search_documents_company_trgm ON search_documents USING gin (org_id, owner_id, haystack gin_trgm_ops) WHERE record_type = 'company';
CREATE INDEX search_documents_contact_trgm ON search_documents USING gin (org_id, owner_id, haystack gin_trgm_ops) WHERE record_type = 'contact';
CREATE INDEX search_documents_deal_trgm ON search_documents USING gin (org_id, owner_id, haystack gin_trgm_ops) WHERE record_type = 'deal';
CREATE INDEX search_documents_title ON search_documents (org_id, record_type, folded_title text_pattern_ops);
CREATE INDEX search_documents_key ON search_documents (org_id, record_type, folded_key text_pattern_ops) WHERE folded_key <> '';
CALL app.tenant_table('search_documents');

-- The words of all titles, to find the one that was meant when the one that was typed is not there. Never shown; words whose
-- records are gone only cost a look.
CREATE TABLE search_words (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  word text COLLATE "C" NOT NULL,
  PRIMARY KEY (org_id, word)
);
CREATE INDEX search_words_trgm ON search_words USING gin (org_id, word gin_trgm_ops);
CALL app.tenant_table('search_words');

CREATE TABLE imports (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  file_name text NOT NULL,
  file_path text,                  -- the uploaded file while it waits; null when it came from the command line
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed')),
  options jsonb NOT NULL DEFAULT '{}',
  mapping jsonb NOT NULL DEFAULT '{}',
  encoding text,
  delimiter text,
  rows_read bigint NOT NULL DEFAULT 0,
  created bigint NOT NULL DEFAULT 0,
  updated bigint NOT NULL DEFAULT 0,
  skipped bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  error text,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id)
);
CREATE INDEX imports_recent ON imports (org_id, created_at DESC, id DESC);
CALL app.tenant_table('imports');

CREATE TABLE import_errors (
  org_id uuid NOT NULL DEFAULT app.org(),
  import_id uuid NOT NULL,
  line bigint NOT NULL,            -- of the file, counting the header as 1
  field text NOT NULL,
  message text NOT NULL,
  record text[] NOT NULL,          -- the row as read, for the CSV of failed rows
  PRIMARY KEY (org_id, import_id, line, field),
  FOREIGN KEY (org_id, import_id) REFERENCES imports (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('import_errors');
