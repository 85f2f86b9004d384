-- Deals that belong together. `from_id` is the parent, the earlier one, the one that is renewed, or the one that was split.
CREATE TABLE deal_links (
  org_id uuid NOT NULL DEFAULT app.org(),
  from_id uuid NOT NULL,
  to_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('child', 'follows', 'renewal', 'related', 'split')),
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, from_id, to_id),
  CHECK (from_id <> to_id),
  FOREIGN KEY (org_id, from_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, to_id) REFERENCES deals (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, created_by) REFERENCES members (org_id, id) ON DELETE SET NULL (created_by)
);
-- Two deals are linked once, and a deal is part of one.
CREATE UNIQUE INDEX deal_links_pair ON deal_links (org_id, least(from_id, to_id), greatest(from_id, to_id));
CREATE UNIQUE INDEX deal_links_parent ON deal_links (org_id, to_id) WHERE kind = 'child';
CREATE INDEX deal_links_to ON deal_links (org_id, to_id);
CALL app.tenant_table('deal_links');
