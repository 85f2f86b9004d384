DROP TABLE mailing_attachments;
