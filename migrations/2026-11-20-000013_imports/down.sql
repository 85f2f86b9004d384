DROP TABLE import_templates, import_fingerprints, import_left, import_created, import_changes, import_progress;
UPDATE imports SET status = CASE WHEN status IN ('undoing', 'undone') THEN 'done' ELSE 'failed' END
  WHERE status IN ('draft', 'checking', 'cancelled', 'undoing', 'undone');
ALTER TABLE imports DROP COLUMN undone_at, DROP COLUMN undone_by, DROP COLUMN undone, DROP COLUMN checked, DROP COLUMN file_size;
ALTER TABLE imports DROP CONSTRAINT imports_status_check;
ALTER TABLE imports ADD CONSTRAINT imports_status_check CHECK (status IN ('queued', 'running', 'done', 'failed'));
