-- How the deals came to be where they are: made, moved stage by stage, won or lost; and what people wrote down.
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes)
SELECT current_setting('seed.org')::uuid, s.at, s.owner, 'deal.created', 'deal', s.id, 1,
  jsonb_build_object('name', jsonb_build_array(null, d.name), 'currency', jsonb_build_array(null, d.currency),
    'stage_id', jsonb_build_array(null, jsonb_build_object('id', first.id, 'name', first.name)))
    || CASE WHEN d.amount IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('amount', jsonb_build_array(null, trim_scale(d.amount)::text)) END
FROM sales s JOIN deals d ON d.org_id = current_setting('seed.org')::uuid AND d.id = s.id
JOIN steps first ON first.pipeline_id = s.pipeline_id AND first.step = 0;

INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes, data)
SELECT current_setting('seed.org')::uuid, s.at + (s.entered - s.at) * b.step / here.step, s.owner, 'deal.moved', 'deal', s.id, 1 + b.step,
  jsonb_build_object('stage_id', jsonb_build_array(jsonb_build_object('id', a.id, 'name', a.name), jsonb_build_object('id', b.id, 'name', b.name))),
  jsonb_build_object('from_stage', jsonb_build_object('id', a.id, 'name', a.name), 'to_stage', jsonb_build_object('id', b.id, 'name', b.name),
    'seconds_in_stage', extract(epoch FROM (s.entered - s.at) / here.step)::bigint)
FROM sales s JOIN steps here ON here.id = s.stage
JOIN steps a ON a.pipeline_id = s.pipeline_id AND a.step < here.step
JOIN steps b ON b.pipeline_id = s.pipeline_id AND b.step = a.step + 1;

INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, version, changes, data)
SELECT current_setting('seed.org')::uuid, s.closed_at, s.owner, 'deal.' || s.status, 'deal', s.id, d.version,
  jsonb_build_object('status', jsonb_build_array('open', s.status))
    || CASE WHEN d.lost_reason IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('lost_reason', jsonb_build_array(null, d.lost_reason)) END,
  jsonb_build_object('stage', jsonb_build_object('id', s.stage, 'name', s.stage_name), 'seconds_in_stage', extract(epoch FROM s.closed_at - s.entered)::bigint)
FROM sales s JOIN deals d ON d.org_id = current_setting('seed.org')::uuid AND d.id = s.id WHERE s.closed_at IS NOT NULL;

INSERT INTO deal_contacts (org_id, deal_id, contact_id, role)
SELECT current_setting('seed.org')::uuid, s.id, p.id, (ARRAY['decision_maker','champion','user'])[p.n]
FROM sales s JOIN (SELECT *, row_number() OVER (PARTITION BY company ORDER BY i) AS n FROM people) p ON p.company = s.company AND p.n <= 1 + s.i % 3;

CREATE TEMP TABLE jottings ON COMMIT DROP AS
SELECT app.uuid7() AS id, kind, record, author, least(at, now() - interval '20 minutes') AS at, '<div>' || (ARRAY[
    'Called. They like the proposal but want the delivery dates in writing before the board meets.',
    'Met on site. The old line is <strong>nine years old</strong> and stops twice a week.',
    'Sent the revised quote. Second batch moved to the new year at their request.',
    'Their procurement needs three references; two of ours are in the same trade.',
    'Asked for a discount on volume. Offered longer terms instead; they will think it over.',
    'Spoke to finance: budget is there, signature is with the managing director.',
    'Visited the warehouse. Floor plan and photos are with our engineers.',
    'Short call. Decision slips by a week because of holidays.'
  ])[1 + pg_temp.roll(i, 51, 8)] || '</div>' AS body
FROM (
  SELECT 'deal' AS kind, id AS record, owner AS author, entered + interval '5 hours' * (1 + i % 4) AS at, i FROM sales WHERE i % 2 = 0
  UNION ALL SELECT 'company', id, owner, at + interval '40 days', i + 500 FROM firms WHERE i % 3 = 0
  UNION ALL SELECT 'contact', id, owner, at + interval '12 days', i + 900 FROM people WHERE i % 6 = 0
) n;
INSERT INTO notes (org_id, id, company_id, contact_id, deal_id, author_id, body_html, created_at, updated_at)
SELECT current_setting('seed.org')::uuid, id, CASE kind WHEN 'company' THEN record END, CASE kind WHEN 'contact' THEN record END,
  CASE kind WHEN 'deal' THEN record END, author, body, at, at FROM jottings;
INSERT INTO events (org_id, at, actor_id, kind, record_type, record_id, data)
SELECT current_setting('seed.org')::uuid, at, author, 'note.added', kind, record, jsonb_build_object('note_id', id) FROM jottings;
