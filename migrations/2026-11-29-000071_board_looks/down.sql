ALTER TABLE pipelines DROP COLUMN board_look;
ALTER TABLE stages DROP COLUMN card_limit;
