-- What the people of the company were told lately, some of it read; and what two of them follow.
CREATE FUNCTION pg_temp.id_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE
AS $$ SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
  substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid $$;

CREATE TEMP TABLE faces ON COMMIT DROP AS
SELECT m.id, split_part(m.email, '@', 1) AS who FROM members m WHERE m.org_id = current_setting('seed.org')::uuid;

-- Open deals a person would hear of: their own, for the manager and the administrator the largest.
CREATE TEMP TABLE heard ON COMMIT DROP AS
SELECT f.who, f.id AS member_id, d.id AS deal_id, row_number() OVER (PARTITION BY f.id ORDER BY d.amount DESC NULLS LAST, d.id) AS n
FROM faces f JOIN deals d ON d.org_id = current_setting('seed.org')::uuid AND d.status = 'open' AND d.deleted_at IS NULL AND d.archived_at IS NULL
  AND (d.owner_id = f.id OR f.who IN ('admin', 'manager'));

INSERT INTO follows (org_id, member_id, record_type, record_id)
SELECT current_setting('seed.org')::uuid, member_id, 'deal', deal_id FROM heard WHERE who IN ('admin', 'manager') AND n <= 8;

INSERT INTO notices (org_id, id, member_id, kind, record_type, record_id, actor_id, params, once, centre, browser, mail, mailed_at, read_at, created_at)
SELECT current_setting('seed.org')::uuid, pg_temp.id_at(t.at), h.member_id, x.kind, 'deal', h.deal_id, doer.id, x.params::jsonb,
  'seed:' || x.kind || ':' || x.hours, true, true, 'off', NULL, CASE WHEN x.seen THEN t.at + interval '20 minutes' END, t.at
FROM (VALUES
  ('rep', 'manager', 'mention', 1, 1, false, '{"quote": "Priya, can you send them the new price list before Friday? They asked twice.", "at": "#timeline"}'),
  ('rep', 'manager', 'assigned', 2, 3, false, '{}'),
  ('rep', 'elin', 'comment', 3, 6, false, '{"quote": "Their plant manager was at the fair and asked for lead times.", "at": "#timeline"}'),
  ('rep', 'manager', 'moved', 4, 25, true, '{"from": "Qualified", "to": "Proposal"}'),
  ('rep', 'noor', 'reaction', 5, 29, true, '{"with": "👍"}'),
  ('rep', 'admin', 'closed', 6, 74, true, '{"how": "reopened"}'),
  ('manager', 'rep', 'mention', 1, 2, false, '{"quote": "Jonas, I need your word on the discount: they want 8 % for two years.", "at": "#timeline"}'),
  ('manager', 'elin', 'moved', 2, 4, false, '{"from": "Proposal", "to": "Negotiation"}'),
  ('manager', 'rep', 'comment', 3, 27, true, '{"quote": "Budget is confirmed, the signature takes two weeks.", "at": "#timeline"}'),
  ('manager', 'noor', 'closed', 4, 50, true, '{"how": "reopened"}'),
  ('admin', 'manager', 'mention', 1, 1, false, '{"quote": "Maya, who may see the margins? Legal asks.", "at": "#timeline"}'),
  ('admin', 'rep', 'moved', 3, 5, false, '{"from": "Qualified", "to": "Proposal"}'),
  ('admin', 'noor', 'comment', 2, 23, true, '{"quote": "The second site wants its own contract.", "at": "#timeline"}')
) x (who, doer, kind, n, hours, seen, params)
JOIN heard h ON h.who = x.who AND h.n = x.n
LEFT JOIN faces doer ON doer.who = x.doer
CROSS JOIN LATERAL (SELECT now() - make_interval(hours => x.hours, mins => x.n * 7) AS at) t;

-- What is planned today reminded of, and what slipped.
INSERT INTO notices (org_id, id, member_id, kind, record_type, record_id, params, once, centre, browser, mail, mailed_at, read_at, created_at)
SELECT a.org_id, pg_temp.id_at(t.at), a.owner_id, CASE WHEN a.late THEN 'overdue' ELSE 'reminder' END, 'activity', a.id,
  jsonb_strip_nulls(jsonb_build_object('start_at', a.start_at, 'due_on', a.due_on)),
  CASE WHEN a.late THEN 'overdue:' ELSE 'reminder:' END || a.id || ':' || extract(epoch FROM a.at)::bigint, true, NOT a.late, 'off', NULL,
  CASE WHEN t.at < now() - interval '12 hours' THEN t.at + interval '10 minutes' END, t.at
FROM (
  SELECT a.*, a.at < now() - interval '1 day' AS late, row_number() OVER (PARTITION BY a.owner_id, a.at < now() - interval '1 day' ORDER BY a.at DESC, a.id) AS n
  FROM activities a WHERE a.org_id = current_setting('seed.org')::uuid AND a.closed_at IS NULL AND a.deleted_at IS NULL AND a.owner_id IS NOT NULL
    AND (a.class = 'task' AND a.at < now() - interval '1 day' OR a.start_at BETWEEN now() - interval '6 hours' AND now() + interval '15 minutes')
) a CROSS JOIN LATERAL (SELECT CASE WHEN a.late THEN now() - make_interval(hours => 20 + a.n::integer) ELSE least(a.start_at - interval '15 minutes', now()) END AS at) t
WHERE a.n <= 2;

INSERT INTO notices (org_id, id, member_id, kind, actor_id, params, once, centre, browser, mail, mailed_at, read_at, created_at)
SELECT current_setting('seed.org')::uuid, pg_temp.id_at(now() - x.ago), f.id, x.kind, noor.id, x.params::jsonb, 'seed:' || x.kind, true, true, 'off', NULL,
  now() - x.ago + interval '1 hour', now() - x.ago
FROM (VALUES
  ('admin', 'joined', interval '9 days', '{"who": "Noor de Wit", "role": "Sales rep", "at": "/settings/members"}'),
  ('admin', 'finished', interval '3 days', '{"what": "Import trade-fair.csv", "how": "is done: 42 added, 7 updated", "at": "/imports"}')
) x (who, kind, ago, params)
JOIN faces f ON f.who = x.who
LEFT JOIN faces noor ON noor.who = 'noor' AND x.kind = 'joined';
