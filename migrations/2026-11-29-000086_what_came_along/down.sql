ALTER TABLE lead_conversions DROP COLUMN moved;
