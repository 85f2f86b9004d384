-- How often an organisation's definitions (fields, rules, pipelines, types, people …) have changed: what a process read of them under one
-- count holds under that count. Appended by trigger (app.definitions_changed), so that nobody who changes one waits for another; readers
-- SUM, and a sweep folds the rows together.
CREATE TABLE definition_changes (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  changes bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (org_id, id)
);
CALL app.tenant_table('definition_changes');
