-- The currencies an organisation sells in, and what each is worth in its own, day by day.

-- None: every currency is offered. The organisation's own always is.
CREATE TABLE org_currencies (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  currency char(3) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, currency)
);
CALL app.tenant_table('org_currencies');

-- One unit of `currency` is worth `rate` of `into_currency`, the organisation's own when the rate was written. A rate holds from its day until
-- the next one's; of one day, the one a person wrote counts.
CREATE TABLE exchange_rates (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT app.uuid7(),
  into_currency char(3) NOT NULL,
  currency char(3) NOT NULL,
  on_day date NOT NULL,
  rate numeric(24,12) NOT NULL CHECK (rate > 0),
  manual boolean NOT NULL,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (currency <> into_currency)
);
CREATE UNIQUE INDEX exchange_rates_day ON exchange_rates (org_id, into_currency, currency, on_day DESC, manual DESC) INCLUDE (rate);
CALL app.tenant_table('exchange_rates');

-- Where rates are fetched from, and how that went.
CREATE TABLE rate_sources (
  org_id uuid PRIMARY KEY DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  fetching boolean NOT NULL DEFAULT true,
  url text,                            -- null: the installation's (RATES_URL)
  tried_at timestamptz,
  fetched_at timestamptz,
  fetched_day date,
  problem text
);
CALL app.tenant_table('rate_sources');
