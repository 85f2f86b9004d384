-- Rules of assignment become territories: for leads, companies and deals, by more of what is known of them, shared by turns or by load.
ALTER TABLE assignment_rules
  ADD COLUMN name text CHECK (char_length(name) BETWEEN 1 AND 100),
  ADD COLUMN covers text[] NOT NULL DEFAULT '{lead}' CHECK (covers <> '{}' AND covers <@ '{lead,company,deal}'),
  ADD COLUMN countries text[] NOT NULL DEFAULT '{}',
  ADD COLUMN region text,          -- several between semicolons, as in source, campaign and industry
  ADD COLUMN industry text,
  ADD COLUMN size_from integer CHECK (size_from >= 0), -- employees
  ADD COLUMN size_to integer CHECK (size_to >= 0),
  ADD COLUMN share text NOT NULL DEFAULT 'turns' CHECK (share IN ('turns', 'load'));
UPDATE assignment_rules SET countries = ARRAY[country::text] WHERE country IS NOT NULL;
ALTER TABLE assignment_rules DROP COLUMN country;

-- How much each takes on, in percent of the usual, and when somebody is away. Who is not here takes the usual and is there.
CREATE TABLE assignment_people (
  org_id uuid NOT NULL DEFAULT app.org(),
  member_id uuid NOT NULL,
  capacity integer NOT NULL DEFAULT 100 CHECK (capacity BETWEEN 0 AND 1000),
  away_from date,
  away_until date,
  PRIMARY KEY (org_id, member_id),
  CHECK (away_until >= away_from),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('assignment_people');

-- By which rule a record got its owner.
ALTER TABLE companies ADD COLUMN territory_id uuid,
  ADD FOREIGN KEY (org_id, territory_id) REFERENCES assignment_rules (org_id, id) ON DELETE SET NULL (territory_id);
ALTER TABLE leads ADD COLUMN territory_id uuid,
  ADD FOREIGN KEY (org_id, territory_id) REFERENCES assignment_rules (org_id, id) ON DELETE SET NULL (territory_id);
ALTER TABLE deals ADD COLUMN territory_id uuid,
  ADD FOREIGN KEY (org_id, territory_id) REFERENCES assignment_rules (org_id, id) ON DELETE SET NULL (territory_id);
CREATE INDEX companies_territory ON companies (org_id, territory_id) WHERE territory_id IS NOT NULL;
CREATE INDEX leads_territory ON leads (org_id, territory_id) WHERE territory_id IS NOT NULL;
CREATE INDEX deals_territory ON deals (org_id, territory_id) WHERE territory_id IS NOT NULL;
