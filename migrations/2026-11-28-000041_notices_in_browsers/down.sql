DROP INDEX notices_member;
CREATE INDEX notices_member ON notices (org_id, member_id, id DESC) WHERE centre;
