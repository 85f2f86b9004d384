-- The organisation's own fields. Values live in the records' `custom`, under the field's key, in canonical form
-- (see src/features/fields/values.rs).
CREATE TABLE custom_fields (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  id uuid NOT NULL,
  record_type text NOT NULL,
  -- Immutable, and trusted in SQL.
  key text NOT NULL CHECK (key ~ '^c_[a-z0-9]+(_[a-z0-9]+)*$' AND length(key) <= 50),
  label text NOT NULL CHECK (label <> ''),
  kind text NOT NULL,
  -- Choices, the currency of money, the record a link leads to, a formula with the kind of its result.
  options jsonb NOT NULL DEFAULT '{}',
  required boolean NOT NULL DEFAULT false,
  is_unique boolean NOT NULL DEFAULT false,
  searchable boolean NOT NULL DEFAULT false,
  listed boolean NOT NULL DEFAULT false,
  default_value jsonb,
  help text NOT NULL DEFAULT '',
  section text NOT NULL,
  position integer NOT NULL,
  -- Keys of roles; NULL: every role.
  viewers text[],
  editors text[],
  retired_at timestamptz,
  version integer NOT NULL DEFAULT 1,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, record_type, key)
);
CALL app.tenant_table('custom_fields');

-- What records hold in unique fields. A table of its own, because only an index decides between two transactions at once, and no
-- index can know which keys of which organisation's jsonb are unique. Kept by triggers on the records, so that every way of writing
-- obeys; a deleted record gives its values up.
CREATE TABLE custom_values_unique (
  org_id uuid NOT NULL DEFAULT app.org() REFERENCES organisations ON DELETE CASCADE,
  field_id uuid NOT NULL,
  record_id uuid NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (org_id, field_id, record_id),
  CONSTRAINT custom_values_unique_value UNIQUE (org_id, field_id, value),
  FOREIGN KEY (org_id, field_id) REFERENCES custom_fields ON DELETE CASCADE
);
CALL app.tenant_table('custom_values_unique');
