-- Activities and tasks: what people plan and do. One table: a task is an activity whose type is of that class.

CREATE TABLE activity_types (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  key text,                        -- of a built-in one
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 50),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  icon text NOT NULL,
  color text NOT NULL DEFAULT 'slate',
  class text NOT NULL DEFAULT 'activity' CHECK (class IN ('activity', 'task')),
  minutes integer CHECK (minutes BETWEEN 1 AND 43200), -- how long one usually takes
  position integer NOT NULL DEFAULT 0,
  retired_at timestamptz,          -- not to be chosen any more; what has it keeps it
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX activity_types_name ON activity_types (org_id, name_key);
CREATE UNIQUE INDEX activity_types_key ON activity_types (org_id, key) WHERE key IS NOT NULL;
CALL app.tenant_table('activity_types');

CREATE TABLE activities (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  type_id uuid NOT NULL,
  class text NOT NULL CHECK (class IN ('activity', 'task')), -- its type's when it was saved
  subject text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 200),
  owner_id uuid,                   -- who is to do it
  start_at timestamptz,            -- with a time of day
  due_on date,                     -- on a day: a date, whatever the time zone
  -- What lists order by: the start; of a day, an hour that is the same date in nearly every zone; of neither, the end of time.
  at timestamptz NOT NULL GENERATED ALWAYS AS
    (coalesce(start_at, timezone('UTC', due_on + interval '10 hours'), timezone('UTC', timestamp '9999-01-01'))) STORED,
  minutes integer CHECK (minutes BETWEEN 1 AND 43200),
  priority text NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high')),
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'in_progress', 'waiting', 'done', 'cancelled')),
  closed_at timestamptz,           -- done or cancelled
  closed_by uuid,
  outcome text,
  location text,
  video_url text,
  description text,                -- sanitised HTML
  deal_id uuid,
  contact_id uuid,
  company_id uuid,
  lead_id uuid,
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (org_id, id),
  CHECK (start_at IS NULL OR due_on IS NULL),
  CHECK ((status IN ('done', 'cancelled')) = (closed_at IS NOT NULL)),
  FOREIGN KEY (org_id, type_id) REFERENCES activity_types (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES members (org_id, id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE SET NULL (deal_id),
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE SET NULL (contact_id),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id) ON DELETE SET NULL (company_id),
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id) ON DELETE SET NULL (lead_id)
);
CREATE INDEX activities_open ON activities (org_id, class, at, id) WHERE closed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX activities_owner ON activities (org_id, owner_id, class, at, id) WHERE closed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX activities_closed ON activities (org_id, class, closed_at DESC, id DESC) WHERE closed_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX activities_closed_owner ON activities (org_id, owner_id, class, closed_at DESC, id DESC)
  WHERE closed_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX activities_type ON activities (org_id, type_id);
CREATE INDEX activities_deal ON activities (org_id, deal_id, closed_at, at) WHERE deal_id IS NOT NULL;
CREATE INDEX activities_contact ON activities (org_id, contact_id, closed_at, at) WHERE contact_id IS NOT NULL;
CREATE INDEX activities_company ON activities (org_id, company_id, closed_at, at) WHERE company_id IS NOT NULL;
CREATE INDEX activities_lead ON activities (org_id, lead_id, closed_at, at) WHERE lead_id IS NOT NULL;
CALL app.tenant_table('activities');

-- Who takes part, beside whoever is to do it: a contact, or a colleague.
CREATE TABLE activity_participants (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  activity_id uuid NOT NULL,
  contact_id uuid,
  member_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(contact_id, member_id) = 1),
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX activity_participants_contact ON activity_participants (org_id, activity_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE UNIQUE INDEX activity_participants_member ON activity_participants (org_id, activity_id, member_id) WHERE member_id IS NOT NULL;
CREATE INDEX activity_participants_of_contact ON activity_participants (org_id, contact_id, activity_id) WHERE contact_id IS NOT NULL;
CREATE INDEX activity_participants_of_member ON activity_participants (org_id, member_id, activity_id) WHERE member_id IS NOT NULL;
CALL app.tenant_table('activity_participants');

CREATE TABLE activity_checklist (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  activity_id uuid NOT NULL,
  text text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 300),
  position integer NOT NULL DEFAULT 0,
  done_at timestamptz,
  done_by uuid,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE
);
CREATE INDEX activity_checklist_activity ON activity_checklist (org_id, activity_id, position, id);
CALL app.tenant_table('activity_checklist');

-- What has to be done first. Never in a circle.
CREATE TABLE activity_dependencies (
  org_id uuid NOT NULL DEFAULT app.org(),
  activity_id uuid NOT NULL,
  waits_for uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, activity_id, waits_for),
  CHECK (activity_id <> waits_for),
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, waits_for) REFERENCES activities (org_id, id) ON DELETE CASCADE
);
CREATE INDEX activity_dependencies_back ON activity_dependencies (org_id, waits_for);
CALL app.tenant_table('activity_dependencies');

-- Kept by trigger (app.next_activities): when the nearest open activity of the deal is; null: none is planned.
ALTER TABLE deals ADD COLUMN next_activity_at timestamptz;
CREATE INDEX deals_idle ON deals (org_id, owner_id, stage_entered_at)
  WHERE next_activity_at IS NULL AND status = 'open' AND archived_at IS NULL AND deleted_at IS NULL;

-- Organisations that are there already get what new ones start with, and roles that may do something with contacts may with activities.
SET LOCAL ROLE pipewright_system;
INSERT INTO activity_types (org_id, id, key, name, icon, color, class, minutes, position)
SELECT o.id, gen_random_uuid(), t.* FROM organisations o CROSS JOIN (VALUES
  ('call', 'Call', 'phone', 'blue', 'activity', 15, 0),
  ('meeting', 'Meeting', 'users', 'violet', 'activity', 60, 1),
  ('email', 'E-mail', 'mail', 'cyan', 'activity', 15, 2),
  ('demo', 'Demo', 'presentation', 'teal', 'activity', 60, 3),
  ('lunch', 'Lunch', 'tools-kitchen-2', 'orange', 'activity', 90, 4),
  ('deadline', 'Deadline', 'flag', 'red', 'activity', NULL::integer, 5),
  ('task', 'Task', 'checkbox', 'slate', 'task', NULL, 6)) t;
UPDATE roles SET permissions = permissions ||
  ARRAY(SELECT 'activities.' || split_part(p, '.', 2) FROM unnest(permissions) p
    WHERE p IN ('contacts.view', 'contacts.create', 'contacts.edit', 'contacts.delete') AND NOT 'activities.' || split_part(p, '.', 2) = ANY (permissions));
SET LOCAL ROLE pipewright_owner;
