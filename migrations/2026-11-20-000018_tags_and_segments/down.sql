DROP TABLE segment_members;
DROP TABLE segments;
DROP TABLE record_tags;
DROP TABLE tags;
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = array_remove(array_remove(permissions, 'tags.create'), 'tags.administer');
SET LOCAL ROLE pipewright_owner;
