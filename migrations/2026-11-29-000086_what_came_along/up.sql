-- What was said and filed of the lead and is now with what it became, for the undo: the record, and ids by table.
ALTER TABLE lead_conversions ADD COLUMN moved jsonb NOT NULL DEFAULT '{}';
