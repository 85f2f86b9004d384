DROP TABLE operation_changes;
DROP TABLE operation_batches;
DROP TABLE operations;
