-- What is sold: a catalogue of products with prices per currency, the lines of a deal, and what a deal brings again and again.

-- Names and codes as people write them differently: without spaces, case, accents and punctuation.
CREATE FUNCTION app.match_key(t text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$ SELECT regexp_replace(app.fold(t), '[[:space:][:punct:]]+', '', 'g') $$;

CREATE TABLE product_categories (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  retired_at timestamptz,              -- not to be chosen any more
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX product_categories_name ON product_categories (org_id, name_key);
CALL app.tenant_table('product_categories');

CREATE TABLE tax_classes (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  rate numeric(6,3) NOT NULL CHECK (rate BETWEEN 0 AND 100), -- percent
  retired_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX tax_classes_name ON tax_classes (org_id, name_key);
CALL app.tenant_table('tax_classes');

CREATE TABLE products (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.fold(name)) STORED,
  name_match text COLLATE "C" NOT NULL GENERATED ALWAYS AS (app.match_key(name)) STORED,
  code text CHECK (char_length(code) BETWEEN 1 AND 60),
  code_key text COLLATE "C" GENERATED ALWAYS AS (app.fold(code)) STORED,
  code_match text COLLATE "C" GENERATED ALWAYS AS (app.match_key(code)) STORED,
  unit text,
  category_id uuid,
  tax_class_id uuid,
  every text CHECK (every IN ('month', 'quarter', 'year')), -- null: sold once
  description text,
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, category_id) REFERENCES product_categories (org_id, id),
  FOREIGN KEY (org_id, tax_class_id) REFERENCES tax_classes (org_id, id)
);
CREATE UNIQUE INDEX products_code ON products (org_id, code_key) WHERE code IS NOT NULL;
CREATE INDEX products_list ON products (org_id, name_key, id);
CREATE INDEX products_name_match ON products (org_id, name_match);
CREATE INDEX products_code_match ON products (org_id, code_match) WHERE code IS NOT NULL;
CALL app.tenant_table('products');

CREATE TABLE product_prices (
  org_id uuid NOT NULL DEFAULT app.org(),
  product_id uuid NOT NULL,
  currency char(3) NOT NULL,
  price numeric(19,4) NOT NULL CHECK (price >= 0),
  PRIMARY KEY (org_id, product_id, currency),
  FOREIGN KEY (org_id, product_id) REFERENCES products (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('product_prices');

-- A line of a deal, in the deal's currency. `period_net` is what it comes to once (for one period, when it recurs), after its discount,
-- rounded to the currency's minor unit; `net` is that for all its periods.
CREATE TABLE deal_lines (
  org_id uuid NOT NULL DEFAULT app.org(),
  id uuid NOT NULL,
  deal_id uuid NOT NULL,
  position integer NOT NULL,
  product_id uuid,                     -- null: free text
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  unit text,
  quantity numeric(15,4) NOT NULL CHECK (quantity > 0),
  unit_price numeric(19,4) NOT NULL CHECK (unit_price >= 0),
  discount_percent numeric(5,2) CHECK (discount_percent BETWEEN 0 AND 100),
  discount_amount numeric(19,4) CHECK (discount_amount >= 0), -- off one period
  tax_class_id uuid,
  tax_rate numeric(6,3) CHECK (tax_rate BETWEEN 0 AND 100), -- as it was when the line was written
  every text CHECK (every IN ('month', 'quarter', 'year')),
  periods integer NOT NULL DEFAULT 1 CHECK (periods BETWEEN 1 AND 1200),
  period_net numeric(19,4) NOT NULL CHECK (period_net >= 0),
  net numeric(19,4) NOT NULL GENERATED ALWAYS AS (period_net * periods) STORED,
  yearly numeric(21,4) GENERATED ALWAYS AS
    (CASE every WHEN 'month' THEN period_net * 12 WHEN 'quarter' THEN period_net * 4 WHEN 'year' THEN period_net END) STORED,
  months integer GENERATED ALWAYS AS (CASE every WHEN 'month' THEN periods WHEN 'quarter' THEN periods * 3 WHEN 'year' THEN periods * 12 END) STORED,
  -- Of a price that was converted: from which currency, at which rate of which day.
  from_currency char(3),
  from_rate numeric(24,12),
  from_on date,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(discount_percent, discount_amount) <= 1),
  CHECK (every IS NOT NULL OR periods = 1),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, product_id) REFERENCES products (org_id, id),
  FOREIGN KEY (org_id, tax_class_id) REFERENCES tax_classes (org_id, id)
);
CREATE INDEX deal_lines_deal ON deal_lines (org_id, deal_id, position, id);
CREATE INDEX deal_lines_product ON deal_lines (org_id, product_id, deal_id) INCLUDE (quantity, net) WHERE product_id IS NOT NULL;
CALL app.tenant_table('deal_lines');

-- `amount_from` says whether a deal's amount is kept by hand or follows its lines; app.deal_money keeps these columns true to each other.
ALTER TABLE deals ADD COLUMN amount_from text NOT NULL DEFAULT 'hand' CHECK (amount_from IN ('hand', 'lines'));
ALTER TABLE deals ADD COLUMN mrr numeric(19,4) CHECK (mrr >= 0);
ALTER TABLE deals ADD COLUMN arr numeric(21,4) CHECK (arr >= 0);
ALTER TABLE deals ADD COLUMN term_months integer CHECK (term_months BETWEEN 0 AND 14400);
ALTER TABLE deals ADD COLUMN one_off numeric(19,4) CHECK (one_off >= 0);

SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = permissions || '{products.view}'
WHERE 'deals.view' = ANY (permissions) AND NOT 'products.view' = ANY (permissions);
UPDATE roles SET permissions = permissions || '{products.administer}'
WHERE (key = 'manager' OR 'organisation.administer' = ANY (permissions)) AND NOT 'products.administer' = ANY (permissions);
SET LOCAL ROLE pipewright_owner;
