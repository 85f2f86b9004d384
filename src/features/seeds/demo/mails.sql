-- Templates, signatures, mails that went out after calls and meetings, one that is to go out tomorrow and a draft. Needs `doings`.
INSERT INTO mail_templates (org_id, id, name, subject, body_html, owner_id, shared)
SELECT current_setting('seed.org')::uuid, app.uuid7(), t.name, t.subject, t.body, m.id, true
FROM members m CROSS JOIN (VALUES
  ('After a first call', 'Good to speak with you, {{ contact.first_name | and thank you }}',
   '<div>Dear {{ contact.first_name | Sir or Madam }},<br><br>thank you for your time on the phone. As promised, here is what we can do for {{ company.name | you }}.<br><br>Shall we speak again next week?</div>'),
  ('Offer sent', 'Our offer: {{ deal.name | as discussed }}',
   '<div>Dear {{ contact.first_name | Sir or Madam }},<br><br>please find our offer of {{ deal.amount | the amount we discussed }} attached. It is open until {{ deal.expected_close_on | the end of the month }}.</div>'),
  ('No answer yet', 'Did our offer reach you?',
   '<div>Dear {{ contact.first_name | Sir or Madam }},<br><br>I have not heard from you since I sent our offer. Is there anything you would like to ask?</div>')
) t (name, subject, body)
WHERE m.org_id = current_setting('seed.org')::uuid AND m.email = 'manager@demo.test';
INSERT INTO mail_signatures (org_id, member_id, body_html)
SELECT org_id, id, '<div>Kind regards<br><strong>' || name || '</strong><br>Aurelia Supply</div>' FROM members
WHERE org_id = current_setting('seed.org')::uuid AND email <> 'viewer@demo.test';

CREATE TEMP TABLE letters ON COMMIT DROP AS
SELECT app.uuid7() AS id, d.owner, d.deal, d.company, c.id AS contact, c.email, btrim(c.first_name || ' ' || c.last_name) AS name, c.first_name,
  d.closed_at + interval '40 minutes' AS at, (row_number() OVER (ORDER BY d.closed_at DESC, d.id))::int AS n
FROM doings d JOIN contacts c ON c.org_id = current_setting('seed.org')::uuid AND c.id = d.contact
WHERE d.closed_at IS NOT NULL AND d.key IN ('call', 'meeting', 'demo') AND d.i % 3 = 0 AND c.email IS NOT NULL AND NOT c.do_not_contact
  AND d.owner IS NOT NULL AND d.closed_at < now() - interval '2 hours';
INSERT INTO mail_messages (org_id, id, author_id, status, at, subject, body_html, contact_id, company_id, deal_id, message_header, thread_id, turn, send_at, sent_at, from_line, created_at, updated_at)
SELECT current_setting('seed.org')::uuid, id, owner, 'sent', at,
  (ARRAY['Good to speak with you', 'What we agreed', 'The drawings you asked for', 'Our offer', 'Dates for the visit'])[1 + n % 5],
  '<div>Dear ' || replace(replace(first_name, '&', '&amp;'), '<', '&lt;') || ',<br><br>' ||
  (ARRAY['thank you for your time today. I will come back to you with the figures by Friday.', 'as agreed, we deliver to both sites and you name one contact for each.',
    'here are the drawings. Please check the loading bay, which is narrower than on your plan.', 'our offer follows below. It is open for four weeks.', 'would Tuesday or Thursday suit you better?'])[1 + n % 5]
  || '<br><br>Kind regards</div>',
  contact, company, deal, '<' || id || '@demo.test>', id, 1, at, at, 'Aurelia Supply <sales@demo.test>', at, at
FROM letters;
INSERT INTO mail_recipients (org_id, id, message_id, kind, name, email, contact_id, status, error, sent_at)
SELECT current_setting('seed.org')::uuid, app.uuid7(), id, 'to', name, email, contact, 'sent', NULL, at FROM letters;

-- The latest two: not sent yet.
UPDATE mail_messages m SET status = 'scheduled', sent_at = NULL, from_line = NULL, send_at = x.at, at = x.at, created_at = now(), updated_at = now(), subject = 'Before our meeting'
FROM (SELECT id, (date_trunc('day', now() AT TIME ZONE 'Europe/Amsterdam') + interval '1 day 9 hours') AT TIME ZONE 'Europe/Amsterdam' AS at FROM letters WHERE n = 1) x
WHERE m.org_id = current_setting('seed.org')::uuid AND m.id = x.id;
UPDATE mail_recipients r SET status = 'queued', sent_at = NULL FROM letters l WHERE l.n = 1 AND r.org_id = current_setting('seed.org')::uuid AND r.message_id = l.id;
INSERT INTO jobs (org_id, kind, payload, key, run_at, max_attempts)
SELECT org_id, 'mails.send', jsonb_build_object('message', id, 'turn', turn), 'mails.send:' || id || ':' || turn, send_at, 60
FROM mail_messages WHERE org_id = current_setting('seed.org')::uuid AND status = 'scheduled';
UPDATE mail_messages m SET status = 'draft', sent_at = NULL, send_at = NULL, from_line = NULL, at = now(), created_at = now(), updated_at = now(), to_line = l.name || ' <' || l.email || '>',
  author_id = (SELECT id FROM members WHERE org_id = current_setting('seed.org')::uuid AND email = 'rep@demo.test'), subject = 'A question about your order'
FROM letters l WHERE l.n = 2 AND m.org_id = current_setting('seed.org')::uuid AND m.id = l.id;
DELETE FROM mail_recipients r USING letters l WHERE l.n = 2 AND r.org_id = current_setting('seed.org')::uuid AND r.message_id = l.id;
-- Everybody who writes finds some of their own.
UPDATE mail_messages m SET author_id = p.id FROM letters l JOIN members p ON p.org_id = current_setting('seed.org')::uuid
  AND p.email = CASE l.n % 7 WHEN 3 THEN 'admin@demo.test' WHEN 5 THEN 'manager@demo.test' WHEN 0 THEN 'rep@demo.test' END
WHERE m.org_id = current_setting('seed.org')::uuid AND m.id = l.id AND m.status = 'sent';
-- An address that was refused.
INSERT INTO mail_addresses (org_id, email, refused_at, refusal)
SELECT current_setting('seed.org')::uuid, email, now() - interval '3 days', 'permanent error (550): 5.1.1 no such mailbox' FROM letters WHERE n = 7;
