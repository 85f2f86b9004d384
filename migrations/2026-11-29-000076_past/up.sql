-- The pipeline as of any past moment: what stood in the way of each deal, from when to when.

-- One row for each span of time in which nothing of this changed; the last one ends at infinity. A projection of events: kept by trigger in
-- the transaction that writes them (app.deal_past), made anew from them by app.replay_deals.
CREATE TABLE deal_states (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  deal_id uuid NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL DEFAULT 'infinity',
  pipeline_id uuid NOT NULL,
  stage_id uuid NOT NULL,
  owner_id uuid,                   -- then
  owner_now uuid,                  -- who owns it today decides who may see it
  amount numeric(19,4),
  currency char(3) NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'won', 'lost', 'archived', 'deleted')),
  furthest_id uuid NOT NULL,       -- the last stage of that pipeline, in its order, that the deal had reached by then
  began_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, deal_id, valid_from),
  CHECK (valid_from < valid_to),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id) ON DELETE CASCADE
);
-- What began to stand and what ceased to stand in a span of time, and what stood in a stage: from indexes alone.
CREATE INDEX deal_states_from ON deal_states (org_id, pipeline_id, valid_from)
  INCLUDE (deal_id, valid_to, state, stage_id, owner_id, owner_now, currency, amount);
CREATE INDEX deal_states_to ON deal_states (org_id, pipeline_id, valid_to)
  INCLUDE (deal_id, valid_from, stage_id, owner_id, owner_now, currency, amount) WHERE state = 'open' AND valid_to < 'infinity';
CREATE INDEX deal_states_stage ON deal_states (org_id, stage_id, valid_from, deal_id) WHERE state = 'open';
CALL app.tenant_table('deal_states');

-- What each month (in UTC) added to the open deals of each stage and took from them. The sum of the months before a moment, and what
-- deal_states says of the rest of its month, is what stood then. Signed rows by trigger (app.deal_months), folded by a sweep.
CREATE TABLE deal_months (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  pipeline_id uuid NOT NULL,
  month date NOT NULL,
  stage_id uuid NOT NULL,
  owner_id uuid,
  owner_now uuid,
  currency char(3) NOT NULL,
  deals bigint NOT NULL,
  amount numeric NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX deal_months_pipeline ON deal_months (org_id, pipeline_id, month) INCLUDE (stage_id, owner_id, owner_now, currency, deals, amount);
CALL app.tenant_table('deal_months');

-- Deals by the month in which they began, where the organisation is, how far they came and what became of them, in the same way.
CREATE TABLE deal_beginnings (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  month date NOT NULL,
  pipeline_id uuid NOT NULL,
  owner_id uuid,
  furthest_id uuid NOT NULL,
  state text NOT NULL,
  deals bigint NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX deal_beginnings_month ON deal_beginnings (org_id, month) INCLUDE (pipeline_id, owner_id, furthest_id, state, deals);
CALL app.tenant_table('deal_beginnings');

-- Stages that are no more, as they last were: deals stood in them.
CREATE TABLE removed_stages (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  pipeline_id uuid,                -- null: removed before this was kept
  name text NOT NULL,
  color text NOT NULL DEFAULT 'slate',
  position integer NOT NULL DEFAULT 0,
  removed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CALL app.tenant_table('removed_stages');

-- The states of deals that exist follow from their events: migrations/replaceable.sql replays them where there are none yet.
SET LOCAL ROLE pipewright_system;
INSERT INTO removed_stages (org_id, id, name, removed_at)
SELECT DISTINCT ON (e.org_id, e.record_id) e.org_id, e.record_id, coalesce(e.changes #>> '{name,0}', 'Removed stage'), e.at
FROM events e JOIN organisations o ON o.id = e.org_id WHERE e.kind = 'stage.removed' AND e.record_type = 'stage'
ORDER BY e.org_id, e.record_id, e.at DESC;
SET LOCAL ROLE pipewright_owner;
