DROP INDEX leads_other_phones;
DROP INDEX leads_phone;
DROP INDEX companies_phone;
DROP INDEX contacts_other_phones;
DROP TABLE duplicate_scans;
DROP TABLE duplicate_pairs;
DROP TABLE merges;
