DROP TRIGGER IF EXISTS deal_money_insert ON deals;
DROP TRIGGER IF EXISTS deal_money ON deals;
ALTER TABLE deals DROP COLUMN amount_from, DROP COLUMN mrr, DROP COLUMN arr, DROP COLUMN term_months, DROP COLUMN one_off;
DROP TABLE deal_lines, product_prices, products, tax_classes, product_categories;
DROP FUNCTION app.match_key(text);
SET LOCAL ROLE pipewright_system;
UPDATE roles SET permissions = ARRAY(SELECT p FROM unnest(permissions) p WHERE p NOT LIKE 'products.%');
SET LOCAL ROLE pipewright_owner;
