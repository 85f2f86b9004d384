DROP INDEX mail_messages_open;
DROP TABLE mail_attachments;
