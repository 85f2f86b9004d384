DROP TABLE retention_rules;
DROP TABLE retention_settings;
DROP INDEX import_changes_record;
DROP INDEX operation_changes_record;
DROP INDEX deals_bin;
DROP INDEX leads_bin;
DROP INDEX contacts_bin;
DROP INDEX companies_bin;
