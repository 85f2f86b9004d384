ALTER TABLE deals DROP COLUMN territory_id;
ALTER TABLE leads DROP COLUMN territory_id;
ALTER TABLE companies DROP COLUMN territory_id;
DROP TABLE assignment_people;
DELETE FROM assignment_rules WHERE NOT 'lead' = ANY (covers);
ALTER TABLE assignment_rules ADD COLUMN country char(2);
UPDATE assignment_rules SET country = countries[1];
ALTER TABLE assignment_rules DROP COLUMN name, DROP COLUMN covers, DROP COLUMN countries, DROP COLUMN region, DROP COLUMN industry,
  DROP COLUMN size_from, DROP COLUMN size_to, DROP COLUMN share;
