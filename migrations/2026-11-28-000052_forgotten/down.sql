DROP TABLE forgotten_names;
