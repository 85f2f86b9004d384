-- What is sold: a catalogue with prices in two currencies, lines on most deals, and what a dollar and a pound were worth over the year.
INSERT INTO org_currencies (org_id, currency) SELECT current_setting('seed.org')::uuid, c FROM unnest(ARRAY['USD','GBP']) c;
-- A demonstration asks nobody on the internet.
INSERT INTO rate_sources (org_id, fetching) VALUES (current_setting('seed.org')::uuid, false);
INSERT INTO exchange_rates (org_id, into_currency, currency, on_day, rate, manual)
SELECT current_setting('seed.org')::uuid, 'EUR', c.code, now()::date - d, round((c.worth * (1 + 0.04 * sin(d / 23.0) + 0.01 * cos(d / 5.0)))::numeric, 6), false
FROM generate_series(0, 420, 7) d CROSS JOIN (VALUES ('USD', 0.92), ('GBP', 1.16)) c (code, worth);
INSERT INTO exchange_rates (org_id, into_currency, currency, on_day, rate, manual, created_by)
SELECT current_setting('seed.org')::uuid, 'EUR', 'USD', now()::date - 3, 0.925, true, m.id FROM members m
WHERE m.org_id = current_setting('seed.org')::uuid AND m.email = 'admin@demo.test';

CREATE TEMP TABLE goods ON COMMIT DROP AS
SELECT row_number() OVER () AS n, app.uuid7() AS id, x.* FROM (VALUES
  ('Cold chain sensor', 'CC-100', 'piece', 'Sensors', 21, NULL, 149.00, 'Temperature and humidity, ten years of battery.', false),
  ('Sensor gateway', 'CC-200', 'piece', 'Sensors', 21, NULL, 690.00, 'Reads up to 200 sensors.', false),
  ('Fleet tracker', 'FT-10', 'piece', 'Sensors', 21, NULL, 219.00, NULL, false),
  ('Packaging line, compact', 'PL-1', 'line', 'Machines', 21, NULL, 48000.00, 'For up to 30 packages a minute.', false),
  ('Packaging line, twin', 'PL-2', 'line', 'Machines', 21, NULL, 86500.00, NULL, false),
  ('Replacement pump', 'RP-40', 'piece', 'Spare parts', 21, NULL, 1240.00, NULL, false),
  ('Seal kit', 'SK-7', 'set', 'Spare parts', 21, NULL, 86.50, NULL, false),
  ('Conveyor belt, 10 m', 'CB-10', 'piece', 'Spare parts', 21, NULL, 640.00, NULL, false),
  ('Service contract', 'SV-1', 'site', 'Services', 21, 'quarter', 1850.00, 'Two visits a year, answer within a day.', false),
  ('Monitoring', 'SV-2', 'site', 'Services', 21, 'month', 120.00, 'Alarms by night, too.', false),
  ('Training day', 'TR-1', 'day', 'Services', 9, NULL, 950.00, NULL, false),
  ('Warehouse survey', 'TR-2', 'day', 'Services', 9, NULL, 1100.00, NULL, false),
  ('Paper log sheets', 'OLD-3', 'box', 'Spare parts', 9, NULL, 12.00, 'Not made any more.', true)) x (name, code, unit, category, tax, every, price, description, retired);
INSERT INTO product_categories (org_id, id, name) SELECT current_setting('seed.org')::uuid, app.uuid7(), c FROM (SELECT DISTINCT category AS c FROM goods) x;
INSERT INTO tax_classes (org_id, id, name, rate) SELECT current_setting('seed.org')::uuid, app.uuid7(), x.name, x.rate FROM (VALUES ('Standard', 21), ('Reduced', 9), ('Exempt', 0)) x (name, rate);
INSERT INTO products (org_id, id, name, code, unit, category_id, tax_class_id, every, description, retired_at)
SELECT current_setting('seed.org')::uuid, g.id, g.name, g.code, g.unit, c.id, t.id, g.every, g.description, CASE WHEN g.retired THEN now() - interval '90 days' END
FROM goods g JOIN product_categories c ON c.org_id = current_setting('seed.org')::uuid AND c.name = g.category
JOIN tax_classes t ON t.org_id = c.org_id AND t.rate = g.tax;
INSERT INTO product_prices (org_id, product_id, currency, price)
SELECT current_setting('seed.org')::uuid, g.id, p.currency, round((g.price * p.factor)::numeric, 2) FROM goods g CROSS JOIN (VALUES ('EUR', 1), ('USD', 1.09)) p (currency, factor)
WHERE p.currency = 'EUR' OR g.n % 4 > 0;

-- Service and renewals are paid by the quarter; else a larger line of one thing and a smaller one of another.
CREATE TEMP TABLE sold ON COMMIT DROP AS
SELECT d.id AS deal, d.amount, d.currency, s.i, d.name LIKE '%service contract%' OR s.pipeline = 1 AS served,
  round(d.amount * 0.6, -2) AS first, (ARRAY[1, 2, 4, 5, 10])[1 + pg_temp.roll(s.i, 71, 5)] AS many, 1 + pg_temp.roll(s.i, 72, 8) AS one, 10 + pg_temp.roll(s.i, 73, 3) AS other
FROM sales s JOIN deals d ON d.org_id = current_setting('seed.org')::uuid AND d.id = s.id WHERE d.amount IS NOT NULL AND s.i % 4 > 0;
INSERT INTO deal_lines (org_id, id, deal_id, position, product_id, name, unit, quantity, unit_price, tax_class_id, tax_rate, every, periods, period_net)
SELECT current_setting('seed.org')::uuid, app.uuid7(), x.deal, x.position, p.id, p.name, p.unit, x.quantity, x.price, p.tax_class_id, t.rate, x.every, x.periods, x.quantity * x.price
FROM (
  SELECT deal, 0 AS position, 9 AS n, 1 AS quantity, amount / 4 AS price, 'quarter' AS every, 4 AS periods FROM sold WHERE served
  UNION ALL SELECT deal, 0, one, many, first / many, NULL, 1 FROM sold WHERE NOT served AND first > 0
  UNION ALL SELECT deal, 1, other, 1, amount - first, NULL, 1 FROM sold WHERE NOT served AND amount > first) x
JOIN goods g ON g.n = x.n JOIN products p ON p.org_id = current_setting('seed.org')::uuid AND p.id = g.id
JOIN tax_classes t ON t.org_id = p.org_id AND t.id = p.tax_class_id;
UPDATE deals SET amount_from = 'lines' WHERE org_id = current_setting('seed.org')::uuid AND id IN (SELECT deal FROM sold);
