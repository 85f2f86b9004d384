DROP TABLE file_use, file_versions, files, file_blobs;
