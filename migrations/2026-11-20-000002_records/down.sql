DROP TABLE record_totals, deal_totals, notes, deal_contacts, deals, stages, pipelines, contacts, companies CASCADE;
