DROP INDEX deals_custom_ids;
DROP INDEX leads_custom_ids;
DROP INDEX contacts_custom_ids;
DROP INDEX companies_custom_ids;
DROP FUNCTION app.custom_ids(jsonb);
DROP TABLE duplicate_follows;
