-- What was deleted leaves for good after the days of the bin; occurrences that a changed rule put aside, too.
CREATE INDEX activities_deleted ON activities (org_id, deleted_at) WHERE deleted_at IS NOT NULL;
