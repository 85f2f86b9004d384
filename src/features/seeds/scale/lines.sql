-- Two hundred products, a line on two of three deals that have an amount, and a year of rates.
INSERT INTO org_currencies (org_id, currency) SELECT current_setting('seed.org')::uuid, c FROM unnest(ARRAY['USD','GBP']) c;
INSERT INTO rate_sources (org_id, fetching) VALUES (current_setting('seed.org')::uuid, false);
INSERT INTO exchange_rates (org_id, into_currency, currency, on_day, rate, manual)
SELECT current_setting('seed.org')::uuid, 'EUR', c.code, now()::date - d, round((c.worth * (1 + 0.05 * sin(d / 40.0)))::numeric, 6), false
FROM generate_series(0, 800) d CROSS JOIN (VALUES ('USD', 0.92), ('GBP', 1.16)) c (code, worth);
INSERT INTO product_categories (org_id, id, name) SELECT current_setting('seed.org')::uuid, gen_random_uuid(), 'Category ' || n FROM generate_series(1, 12) n;
CREATE TEMP TABLE seed_products ON COMMIT DROP AS SELECT n, gen_random_uuid() AS id FROM generate_series(0, 199) n;
INSERT INTO products (org_id, id, name, code, unit, category_id)
SELECT current_setting('seed.org')::uuid, s.id, 'Product ' || s.n, 'P-' || lpad(s.n::text, 4, '0'), 'piece', c.id
FROM seed_products s JOIN product_categories c ON c.org_id = current_setting('seed.org')::uuid AND c.name = 'Category ' || (1 + s.n % 12);
INSERT INTO product_prices (org_id, product_id, currency, price)
SELECT current_setting('seed.org')::uuid, s.id, c, 10 + s.n * 17 FROM seed_products s CROSS JOIN unnest(ARRAY['EUR','USD','GBP']) c;
INSERT INTO deal_lines (org_id, id, deal_id, position, product_id, name, unit, quantity, unit_price, period_net)
SELECT d.org_id, d.id, d.id, 0, s.id, 'Product ' || s.n, 'piece', 1, d.amount, d.amount
FROM deals d JOIN seed_products s ON s.n = d.number % 200
WHERE d.org_id = current_setting('seed.org')::uuid AND d.amount IS NOT NULL AND d.number % 3 > 0;
