-- Comments on records, activities and notes; who is mentioned, reacts, and what was said before.

CREATE TABLE comments (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  company_id uuid,
  contact_id uuid,
  lead_id uuid,
  deal_id uuid,
  activity_id uuid,
  note_id uuid,
  author_id uuid,
  body_html text NOT NULL,             -- sanitised on the way in
  version integer NOT NULL DEFAULT 1,
  pinned_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(company_id, contact_id, lead_id, deal_id, activity_id, note_id) = 1),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, note_id) REFERENCES notes (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, author_id) REFERENCES members (org_id, id)
);
CREATE INDEX comments_company ON comments (org_id, company_id, created_at) WHERE company_id IS NOT NULL;
CREATE INDEX comments_contact ON comments (org_id, contact_id, created_at) WHERE contact_id IS NOT NULL;
CREATE INDEX comments_lead ON comments (org_id, lead_id, created_at) WHERE lead_id IS NOT NULL;
CREATE INDEX comments_deal ON comments (org_id, deal_id, created_at) WHERE deal_id IS NOT NULL;
CREATE INDEX comments_activity ON comments (org_id, activity_id, created_at) WHERE activity_id IS NOT NULL;
CREATE INDEX comments_note ON comments (org_id, note_id, created_at) WHERE note_id IS NOT NULL;
CALL app.tenant_table('comments');

ALTER TABLE notes ADD COLUMN pinned_at timestamptz;

-- What follows belongs to a note or a comment.
CREATE TABLE post_mentions (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL DEFAULT app.uuid7(),
  note_id uuid,
  comment_id uuid,
  member_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(note_id, comment_id) = 1),
  FOREIGN KEY (org_id, note_id) REFERENCES notes (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, comment_id) REFERENCES comments (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX post_mentions_note ON post_mentions (org_id, note_id, member_id) WHERE note_id IS NOT NULL;
CREATE UNIQUE INDEX post_mentions_comment ON post_mentions (org_id, comment_id, member_id) WHERE comment_id IS NOT NULL;
CREATE INDEX post_mentions_member ON post_mentions (org_id, member_id, created_at DESC);
CALL app.tenant_table('post_mentions');

CREATE TABLE post_reactions (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL DEFAULT app.uuid7(),
  note_id uuid,
  comment_id uuid,
  member_id uuid NOT NULL,
  emoji text NOT NULL CHECK (char_length(emoji) BETWEEN 1 AND 8),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(note_id, comment_id) = 1),
  FOREIGN KEY (org_id, note_id) REFERENCES notes (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, comment_id) REFERENCES comments (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX post_reactions_note ON post_reactions (org_id, note_id, member_id, emoji) WHERE note_id IS NOT NULL;
CREATE UNIQUE INDEX post_reactions_comment ON post_reactions (org_id, comment_id, member_id, emoji) WHERE comment_id IS NOT NULL;
CALL app.tenant_table('post_reactions');

-- What a note or comment said before it was edited.
CREATE TABLE post_edits (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL DEFAULT app.uuid7(),
  note_id uuid,
  comment_id uuid,
  body_html text NOT NULL,
  edited_by uuid,                      -- who wrote over it
  edited_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(note_id, comment_id) = 1),
  FOREIGN KEY (org_id, note_id) REFERENCES notes (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, comment_id) REFERENCES comments (org_id, id) ON DELETE CASCADE
);
CREATE INDEX post_edits_note ON post_edits (org_id, note_id, edited_at) WHERE note_id IS NOT NULL;
CREATE INDEX post_edits_comment ON post_edits (org_id, comment_id, edited_at) WHERE comment_id IS NOT NULL;
CALL app.tenant_table('post_edits');
