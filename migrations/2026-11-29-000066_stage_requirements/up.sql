-- What a stage asks for: fields before a deal enters it, and a list of what is to be done in it before the deal goes on.
ALTER TABLE stages ADD COLUMN required_fields text[] NOT NULL DEFAULT '{}'; -- keys of the catalogue

CREATE TABLE stage_criteria (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  stage_id uuid NOT NULL,
  label text NOT NULL CHECK (char_length(label) BETWEEN 1 AND 200),
  required boolean NOT NULL DEFAULT false, -- else advice
  position integer NOT NULL DEFAULT 0,
  retired_at timestamptz,                  -- asked no more; what was ticked stays told
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, stage_id) REFERENCES stages (org_id, id) ON DELETE CASCADE
);
CREATE INDEX stage_criteria_stage ON stage_criteria (org_id, stage_id, position);
CALL app.tenant_table('stage_criteria');

CREATE TABLE deal_criteria (
  org_id uuid NOT NULL DEFAULT app.org(),
  deal_id uuid NOT NULL,
  criterion_id uuid NOT NULL,
  done_by uuid,
  done_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, deal_id, criterion_id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, criterion_id) REFERENCES stage_criteria (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, done_by) REFERENCES members (org_id, id)
);
CREATE INDEX deal_criteria_criterion ON deal_criteria (org_id, criterion_id);
CALL app.tenant_table('deal_criteria');

-- Who may move a deal past what its stage asks for.
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = permissions || '{stages.override}'
  WHERE key IN ('administrator', 'manager') AND NOT permissions @> '{stages.override}';
SET LOCAL ROLE pipewright_owner;
