DROP INDEX deals_closed;
CREATE INDEX deals_closed ON deals (org_id, closed_at, status) INCLUDE (owner_id, amount, currency)
  WHERE status <> 'open' AND archived_at IS NULL AND deleted_at IS NULL;
