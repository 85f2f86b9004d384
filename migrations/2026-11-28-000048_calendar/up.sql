-- The calendar: working hours, what is busy when, private feeds.

-- Minutes since midnight, in each member's own time zone.
ALTER TABLE organisations
  ADD COLUMN work_from smallint NOT NULL DEFAULT 540,
  ADD COLUMN work_to smallint NOT NULL DEFAULT 1020,
  ADD CONSTRAINT organisations_work CHECK (0 <= work_from AND work_from < work_to AND work_to <= 1440);

-- What a member says about their own calendar. Without a row: the organisation's hours, and no feed.
CREATE TABLE calendar_members (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  work_from smallint,              -- null: the organisation's
  work_to smallint,
  feed_hash text,                  -- of the token in the feed's address; null: there is no feed
  feed_made_at timestamptz,
  feed_tasks boolean NOT NULL DEFAULT true,
  feed_alarm smallint CHECK (feed_alarm BETWEEN 0 AND 10080), -- minutes before a start; null: none
  PRIMARY KEY (org_id, member_id),
  CHECK (num_nulls(work_from, work_to) IN (0, 2)),
  CHECK (0 <= work_from AND work_from < work_to AND work_to <= 1440),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CREATE INDEX calendar_members_feed ON calendar_members (feed_hash) WHERE feed_hash IS NOT NULL;
CALL app.tenant_table('calendar_members');

-- A member's calendar is a span of these indexes, open and closed alike: what is theirs to do, what lasts longer than a day (and so may
-- have begun long before the span), and what they take part in, whose time is kept with it by trigger (app.participant_at).
CREATE INDEX activities_calendar ON activities (org_id, owner_id, at) WHERE deleted_at IS NULL;
CREATE INDEX activities_long ON activities (org_id, owner_id, at) WHERE deleted_at IS NULL AND minutes > 1440;
ALTER TABLE activity_participants ADD COLUMN at timestamptz;
SET LOCAL ROLE pipewright_system;
UPDATE activity_participants p SET at = a.at FROM activities a WHERE a.org_id = p.org_id AND a.id = p.activity_id;
SET LOCAL ROLE pipewright_owner;
CREATE INDEX activity_participants_calendar ON activity_participants (org_id, member_id, at) WHERE member_id IS NOT NULL;
