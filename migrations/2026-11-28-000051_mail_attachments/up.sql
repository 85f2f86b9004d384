-- Files that go along with a mail: a record's, or its own. Name and size are those it was sent with.
CREATE TABLE mail_attachments (
  org_id uuid NOT NULL DEFAULT app.org(),
  message_id uuid NOT NULL,
  file_id uuid NOT NULL,
  position integer NOT NULL DEFAULT 0,
  name text NOT NULL,
  size bigint NOT NULL,
  PRIMARY KEY (org_id, message_id, file_id),
  FOREIGN KEY (org_id, message_id) REFERENCES mail_messages (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, file_id) REFERENCES files (org_id, id) ON DELETE CASCADE
);
CREATE INDEX mail_attachments_file ON mail_attachments (org_id, file_id);
CALL app.tenant_table('mail_attachments');

-- Those that are on their way: few at a time.
CREATE INDEX mail_messages_open ON mail_messages (org_id, send_at) WHERE status IN ('scheduled', 'sending');
