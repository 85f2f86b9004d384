ALTER TABLE duplicate_scans DROP COLUMN gathered;
