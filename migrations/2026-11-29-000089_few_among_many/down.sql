DROP INDEX deals_open_close;
DROP INDEX deals_open_recent;
DROP INDEX deals_open_number;
DROP INDEX deals_priority_close;
DROP INDEX events_targets;
DROP INDEX events_feed;
