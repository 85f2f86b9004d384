-- Home asks whose closing dates moved this week.
CREATE INDEX events_slips ON events (org_id, at DESC) WHERE kind = 'deal.updated' AND changes ? 'expected_close_on';
