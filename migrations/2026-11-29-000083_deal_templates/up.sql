-- Templates of deals: where one begins, what it says, and what is planned and sold with it.
CREATE TABLE deal_templates (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  stage_id uuid NOT NULL,
  fields jsonb NOT NULL DEFAULT '{}', -- of the deal's form, as they are typed
  tasks_id uuid,                   -- activities or tasks planned with it
  contact_role text,               -- of the contact it was begun from
  lines_from uuid,                 -- the deal whose lines it gets
  retired_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, stage_id) REFERENCES stages (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, tasks_id) REFERENCES activity_templates (org_id, id) ON DELETE SET NULL (tasks_id),
  FOREIGN KEY (org_id, lines_from) REFERENCES deals (org_id, id) ON DELETE SET NULL (lines_from)
);
CREATE UNIQUE INDEX deal_templates_name ON deal_templates (org_id, name_key);
CREATE INDEX deal_templates_stage ON deal_templates (org_id, stage_id);
CREATE INDEX deal_templates_tasks ON deal_templates (org_id, tasks_id) WHERE tasks_id IS NOT NULL;
CREATE INDEX deal_templates_lines ON deal_templates (org_id, lines_from) WHERE lines_from IS NOT NULL;
CALL app.tenant_table('deal_templates');
