-- What a file said of an event when it was last taken over, so that a later file changes what nobody touched here.
ALTER TABLE calendar_uids
  ADD COLUMN fingerprint text,             -- a hash of all that is kept of it; null: not known
  ADD COLUMN series text,                  -- a hash of the UID, when a rule made the event
  ADD COLUMN sequence bigint NOT NULL DEFAULT 0,
  ADD COLUMN modified bigint,              -- LAST-MODIFIED, in seconds
  ADD COLUMN version integer NOT NULL DEFAULT 1; -- of the activity, as the file left it
CREATE INDEX calendar_uids_series ON calendar_uids (org_id, member_id, series) WHERE series IS NOT NULL;
