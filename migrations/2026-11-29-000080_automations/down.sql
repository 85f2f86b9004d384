DROP TRIGGER IF EXISTS automations_hear ON events;
DROP TABLE turns, automation_runs, automation_inbox, automations;
