DROP INDEX deals_rotting;
