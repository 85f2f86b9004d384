-- What each member is told, how they want to be told, which records they follow, and when they are reminded.

CREATE TABLE notices (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT app.uuid7(),
  member_id uuid NOT NULL,         -- who is told
  kind text NOT NULL,
  record_type text,                -- what it is about: deal, activity; null: nothing whose sight depends on a role
  record_id uuid,
  actor_id uuid,                   -- who did it; null: the program
  params jsonb NOT NULL DEFAULT '{}',
  once text NOT NULL,              -- a person is told once of what has this key
  centre boolean NOT NULL,         -- the ways that were theirs when it was told
  browser boolean NOT NULL,
  mail text NOT NULL CHECK (mail IN ('off', 'now', 'daily', 'weekly')),
  mailed_at timestamptz,           -- its mail is on the way, or turned out not to be needed
  read_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK ((record_type IS NULL) = (record_id IS NULL)),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX notices_once ON notices (org_id, member_id, once);
CREATE INDEX notices_member ON notices (org_id, member_id, id DESC) WHERE centre;
CREATE INDEX notices_unread ON notices (org_id, member_id, id DESC) WHERE centre AND read_at IS NULL;
CREATE INDEX notices_to_mail ON notices (org_id, member_id) WHERE mail <> 'off' AND mailed_at IS NULL;
CREATE INDEX notices_record ON notices (org_id, record_id) WHERE record_id IS NOT NULL;
CREATE INDEX notices_age ON notices USING brin (created_at);
CALL app.tenant_table('notices');

-- How a member wants to be told of one kind of thing; without a row: as the kind has it (features::notifications::Kind).
CREATE TABLE notice_choices (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  kind text NOT NULL,
  centre boolean NOT NULL,
  browser boolean NOT NULL,
  mail text NOT NULL CHECK (mail IN ('off', 'now', 'daily', 'weekly')),
  PRIMARY KEY (org_id, member_id, kind),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('notice_choices');

CREATE TABLE notice_settings (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  quiet_from smallint CHECK (quiet_from BETWEEN 0 AND 1439), -- minutes of the member's own day; null: no quiet hours
  quiet_to smallint CHECK (quiet_to BETWEEN 0 AND 1439),
  quiet_days_off boolean NOT NULL DEFAULT false, -- quiet too on days that the organisation does not work
  lead_minutes integer DEFAULT 15 CHECK (lead_minutes BETWEEN 0 AND 10080), -- before what is planned; null: no reminders
  PRIMARY KEY (org_id, member_id),
  CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('notice_settings');

-- Owners follow what is theirs without a row. Muted: told only of what is addressed to them.
CREATE TABLE follows (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  record_type text NOT NULL,
  record_id uuid NOT NULL,
  muted boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, member_id, record_id),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE INDEX follows_record ON follows (org_id, record_id);
CALL app.tenant_table('follows');

-- How long before one activity a member is reminded, where it is not their usual time. Null: not at all.
CREATE TABLE activity_reminders (
  org_id uuid NOT NULL DEFAULT app.org(),
  activity_id uuid NOT NULL,
  member_id uuid NOT NULL,
  minutes integer CHECK (minutes BETWEEN 0 AND 10080),
  PRIMARY KEY (org_id, activity_id, member_id),
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('activity_reminders');

-- Up to when an organisation's reminders are made. Whoever makes them holds the row.
CREATE TABLE reminder_clocks (
  org_id uuid PRIMARY KEY DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  reached timestamptz NOT NULL DEFAULT now()
);
CALL app.tenant_table('reminder_clocks');
