-- Names of people who went for good or lost their names, until they are taken out of what other records and the program keep as text.
CREATE TABLE forgotten_names (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  record_id uuid NOT NULL,         -- the person's, or that of a merge that speaks of them
  names text[] NOT NULL,
  instead text NOT NULL,           -- 'Deleted contact'
  PRIMARY KEY (org_id, record_id)
);
CALL app.tenant_table('forgotten_names');
