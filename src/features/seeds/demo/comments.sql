-- What people say to each other on the largest open deals: a note with comments under it, one pinned, mentions and reactions.
CREATE TEMP TABLE talkers ON COMMIT DROP AS
SELECT m.id, split_part(m.email, '@', 1) AS who, m.name FROM members m WHERE m.org_id = current_setting('seed.org')::uuid;

CREATE TEMP TABLE talked ON COMMIT DROP AS
SELECT d.id AS deal_id, row_number() OVER (ORDER BY d.amount DESC NULLS LAST, d.id) AS n FROM deals d
WHERE d.org_id = current_setting('seed.org')::uuid AND d.status = 'open' AND d.deleted_at IS NULL AND d.archived_at IS NULL LIMIT 5;

CREATE TEMP TABLE sayings ON COMMIT DROP AS
SELECT app.uuid7() AS id, d.deal_id, t.id AS author, x.about, now() - make_interval(hours => x.hours) AS at, x.pinned,
  '<div>' || coalesce('<a href="/feed?who=' || a.id || '" rel="noopener nofollow">@' || a.name || '</a> ', '') || x.text || '</div>' AS body,
  a.id AS mentioned
FROM (VALUES
  (1, 'manager', 'rep', 30, true, 'please keep the two sites in one contract: legal wants one signature.'),
  (1, 'rep', 'manager', 26, false, 'done, the draft is under Files. They sign in the week after next.'),
  (2, 'elin', NULL, 20, false, 'Their plant manager asked for lead times again. I sent the table from last year.'),
  (2, 'noor', 'elin', 18, false, 'the new table is out since Monday, I put it under Files.'),
  (3, 'admin', 'manager', 9, false, 'who may see the margins here? Legal asks.'),
  (4, 'rep', NULL, 5, true, 'Procurement closes its books on the 20th: everything has to be there before.')
) x (n, author, about, hours, pinned, text)
JOIN talked d ON d.n = x.n JOIN talkers t ON t.who = x.author LEFT JOIN talkers a ON a.who = x.about;

INSERT INTO comments (org_id, id, deal_id, author_id, body_html, pinned_at, created_at, updated_at)
SELECT current_setting('seed.org')::uuid, id, deal_id, author, body, CASE WHEN pinned THEN at END, at, at FROM sayings;
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, data)
SELECT current_setting('seed.org')::uuid, at, author, 'comment.added', 'deal', deal_id, jsonb_build_object('comment_id', id) FROM sayings;
INSERT INTO post_mentions (org_id, comment_id, member_id, created_at)
SELECT current_setting('seed.org')::uuid, id, mentioned, at FROM sayings WHERE mentioned IS NOT NULL;
INSERT INTO post_reactions (org_id, comment_id, member_id, emoji, created_at)
SELECT current_setting('seed.org')::uuid, s.id, t.id, CASE WHEN t.who = 'admin' THEN '🎉' ELSE '👍' END, s.at + interval '1 hour'
FROM sayings s JOIN talkers t ON t.id <> s.author AND t.who IN ('admin', 'manager', 'noor') WHERE NOT s.pinned;

-- Under the latest note of the largest deal.
INSERT INTO comments (org_id, id, note_id, author_id, body_html, created_at, updated_at)
SELECT current_setting('seed.org')::uuid, app.uuid7(), n.id, t.id, '<div>Good. Then we can count it for this quarter.</div>', now() - interval '3 hours', now() - interval '3 hours'
FROM talked d CROSS JOIN LATERAL (SELECT id FROM notes n WHERE n.org_id = current_setting('seed.org')::uuid AND n.deal_id = d.deal_id ORDER BY created_at DESC LIMIT 1) n
JOIN talkers t ON t.who = 'manager';

-- Closing dates that moved this week, after the deals came to where they are.
WITH slipped AS (
  UPDATE deals d SET version = d.version + 1, updated_at = greatest(now() - make_interval(hours => 20 * t.n::int), d.stage_entered_at + interval '1 hour')
  FROM talked t WHERE d.org_id = current_setting('seed.org')::uuid AND d.id = t.deal_id AND d.expected_close_on IS NOT NULL AND t.n <= 3
  RETURNING d.id, d.owner_id, d.version, d.updated_at, d.expected_close_on, 9 * t.n::int AS days)
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, updated_at, owner_id, 'deal.updated', 'deal', id, version,
  jsonb_build_object('expected_close_on', jsonb_build_array((expected_close_on - days)::text, expected_close_on::text))
FROM slipped;
