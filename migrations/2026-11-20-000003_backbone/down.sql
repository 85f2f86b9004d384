DROP TABLE import_errors, imports, search_words, search_documents, mails, jobs, events CASCADE;
DROP FUNCTION app.ensure_event_partitions(integer);
