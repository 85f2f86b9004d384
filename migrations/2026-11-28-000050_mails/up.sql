-- Mail to customers: templates, what people write, to whom it goes and what became of it. `mails` is what Pipewright itself writes.

CREATE TABLE mail_templates (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  subject text NOT NULL DEFAULT '' CHECK (char_length(subject) <= 300),
  body_html text NOT NULL,         -- sanitised, with merge fields
  owner_id uuid NOT NULL,
  shared boolean NOT NULL DEFAULT false,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, id)
);
CREATE INDEX mail_templates_name ON mail_templates (org_id, name_key, id) WHERE deleted_at IS NULL;
CALL app.tenant_table('mail_templates');

CREATE TABLE mail_signatures (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  member_id uuid NOT NULL,
  body_html text NOT NULL,
  PRIMARY KEY (org_id, member_id),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('mail_signatures');

CREATE TABLE mail_settings (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  from_address text,               -- in a domain that the installation may send for; null: MAIL_FROM
  footer text NOT NULL DEFAULT '', -- under mail to many, beside the unsubscribe link
  daily_member integer NOT NULL DEFAULT 500 CHECK (daily_member BETWEEN 1 AND 100000),
  daily_total integer NOT NULL DEFAULT 5000 CHECK (daily_total BETWEEN 1 AND 1000000),
  count_opens boolean NOT NULL DEFAULT false,
  count_clicks boolean NOT NULL DEFAULT false,
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (org_id)
);
CALL app.tenant_table('mail_settings');

-- What is known of an address, whoever has it: it asked for no more mail to many, or the server refused it.
CREATE TABLE mail_addresses (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  email text NOT NULL,
  unsubscribed_at timestamptz,
  refused_at timestamptz,
  refusal text,
  PRIMARY KEY (org_id, email)
);
CALL app.tenant_table('mail_addresses');

-- Recipients written to, by day and sender: for the daily limits.
CREATE TABLE mail_counts (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  day date NOT NULL,
  member_id uuid NOT NULL,
  sent integer NOT NULL DEFAULT 0,
  PRIMARY KEY (org_id, day, member_id)
);
CALL app.tenant_table('mail_counts');

-- One mail to many: each recipient gets a message of their own.
CREATE TABLE mailings (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  author_id uuid NOT NULL,
  record_type text NOT NULL CHECK (record_type IN ('contact', 'lead')),
  status text NOT NULL DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'running', 'done', 'cancelled', 'failed')),
  subject text NOT NULL CHECK (char_length(subject) <= 300),
  body_html text NOT NULL,
  selection jsonb NOT NULL,
  left_out jsonb NOT NULL DEFAULT '{}', -- why, and how many
  planned boolean NOT NULL DEFAULT false, -- its messages are laid out
  send_at timestamptz NOT NULL,
  resumes_at timestamptz,          -- a daily limit was reached
  error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, author_id) REFERENCES members (org_id, id)
);
CREATE INDEX mailings_list ON mailings (org_id, created_at DESC, id DESC);
CREATE INDEX mailings_author ON mailings (org_id, author_id, created_at DESC, id DESC);
CALL app.tenant_table('mailings');

