-- What people, teams and everybody are to reach, and what was reached, month by month.

CREATE TABLE targets (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  member_id uuid,                  -- whose it is; with no team either: everybody's
  team_id uuid,
  pipeline_id uuid,                -- null: all of them
  measure text NOT NULL CHECK (measure IN ('amount', 'deals', 'activities')),
  activity_type_id uuid,           -- null: all of them
  unit text NOT NULL CHECK (unit IN ('month', 'quarter', 'year')), -- quarters and years are fiscal ones
  starts_on date NOT NULL CHECK (extract(day FROM starts_on) = 1),
  value numeric(19,4) NOT NULL CHECK (value > 0), -- an amount is in the organisation's currency
  updated_by uuid,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (num_nonnulls(member_id, team_id) <= 1),
  CHECK (activity_type_id IS NULL OR measure = 'activities'),
  CHECK (pipeline_id IS NULL OR measure <> 'activities'),
  FOREIGN KEY (org_id, member_id) REFERENCES members (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, team_id) REFERENCES teams (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, pipeline_id) REFERENCES pipelines (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, activity_type_id) REFERENCES activity_types (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX targets_one ON targets (org_id, starts_on, unit, measure,
  coalesce(member_id, '00000000-0000-0000-0000-000000000000'), coalesce(team_id, '00000000-0000-0000-0000-000000000000'),
  coalesce(pipeline_id, '00000000-0000-0000-0000-000000000000'), coalesce(activity_type_id, '00000000-0000-0000-0000-000000000000'));
CREATE INDEX targets_member ON targets (org_id, member_id) WHERE member_id IS NOT NULL;
CREATE INDEX targets_team ON targets (org_id, team_id) WHERE team_id IS NOT NULL;
CREATE INDEX targets_pipeline ON targets (org_id, pipeline_id) WHERE pipeline_id IS NOT NULL;
CREATE INDEX targets_type ON targets (org_id, activity_type_id) WHERE activity_type_id IS NOT NULL;
CALL app.tenant_table('targets');

-- Deals won and lost, by the month of their end where the organisation is. Signed rows by trigger (app.deal_closings), folded by a sweep,
-- as with deal_totals. cycle_days: from the day they began to the day they ended, added up.
CREATE TABLE deal_closings (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  month date NOT NULL,
  pipeline_id uuid NOT NULL,
  owner_id uuid,
  currency char(3) NOT NULL,
  status text NOT NULL,
  deals bigint NOT NULL,
  amount numeric NOT NULL,
  cycle_days bigint NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX deal_closings_month ON deal_closings (org_id, month) INCLUDE (pipeline_id, owner_id, currency, status, deals, amount, cycle_days);
CREATE INDEX deal_closings_owner ON deal_closings (org_id, owner_id, month);
CALL app.tenant_table('deal_closings');

-- Activities and tasks done, by the month in which they were, in the same way.
CREATE TABLE activity_closings (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  month date NOT NULL,
  owner_id uuid,
  type_id uuid NOT NULL,
  done bigint NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX activity_closings_month ON activity_closings (org_id, month) INCLUDE (owner_id, type_id, done);
CREATE INDEX activity_closings_owner ON activity_closings (org_id, owner_id, month);
CALL app.tenant_table('activity_closings');

SET LOCAL ROLE pipewright_system;
INSERT INTO deal_closings (org_id, month, pipeline_id, owner_id, currency, status, deals, amount, cycle_days)
SELECT d.org_id, date_trunc('month', d.closed_at AT TIME ZONE o.time_zone)::date, d.pipeline_id, d.owner_id, d.currency, d.status, count(*),
  coalesce(sum(d.amount), 0),
  sum(greatest(0, (d.closed_at AT TIME ZONE o.time_zone)::date - (d.created_at AT TIME ZONE o.time_zone)::date))
FROM deals d JOIN organisations o ON o.id = d.org_id
WHERE d.status <> 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL
GROUP BY 1, 2, 3, 4, 5, 6;
INSERT INTO activity_closings (org_id, month, owner_id, type_id, done)
SELECT a.org_id, date_trunc('month', a.closed_at AT TIME ZONE o.time_zone)::date, a.owner_id, a.type_id, count(*)
FROM activities a JOIN organisations o ON o.id = a.org_id
WHERE a.status = 'done' AND a.deleted_at IS NULL
GROUP BY 1, 2, 3, 4;
-- Administrators and managers set targets.
UPDATE roles SET permissions = permissions || '{targets.administer}'
WHERE (key = 'manager' OR 'organisation.administer' = ANY (permissions)) AND NOT 'targets.administer' = ANY (permissions);
SET LOCAL ROLE pipewright_owner;
