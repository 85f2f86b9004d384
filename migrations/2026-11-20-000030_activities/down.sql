DROP TABLE activity_dependencies, activity_checklist, activity_participants, activities, activity_types;
ALTER TABLE deals DROP COLUMN next_activity_at;
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = ARRAY(SELECT p FROM unnest(permissions) p WHERE p NOT LIKE 'activities.%');
SET LOCAL ROLE pipewright_owner;
