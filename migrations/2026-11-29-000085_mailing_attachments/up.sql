-- Files that go along with each mail of a mailing. Name and size are those it was sent with.
CREATE TABLE mailing_attachments (
  org_id uuid NOT NULL DEFAULT app.org(),
  mailing_id uuid NOT NULL,
  file_id uuid NOT NULL,
  position integer NOT NULL DEFAULT 0,
  name text NOT NULL,
  size bigint NOT NULL,
  PRIMARY KEY (org_id, mailing_id, file_id),
  FOREIGN KEY (org_id, mailing_id) REFERENCES mailings (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, file_id) REFERENCES files (org_id, id) ON DELETE CASCADE
);
CREATE INDEX mailing_attachments_file ON mailing_attachments (org_id, file_id);
CALL app.tenant_table('mailing_attachments');
