ALTER TABLE activities DROP COLUMN series_id, DROP COLUMN occurs_on, DROP COLUMN occurrence;
DROP TABLE activity_series_exceptions, activity_series;
