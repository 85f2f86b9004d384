-- Activities that repeat. A series is a rule; its occurrences are rows of activities, made about a year ahead.

CREATE TABLE activity_series (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  rule text NOT NULL CHECK (char_length(rule) BETWEEN 10 AND 500), -- RFC 5545, without COUNT and UNTIL
  starts_on date NOT NULL,         -- its first day, which the rule names
  at_time time,                    -- of day, in its zone; null: all day
  zone text NOT NULL,              -- an occurrence keeps its time of day there
  count integer CHECK (count > 0), -- so many days of the rule from starts_on on
  until date,                      -- its last day
  made_until date NOT NULL,        -- up to here the occurrences are made; the last of the year 9999: there are no more to come
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK (count IS NULL OR until IS NULL)
);
CREATE INDEX activity_series_due ON activity_series (made_until);
CALL app.tenant_table('activity_series');

-- Days of the rule that were taken out of it.
CREATE TABLE activity_series_exceptions (
  org_id uuid NOT NULL DEFAULT app.org(),
  series_id uuid NOT NULL,
  occurs_on date NOT NULL,
  PRIMARY KEY (org_id, series_id, occurs_on),
  FOREIGN KEY (org_id, series_id) REFERENCES activity_series (org_id, id) ON DELETE CASCADE
);
CALL app.tenant_table('activity_series_exceptions');

ALTER TABLE activities
  ADD COLUMN series_id uuid,
  ADD COLUMN occurs_on date,       -- the rule's day that it stands for, in the series' zone
  -- own: changed on its own, the series changes it no more; else kept by trigger (app.next_occurrences): next, or later than an open one.
  ADD COLUMN occurrence text CHECK (occurrence IN ('next', 'later', 'own')),
  ADD CHECK ((series_id IS NULL) = (occurrence IS NULL)),
  ADD FOREIGN KEY (org_id, series_id) REFERENCES activity_series (org_id, id);
CREATE UNIQUE INDEX activities_occurrence ON activities (org_id, series_id, occurs_on) WHERE series_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX activities_series ON activities (org_id, series_id) WHERE series_id IS NOT NULL;
