DROP INDEX events_slips;
