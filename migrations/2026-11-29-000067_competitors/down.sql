ALTER TABLE organisations DROP COLUMN won_reasons, DROP COLUMN celebrate;
DROP INDEX deals_lost;
ALTER TABLE deals DROP COLUMN lost_to, DROP COLUMN won_reason, DROP COLUMN won_note;
DROP TABLE deal_competitors, competitors;
SET LOCAL ROLE pipewright_system;
UPDATE deal_contacts SET role = 'other' WHERE role NOT IN ('decision_maker', 'champion', 'influencer', 'user', 'blocker', 'other');
SET LOCAL ROLE pipewright_owner;
ALTER TABLE deal_contacts DROP COLUMN influence, DROP COLUMN stance, DROP CONSTRAINT deal_contacts_role_check;
ALTER TABLE deal_contacts ADD CONSTRAINT deal_contacts_role_check
  CHECK (role IN ('decision_maker', 'champion', 'influencer', 'user', 'blocker', 'other'));
