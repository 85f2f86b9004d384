DROP INDEX deals_decided;
ALTER TABLE stages DROP COLUMN default_probability, DROP COLUMN wins, DROP COLUMN settled, DROP COLUMN measured_at;
ALTER TABLE pipelines DROP COLUMN probability_from;
