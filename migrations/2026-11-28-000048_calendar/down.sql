DROP TRIGGER IF EXISTS participant_at ON activity_participants;
DROP TRIGGER IF EXISTS participants_at ON activities;
ALTER TABLE activity_participants DROP COLUMN at;
DROP INDEX activities_long, activities_calendar;
DROP TABLE calendar_members;
ALTER TABLE organisations DROP COLUMN work_from, DROP COLUMN work_to;
