-- What was won or lost in a span, by whom and for how much, and its list by name: from the index alone.
DROP INDEX deals_closed;
CREATE INDEX deals_closed ON deals (org_id, status, closed_at) INCLUDE (owner_id, amount, currency, name_key, id)
  WHERE status <> 'open' AND archived_at IS NULL AND deleted_at IS NULL;
