-- What a split (or taking it back) did to the amounts of its deals, so that a comparison of two days can tell a split from a smaller
-- deal. Follows from the events that an operation of kind `split` wrote (app.replay_splits makes it anew from them).
CREATE TABLE deal_splits (
  org_id uuid NOT NULL DEFAULT app.org(),
  deal_id uuid NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  currency char(3) NOT NULL,
  amount numeric(19,4) NOT NULL,       -- more than before; negative: less
  PRIMARY KEY (org_id, deal_id, at),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE
);
CREATE INDEX deal_splits_at ON deal_splits (org_id, at) INCLUDE (deal_id, currency, amount);
CALL app.tenant_table('deal_splits');
