-- How far a search for duplicates has come with what there is to compare, in percent; then it counts candidates.
ALTER TABLE duplicate_scans ADD COLUMN gathered smallint NOT NULL DEFAULT 0;
