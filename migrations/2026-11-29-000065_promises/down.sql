DROP TRIGGER IF EXISTS promises ON deals;
ALTER TABLE deals DROP COLUMN slipped_days, DROP COLUMN shrunk_percent, DROP COLUMN first_close_on, DROP COLUMN first_amount, DROP COLUMN slips,
  DROP COLUMN next_step, DROP COLUMN next_step_on, DROP COLUMN next_step_set_at;
