DROP INDEX activities_deleted;
