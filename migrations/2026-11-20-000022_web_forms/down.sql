DROP TABLE assignment_rules;
DROP TABLE web_submissions;
DROP TABLE web_forms;
DROP INDEX leads_unassigned;
ALTER TABLE leads DROP COLUMN campaign, DROP COLUMN postal_code;
