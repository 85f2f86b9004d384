-- Stage automation: what happens by itself when deals come, go and close. Events are put into the inbox by a trigger on `events`
-- (app.automations_hear); jobs take them out, each in the transaction of its effects.

CREATE TABLE automations (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  pipeline_id uuid NOT NULL,
  stage_id uuid,                   -- null: any stage of the pipeline
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  event text NOT NULL CHECK (event IN ('entered', 'left', 'created', 'won', 'lost', 'reopened', 'stayed')),
  after_days integer CHECK (after_days BETWEEN 1 AND 365), -- of 'stayed'
  actions jsonb NOT NULL DEFAULT '[]',
  position integer NOT NULL DEFAULT 0,
  active_since timestamptz,        -- null: turned off
  saved_by uuid,                   -- with whose rights it acts
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK ((event = 'stayed') = (after_days IS NOT NULL)),
  CHECK (event NOT IN ('entered', 'left', 'stayed') OR stage_id IS NOT NULL),
  FOREIGN KEY (org_id, pipeline_id) REFERENCES pipelines (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, stage_id) REFERENCES stages (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, saved_by) REFERENCES members (org_id, id) ON DELETE SET NULL (saved_by)
);
CREATE INDEX automations_order ON automations (org_id, pipeline_id, position, id);
CREATE INDEX automations_stage ON automations (org_id, stage_id) WHERE stage_id IS NOT NULL;
CREATE INDEX automations_saved_by ON automations (org_id, saved_by) WHERE saved_by IS NOT NULL;
CALL app.tenant_table('automations');

-- Events that were not read yet. A row goes in the transaction of what it set off.
CREATE TABLE automation_inbox (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL DEFAULT app.uuid7(),
  event_id uuid NOT NULL,
  deal_id uuid NOT NULL,
  event text NOT NULL,             -- 'created', 'moved', 'won', 'lost', 'reopened', 'stayed'
  from_stage uuid,
  to_stage uuid,
  automation_id uuid,              -- of 'stayed': which one
  depth integer NOT NULL DEFAULT 0, -- how many automations stand between it and a person
  undo boolean NOT NULL DEFAULT false, -- somebody took something back: nothing new is set off
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, automation_id) REFERENCES automations (org_id, id) ON DELETE CASCADE
);
CREATE INDEX automation_inbox_deal ON automation_inbox (org_id, deal_id, id);
CREATE INDEX automation_inbox_automation ON automation_inbox (org_id, automation_id) WHERE automation_id IS NOT NULL;
CALL app.tenant_table('automation_inbox');

-- What each automation did about each event, once.
CREATE TABLE automation_runs (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  automation_id uuid NOT NULL,
  deal_id uuid NOT NULL,
  event_id uuid NOT NULL,
  event text NOT NULL,
  from_stage uuid,
  to_stage uuid,
  depth integer NOT NULL DEFAULT 0,
  status text NOT NULL CHECK (status IN ('done', 'failed', 'stopped', 'taken_back')),
  outcome text[] NOT NULL DEFAULT '{}', -- in words, an action each
  error text,
  plans uuid[] NOT NULL DEFAULT '{}', -- runs of activity templates
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, automation_id, event_id),
  FOREIGN KEY (org_id, automation_id) REFERENCES automations (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE
);
CREATE INDEX automation_runs_log ON automation_runs (org_id, automation_id, at DESC, id DESC);
CREATE INDEX automation_runs_deal ON automation_runs (org_id, deal_id, at DESC);
CREATE INDEX automation_runs_at ON automation_runs (at);
CALL app.tenant_table('automation_runs');

-- Whose turn it was, wherever people take turns; the row is held while the next is chosen.
CREATE TABLE turns (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  key text NOT NULL,
  last_member_id uuid,
  PRIMARY KEY (org_id, key)
);
CALL app.tenant_table('turns');
