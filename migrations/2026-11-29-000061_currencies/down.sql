DROP TABLE rate_sources, exchange_rates, org_currencies;
