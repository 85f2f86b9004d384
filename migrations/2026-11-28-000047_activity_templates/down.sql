DROP TABLE activity_origins, activity_template_steps, activity_templates;
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = array_remove(permissions, 'activities.administer');
SET LOCAL ROLE pipewright_owner;
