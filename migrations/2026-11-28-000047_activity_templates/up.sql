-- Templates of activities: a chain, each step planned when the one before is done, or a set of tasks planned at once.

CREATE TABLE activity_templates (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  kind text NOT NULL CHECK (kind IN ('chain', 'set')),
  follow text NOT NULL DEFAULT 'plan' CHECK (follow IN ('plan', 'offer')), -- a chain's next step: planned by itself, or offered
  retired_at timestamptz,          -- not to be chosen any more; chains begun with it go on
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX activity_templates_name ON activity_templates (org_id, name_key);
CALL app.tenant_table('activity_templates');

CREATE TABLE activity_template_steps (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  template_id uuid NOT NULL,
  position integer NOT NULL DEFAULT 0,
  type_id uuid NOT NULL,
  subject text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 200),
  days integer NOT NULL DEFAULT 0 CHECK (days BETWEEN 0 AND 1000), -- after the beginning, or after the step before was done
  working boolean NOT NULL DEFAULT true, -- counted in working days
  at_time time,
  minutes integer CHECK (minutes BETWEEN 1 AND 43200),
  priority text NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high')),
  location text,
  description text,                -- sanitised HTML
  assignee text NOT NULL DEFAULT 'me' CHECK (assignee IN ('me', 'owner', 'role', 'nobody')),
  role_id uuid,
  checklist text[] NOT NULL DEFAULT '{}',
  waits_for uuid[] NOT NULL DEFAULT '{}', -- steps of the same template before it
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, template_id) REFERENCES activity_templates (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, type_id) REFERENCES activity_types (org_id, id),
  FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) ON DELETE SET NULL (role_id)
);
CREATE INDEX activity_template_steps_of ON activity_template_steps (org_id, template_id, position, id);
CALL app.tenant_table('activity_template_steps');

-- Which step an activity came from, and what followed it.
CREATE TABLE activity_origins (
  org_id uuid NOT NULL DEFAULT app.org(),
  activity_id uuid NOT NULL,
  step_id uuid NOT NULL,
  run_id uuid,                     -- those that were planned at once
  followed_by uuid,
  PRIMARY KEY (org_id, activity_id),
  FOREIGN KEY (org_id, activity_id) REFERENCES activities (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, step_id) REFERENCES activity_template_steps (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, followed_by) REFERENCES activities (org_id, id) ON DELETE SET NULL (followed_by)
);
CREATE INDEX activity_origins_step ON activity_origins (org_id, step_id);
CREATE INDEX activity_origins_run ON activity_origins (org_id, run_id) WHERE run_id IS NOT NULL;
CREATE INDEX activity_origins_followed ON activity_origins (org_id, followed_by) WHERE followed_by IS NOT NULL;
CALL app.tenant_table('activity_origins');

-- Administrators and managers keep them.
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = permissions || '{activities.administer}'
WHERE (key = 'manager' OR 'organisation.administer' = ANY (permissions)) AND NOT 'activities.administer' = ANY (permissions);
SET LOCAL ROLE pipewright_owner;
