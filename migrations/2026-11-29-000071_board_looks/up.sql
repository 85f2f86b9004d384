-- How many cards a stage should hold at most, and how a pipeline's board looks to whoever chose no look of their own.
ALTER TABLE stages ADD COLUMN card_limit smallint CHECK (card_limit > 0);
ALTER TABLE pipelines ADD COLUMN board_look jsonb;
