-- What a browser shows need not stand in the centre.
DROP INDEX notices_member;
CREATE INDEX notices_member ON notices (org_id, member_id, id DESC);
