DROP TABLE recent_searches, recent_records, view_matches, view_watches, view_defaults, view_pins, saved_views;
DROP INDEX companies_changed, companies_employees, companies_revenue, contacts_changed, leads_changed, leads_score, deals_changed, deals_amount, deals_close, deals_closed_list;
ALTER TABLE deals DROP COLUMN amount_key;
ALTER TABLE companies DROP COLUMN annual_revenue_key;
