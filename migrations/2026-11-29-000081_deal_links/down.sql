DROP TABLE deal_links;
