-- Who weighs what at a customer's, whom a deal is fought against, and how it ended.
ALTER TABLE deal_contacts DROP CONSTRAINT deal_contacts_role_check;
ALTER TABLE deal_contacts
  ADD CONSTRAINT deal_contacts_role_check CHECK (role IN ('decision_maker', 'champion', 'economic_buyer', 'technical_buyer', 'influencer',
    'user', 'procurement', 'legal', 'blocker', 'other')),
  ADD COLUMN influence text CHECK (influence IN ('high', 'medium', 'low')),
  ADD COLUMN stance text CHECK (stance IN ('supports', 'neutral', 'opposes'));

CREATE TABLE competitors (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  website text CHECK (char_length(website) <= 255),
  notes text CHECK (char_length(notes) <= 5000),
  retired_at timestamptz,          -- offered no more; stays where it stands
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX competitors_name ON competitors (org_id, lower(name));
CALL app.tenant_table('competitors');

CREATE TABLE deal_competitors (
  org_id uuid NOT NULL DEFAULT app.org(),
  deal_id uuid NOT NULL,
  competitor_id uuid NOT NULL,
  strengths text CHECK (char_length(strengths) <= 2000),
  weaknesses text CHECK (char_length(weaknesses) <= 2000),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, deal_id, competitor_id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, competitor_id) REFERENCES competitors (org_id, id) ON DELETE CASCADE
);
CREATE INDEX deal_competitors_competitor ON deal_competitors (org_id, competitor_id);
CALL app.tenant_table('deal_competitors');

ALTER TABLE deals
  ADD COLUMN lost_to uuid,
  ADD COLUMN won_reason text,
  ADD COLUMN won_note text,
  ADD FOREIGN KEY (org_id, lost_to) REFERENCES competitors (org_id, id) ON DELETE SET NULL (lost_to);
CREATE INDEX deals_lost_to ON deals (org_id, lost_to) WHERE lost_to IS NOT NULL;
-- Why, to whom, from where and by whom deals were lost in a span: from the index alone.
CREATE INDEX deals_lost ON deals (org_id, closed_at) INCLUDE (owner_id, pipeline_id, stage_id, lost_reason, lost_to, amount, currency)
  WHERE status = 'lost' AND archived_at IS NULL AND deleted_at IS NULL;

ALTER TABLE organisations
  ADD COLUMN won_reasons text[] NOT NULL DEFAULT ARRAY['Price', 'Quality', 'Service', 'Relationship', 'Delivery time'],
  ADD COLUMN celebrate boolean NOT NULL DEFAULT true;