CREATE TABLE mail_messages (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  author_id uuid NOT NULL,
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'scheduled', 'sending', 'sent', 'kept', 'failed', 'cancelled')),
  -- The list it stands in.
  folder text NOT NULL GENERATED ALWAYS AS (CASE status WHEN 'sending' THEN 'scheduled' WHEN 'kept' THEN 'sent' ELSE status END) STORED,
  at timestamptz NOT NULL DEFAULT now(), -- what its list is ordered by: changed, due, sent
  subject text NOT NULL DEFAULT '' CHECK (char_length(subject) <= 300),
  body_html text NOT NULL DEFAULT '', -- sanitised; without the links that count
  to_line text NOT NULL DEFAULT '', -- of a draft, as typed
  cc_line text NOT NULL DEFAULT '',
  bcc_line text NOT NULL DEFAULT '',
  contact_id uuid,
  company_id uuid,
  deal_id uuid,
  lead_id uuid,
  mailing_id uuid,
  message_header text NOT NULL,    -- Message-ID, with its angle brackets
  in_reply_to text,
  reference_headers text[] NOT NULL DEFAULT '{}',
  thread_id uuid NOT NULL,         -- the first message of its thread
  turn integer NOT NULL DEFAULT 0, -- how often it was given to be sent; a job of an earlier turn does nothing
  send_at timestamptz,
  sent_at timestamptz,
  from_line text,                  -- as it was sent
  counts_opens boolean NOT NULL DEFAULT false,
  counts_clicks boolean NOT NULL DEFAULT false,
  error text,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, author_id) REFERENCES members (org_id, id),
  FOREIGN KEY (org_id, mailing_id) REFERENCES mailings (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE SET NULL (contact_id),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id) ON DELETE SET NULL (company_id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE SET NULL (deal_id),
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id) ON DELETE SET NULL (lead_id)
);
CREATE INDEX mail_messages_box ON mail_messages (org_id, folder, at DESC, id DESC) WHERE mailing_id IS NULL AND deleted_at IS NULL;
CREATE INDEX mail_messages_author ON mail_messages (org_id, author_id, folder, at DESC, id DESC) WHERE mailing_id IS NULL AND deleted_at IS NULL;
CREATE INDEX mail_messages_mailing ON mail_messages (org_id, mailing_id, status, id) WHERE mailing_id IS NOT NULL;
CREATE INDEX mail_messages_contact ON mail_messages (org_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX mail_messages_company ON mail_messages (org_id, company_id, sent_at DESC, id DESC) WHERE company_id IS NOT NULL;
CREATE INDEX mail_messages_deal ON mail_messages (org_id, deal_id, sent_at DESC, id DESC) WHERE deal_id IS NOT NULL;
CREATE INDEX mail_messages_lead ON mail_messages (org_id, lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX mail_messages_thread ON mail_messages (org_id, thread_id, at);
CREATE UNIQUE INDEX mail_messages_header ON mail_messages (org_id, message_header);
CALL app.tenant_table('mail_messages');

-- Whom a message goes to; each gets it in a conversation with the server of their own.
CREATE TABLE mail_recipients (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  message_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('to', 'cc', 'bcc')),
  position integer NOT NULL DEFAULT 0,
  name text NOT NULL DEFAULT '',
  email text NOT NULL,
  contact_id uuid,
  lead_id uuid,
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sent', 'kept', 'refused')),
  error text,
  sent_at timestamptz,
  opens integer NOT NULL DEFAULT 0,
  opened_at timestamptz,           -- first
  clicks integer NOT NULL DEFAULT 0,
  clicked_at timestamptz,          -- first
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, message_id) REFERENCES mail_messages (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE SET NULL (contact_id),
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id) ON DELETE SET NULL (lead_id)
);
CREATE UNIQUE INDEX mail_recipients_message ON mail_recipients (org_id, message_id, email);
CREATE INDEX mail_recipients_contact ON mail_recipients (org_id, contact_id, message_id) WHERE contact_id IS NOT NULL;
CREATE INDEX mail_recipients_lead ON mail_recipients (org_id, lead_id, message_id) WHERE lead_id IS NOT NULL;
CALL app.tenant_table('mail_recipients');

-- Where the links of a message lead whose clicks are counted.
CREATE TABLE mail_links (
  org_id uuid NOT NULL DEFAULT app.org(),
  message_id uuid NOT NULL,
  place integer NOT NULL,
  url text NOT NULL,
  clicks integer NOT NULL DEFAULT 0,
  PRIMARY KEY (org_id, message_id, place),
  FOREIGN KEY (org_id, message_id) REFERENCES mail_messages (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('mail_links');

-- Roles that may see or edit contacts may see or write mail; those that look after tags look after shared templates.
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = permissions
  || CASE WHEN 'contacts.view' = ANY (permissions) THEN ARRAY['mails.view'] ELSE '{}' END
  || CASE WHEN 'contacts.edit' = ANY (permissions) THEN ARRAY['mails.send', 'mails.bulk'] ELSE '{}' END
  || CASE WHEN 'tags.administer' = ANY (permissions) THEN ARRAY['mails.administer'] ELSE '{}' END
WHERE NOT 'mails.view' = ANY (permissions);
SET LOCAL ROLE pipewright_owner;
