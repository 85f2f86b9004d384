-- What was first promised of a deal, kept by trigger (app.deal_promises) from its first change on: how often and how far its closing date
-- slipped, and how much of its amount is gone. And the next step, in the owner's own words.
ALTER TABLE deals
  ADD COLUMN first_close_on date,          -- the first expected close; null: it never changed
  ADD COLUMN first_amount numeric(19,4),   -- in the currency it has now
  ADD COLUMN slips smallint NOT NULL DEFAULT 0, -- how often the closing date moved later since
  ADD COLUMN slipped_days integer NOT NULL GENERATED ALWAYS AS (greatest(0, coalesce(expected_close_on - first_close_on, 0))) STORED,
  ADD COLUMN shrunk_percent smallint NOT NULL GENERATED ALWAYS AS
    (CASE WHEN amount < first_amount THEN greatest(1, round((first_amount - amount) * 100 / first_amount))::smallint ELSE 0 END) STORED,
  ADD COLUMN next_step text CHECK (char_length(next_step) <= 200),
  ADD COLUMN next_step_on date,
  ADD COLUMN next_step_set_at timestamptz; -- when either was last changed; null: as the deal was made
