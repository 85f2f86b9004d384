DROP INDEX calendar_uids_series;
ALTER TABLE calendar_uids DROP COLUMN fingerprint, DROP COLUMN series, DROP COLUMN sequence, DROP COLUMN modified, DROP COLUMN version;
