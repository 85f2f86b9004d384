-- Forms on other people's pages, what comes in through them, and who gets a new lead.

ALTER TABLE leads ADD COLUMN postal_code text, ADD COLUMN campaign text;
CREATE INDEX leads_unassigned ON leads (org_id, created_at DESC, id DESC) WHERE owner_id IS NULL AND archived_at IS NULL AND deleted_at IS NULL;

CREATE TABLE web_forms (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  token text NOT NULL UNIQUE CHECK (token ~ '^[A-Za-z0-9_-]{43}$'), -- in the public address: random, so that nobody guesses it
  name text NOT NULL,
  heading text NOT NULL DEFAULT '',
  fields jsonb NOT NULL DEFAULT '[]',        -- [{key, label, required}], as they stand
  button text NOT NULL DEFAULT 'Send',
  consent_text text NOT NULL DEFAULT '',     -- '': no consent is asked for
  thanks text NOT NULL DEFAULT '',
  redirect_url text,
  source text,
  campaign text,
  origins text[] NOT NULL DEFAULT '{}',      -- whose pages may hold the form or post to it
  active boolean NOT NULL DEFAULT true,
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id)
);
CREATE UNIQUE INDEX web_forms_name ON web_forms (org_id, lower(name));
CALL app.tenant_table('web_forms');

-- What was sent. Without a lead it waits in quarantine for someone to look at it.
CREATE TABLE web_submissions (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  form_id uuid NOT NULL,
  lead_id uuid,
  answers jsonb NOT NULL,                    -- field → as typed
  consent_text text,                         -- what was ticked, word for word
  page text,                                 -- the address of the page that held the form, as the sender says
  suspicions text[] NOT NULL DEFAULT '{}',
  stamp text,                                -- of the form that was opened: one opening, one sending
  digest text NOT NULL,                      -- of what was sent: the same twice is once
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, form_id) REFERENCES web_forms (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id) ON DELETE CASCADE
);
CREATE INDEX web_submissions_digest ON web_submissions (org_id, form_id, digest, received_at);
CREATE INDEX web_submissions_stamp ON web_submissions (org_id, form_id, stamp) WHERE stamp IS NOT NULL;
CREATE INDEX web_submissions_lead ON web_submissions (org_id, lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX web_submissions_quarantine ON web_submissions (org_id, received_at DESC, id DESC) WHERE lead_id IS NULL;
CALL app.tenant_table('web_submissions');

-- Who gets a new lead that nobody has: the first rule that fits. A team's members take turns.
CREATE TABLE assignment_rules (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  position integer NOT NULL,
  form_id uuid,
  source text,
  campaign text,
  country char(2),
  member_id uuid,
  team_id uuid,
  last_member_id uuid,                       -- whose turn it was
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(member_id, team_id) = 1),
  FOREIGN KEY (org_id, form_id) REFERENCES web_forms (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, team_id) REFERENCES teams (org_id, id) ON DELETE CASCADE
);
CREATE INDEX assignment_rules_order ON assignment_rules (org_id, position, id);
CALL app.tenant_table('assignment_rules');
