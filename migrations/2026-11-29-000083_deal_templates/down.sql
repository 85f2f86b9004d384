DROP TABLE deal_templates;
