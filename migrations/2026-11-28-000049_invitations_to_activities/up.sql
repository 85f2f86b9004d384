-- Guests of activities: who was invited by mail, and what they answered. And what came from other calendars.

CREATE TABLE activity_invitations (
  org_id uuid NOT NULL DEFAULT app.org(),
  activity_id uuid NOT NULL,
  organiser_id uuid NOT NULL,
  sequence integer NOT NULL DEFAULT 0, -- RFC 5546: one more with every change that guests are told
  told text NOT NULL,              -- hashes of when and of what else guests were told
  message text CHECK (char_length(message) <= 2000),
  cancelled boolean NOT NULL DEFAULT false,
  PRIMARY KEY (org_id, activity_id),
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, organiser_id) REFERENCES members (org_id, id)
);
CALL app.tenant_table('activity_invitations');

CREATE TABLE activity_guests (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,                -- signed, it is the address at which the guest answers
  activity_id uuid NOT NULL,
  contact_id uuid,
  name text NOT NULL DEFAULT '',
  email text NOT NULL CHECK (char_length(email) <= 254),
  answer text CHECK (answer IN ('accepted', 'declined', 'tentative')),
  comment text CHECK (char_length(comment) <= 500),
  answered_at timestamptz,
  withdrawn_at timestamptz,        -- invited no longer
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK ((answer IS NULL) = (answered_at IS NULL)),
  FOREIGN KEY (org_id, activity_id) REFERENCES activity_invitations (org_id, activity_id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX activity_guests_email ON activity_guests (org_id, activity_id, email);
CREATE INDEX activity_guests_contact ON activity_guests (org_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX activity_guests_id ON activity_guests (id);
CALL app.tenant_table('activity_guests');

-- Under which identity a member's activities came from another calendar, so that the same file brings nothing twice.
CREATE TABLE calendar_uids (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  uid text NOT NULL,               -- a hash of UID and RECURRENCE-ID: what others write there has any length
  activity_id uuid NOT NULL,
  PRIMARY KEY (org_id, member_id, uid),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE
);
CREATE INDEX calendar_uids_activity ON calendar_uids (org_id, activity_id);
CALL app.tenant_table('calendar_uids');

-- A file that was read and waits for its owner to say yes; a day later it is gone.
CREATE TABLE calendar_uploads (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  member_id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) <= 255),
  entries jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('calendar_uploads');
