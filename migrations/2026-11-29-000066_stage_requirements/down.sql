SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = array_remove(permissions, 'stages.override');
SET LOCAL ROLE pipewright_owner;
DROP TABLE deal_criteria, stage_criteria;
ALTER TABLE stages DROP COLUMN required_fields;
