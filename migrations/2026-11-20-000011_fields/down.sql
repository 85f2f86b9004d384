DROP FUNCTION IF EXISTS app.unique_values_insert() CASCADE;
DROP FUNCTION IF EXISTS app.unique_values_change() CASCADE;
DROP TABLE custom_values_unique;
DROP TABLE custom_fields;
