DROP TABLE mail_links, mail_recipients, mail_messages, mailings, mail_counts, mail_addresses, mail_settings, mail_signatures, mail_templates;
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = ARRAY(SELECT p FROM unnest(permissions) p WHERE p NOT LIKE 'mails.%');
SET LOCAL ROLE pipewright_owner;
