-- Functions and triggers: re-created after every migration, never migrated (the way Lemmy does it).

-- members carry a copy of the person's name, e-mail and avatar, so that tenants never read `users`.
CREATE OR REPLACE FUNCTION app.copy_user_to_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.members SET name = NEW.name, email = NEW.email, avatar_tag = NEW.avatar_tag WHERE id = NEW.id;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS copy_to_members ON users;
CREATE TRIGGER copy_to_members AFTER UPDATE OF name, email, avatar_tag ON users
  FOR EACH ROW EXECUTE FUNCTION app.copy_user_to_members();

-- deal_totals: signed rows for what a statement added and took away. What was won is counted anew by those who show it, and is known to
-- each process until it changes: definition_changes counts that, too.
CREATE OR REPLACE FUNCTION app.deal_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO public.deal_totals (org_id, pipeline_id, stage_id, owner_id, currency, deals, amount, amount_by_stage, weighted_by_deal)
    SELECT org_id, pipeline_id, stage_id, owner_id, currency, count(*), coalesce(sum(amount), 0),
      coalesce(sum(amount) FILTER (WHERE probability IS NULL), 0), coalesce(sum(amount * probability / 100), 0)
    FROM added WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
    GROUP BY 1, 2, 3, 4, 5;
    INSERT INTO public.definition_changes (org_id) SELECT DISTINCT org_id FROM added WHERE status = 'won';
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO public.deal_totals (org_id, pipeline_id, stage_id, owner_id, currency, deals, amount, amount_by_stage, weighted_by_deal)
    SELECT org_id, pipeline_id, stage_id, owner_id, currency, -count(*), -coalesce(sum(amount), 0),
      -coalesce(sum(amount) FILTER (WHERE probability IS NULL), 0), -coalesce(sum(amount * probability / 100), 0)
    FROM removed WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
      AND EXISTS (SELECT 1 FROM public.organisations o WHERE o.id = removed.org_id)
    GROUP BY 1, 2, 3, 4, 5;
    INSERT INTO public.definition_changes (org_id) SELECT DISTINCT org_id FROM removed
    WHERE status = 'won' AND EXISTS (SELECT 1 FROM public.organisations o WHERE o.id = removed.org_id);
  ELSE
    INSERT INTO public.deal_totals (org_id, pipeline_id, stage_id, owner_id, currency, deals, amount, amount_by_stage, weighted_by_deal)
    SELECT org_id, pipeline_id, stage_id, owner_id, currency, sum(n), coalesce(sum(n * amount), 0),
      coalesce(sum(n * amount) FILTER (WHERE probability IS NULL), 0), coalesce(sum(n * amount * probability / 100), 0)
    FROM (
      SELECT a.*, 1 AS n FROM added a WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
      UNION ALL
      SELECT r.*, -1 AS n FROM removed r WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
    ) moved
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(n) <> 0 OR coalesce(sum(n * amount), 0) <> 0
      OR coalesce(sum(n * amount) FILTER (WHERE probability IS NULL), 0) <> 0
      OR coalesce(sum(n * amount * probability / 100), 0) <> 0;
    IF EXISTS (SELECT 1 FROM added WHERE status = 'won') OR EXISTS (SELECT 1 FROM removed WHERE status = 'won') THEN
      INSERT INTO public.definition_changes (org_id)
      SELECT DISTINCT a.org_id FROM added a JOIN removed r ON r.org_id = a.org_id AND r.id = a.id
      WHERE 'won' IN (a.status, r.status) AND (a.status, a.closed_at, a.owner_id, a.amount, a.currency, a.archived_at, a.deleted_at)
        IS DISTINCT FROM (r.status, r.closed_at, r.owner_id, r.amount, r.currency, r.archived_at, r.deleted_at);
    END IF;
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS totals_insert ON deals;
CREATE TRIGGER totals_insert AFTER INSERT ON deals REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION app.deal_totals();
DROP TRIGGER IF EXISTS totals_update ON deals;
CREATE TRIGGER totals_update AFTER UPDATE ON deals REFERENCING NEW TABLE AS added OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION app.deal_totals();
DROP TRIGGER IF EXISTS totals_delete ON deals;
CREATE TRIGGER totals_delete AFTER DELETE ON deals REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION app.deal_totals();

-- Digits after the point (ISO 4217, minor unit), as kernel::money::Currency::digits has them.
CREATE OR REPLACE FUNCTION app.minor_units(currency text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE
  WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 0
  WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3 WHEN currency IN ('CLF', 'UYW') THEN 4 ELSE 2 END $$;

-- What a line comes to once: quantity times price, less its discount, rounded half away from zero. As kernel::lines has it.
CREATE OR REPLACE FUNCTION app.line_net(quantity numeric, price numeric, percent numeric, off numeric, currency text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT round(greatest(quantity * price - coalesce(off, quantity * price * percent / 100, 0), 0), app.minor_units(currency)) $$;

-- What one unit of a currency is worth in the organisation's own on a day, and since when: the rate of that day or the latest before it, a
-- person's before a fetched one. The own currency is worth itself; without a rate there is NULL. For groups, not for rows.
CREATE OR REPLACE FUNCTION app.rate_of(code char(3), day date) RETURNS TABLE (rate numeric, on_day date) LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN o.currency = $1 THEN 1 ELSE r.rate END, r.on_day FROM public.organisations o LEFT JOIN LATERAL (
    SELECT x.rate, x.on_day FROM public.exchange_rates x
    WHERE x.org_id = o.id AND x.into_currency = o.currency AND x.currency = $1 AND x.on_day <= $2
    ORDER BY x.on_day DESC, x.manual DESC LIMIT 1) r ON o.currency <> $1
  WHERE o.id = app.org() $$;
CREATE OR REPLACE FUNCTION app.rate(code char(3), day date) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT r.rate FROM app.rate_of($1, $2) r $$;

-- A deal's money: its amount follows the lines, or somebody fixed it; twelve months are a year. Whoever writes another amount than the
-- lines', in whatever way, has fixed it. Sums are rounded line by line, so that the amount is the sum of what the lines show.
CREATE OR REPLACE FUNCTION app.deal_money() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE l record;
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.currency <> OLD.currency THEN
    UPDATE public.deal_lines SET period_net = app.line_net(quantity, unit_price, discount_percent, discount_amount, NEW.currency)
    WHERE org_id = NEW.org_id AND deal_id = NEW.id;
  END IF;
  IF TG_OP = 'INSERT' AND NEW.amount_from = 'lines' THEN
    -- Its lines come right after it (imports).
    NEW.one_off := NEW.amount;
    RETURN NEW;
  END IF;
  IF NEW.amount_from = 'lines' THEN
    SELECT count(*) AS n, sum(net) AS net, sum(net) FILTER (WHERE every IS NULL) AS once, sum(yearly) AS yearly, max(months) AS months INTO l
    FROM public.deal_lines WHERE org_id = NEW.org_id AND deal_id = NEW.id;
    IF l.n = 0 OR TG_OP = 'UPDATE' AND OLD.amount_from = 'lines' AND NEW.amount IS DISTINCT FROM OLD.amount AND NEW.amount IS DISTINCT FROM l.net THEN
      NEW.amount_from := 'hand';
    ELSE
      NEW.amount := l.net;
      NEW.one_off := l.once;
      NEW.arr := l.yearly;
      NEW.mrr := round(l.yearly / 12, 4);
      NEW.term_months := l.months;
      RETURN NEW;
    END IF;
  END IF;
  -- A month's twelfth of a year as people write it, in cents, stands.
  IF NEW.mrr IS DISTINCT FROM round(NEW.arr / 12, 4) AND NEW.mrr IS DISTINCT FROM round(NEW.arr / 12, 2) THEN
    IF TG_OP = 'INSERT' AND NEW.mrr IS NOT NULL OR TG_OP = 'UPDATE' AND NEW.mrr IS DISTINCT FROM OLD.mrr THEN
      NEW.arr := NEW.mrr * 12;
    ELSE
      NEW.mrr := round(NEW.arr / 12, 4);
    END IF;
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS deal_money_insert ON deals;
CREATE TRIGGER deal_money_insert BEFORE INSERT ON deals
  FOR EACH ROW WHEN (NEW.amount_from = 'lines' OR NEW.mrr IS NOT NULL OR NEW.arr IS NOT NULL) EXECUTE FUNCTION app.deal_money();
DROP TRIGGER IF EXISTS deal_money ON deals;
CREATE TRIGGER deal_money BEFORE UPDATE OF amount, currency, amount_from, mrr, arr, term_months, one_off ON deals
  FOR EACH ROW WHEN (NEW.amount_from = 'lines' OR NEW.mrr IS NOT NULL OR NEW.arr IS NOT NULL OR NEW.currency <> OLD.currency)
  EXECUTE FUNCTION app.deal_money();
-- What was first promised of a deal and how far it slipped since. Back at the first date nothing has slipped; amounts in another currency
-- are no comparison. Only open deals promise anything. Before the first change nothing is written: importing costs nothing.
CREATE OR REPLACE FUNCTION app.deal_promises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.currency IS DISTINCT FROM OLD.currency THEN
    NEW.first_amount := NULL;
  ELSIF NEW.amount IS DISTINCT FROM OLD.amount AND OLD.status = 'open' AND NEW.status = 'open'
      -- Whoever says both (a split taken back) knows what it was first.
      AND NEW.first_amount IS NOT DISTINCT FROM OLD.first_amount THEN
    NEW.first_amount := coalesce(OLD.first_amount, OLD.amount);
  END IF;
  IF NEW.expected_close_on IS DISTINCT FROM OLD.expected_close_on AND OLD.status = 'open' AND NEW.status = 'open' THEN
    NEW.first_close_on := coalesce(OLD.first_close_on, OLD.expected_close_on);
    IF NEW.expected_close_on <= NEW.first_close_on THEN
      NEW.slips := 0;
    ELSIF NEW.expected_close_on > coalesce(OLD.expected_close_on, NEW.first_close_on) THEN
      NEW.slips := least(OLD.slips + 1, 32000);
    END IF;
  END IF;
  IF (NEW.next_step, NEW.next_step_on) IS DISTINCT FROM (OLD.next_step, OLD.next_step_on) THEN
    NEW.next_step_set_at := now();
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS promises ON deals;
-- Of whatever column: an amount may follow the lines (app.deal_money comes before this one).
CREATE TRIGGER promises BEFORE UPDATE ON deals FOR EACH ROW
  WHEN ((OLD.amount, OLD.currency, OLD.expected_close_on, OLD.next_step, OLD.next_step_on)
    IS DISTINCT FROM (NEW.amount, NEW.currency, NEW.expected_close_on, NEW.next_step, NEW.next_step_on))
  EXECUTE FUNCTION app.deal_promises();
-- deal_forecasts: the same of open deals by the month they are to close in, and by the category of the forecast they have of their own.
CREATE OR REPLACE FUNCTION app.deal_forecasts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO public.deal_forecasts (org_id, pipeline_id, stage_id, owner_id, currency, month, forecast_override, deals, amount, amount_by_stage, weighted_by_deal)
    SELECT org_id, pipeline_id, stage_id, owner_id, currency, date_trunc('month', expected_close_on)::date, forecast_override, count(*),
      coalesce(sum(amount), 0), coalesce(sum(amount) FILTER (WHERE probability IS NULL), 0), coalesce(sum(amount * probability / 100), 0)
    FROM added WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO public.deal_forecasts (org_id, pipeline_id, stage_id, owner_id, currency, month, forecast_override, deals, amount, amount_by_stage, weighted_by_deal)
    SELECT org_id, pipeline_id, stage_id, owner_id, currency, date_trunc('month', expected_close_on)::date, forecast_override, -count(*),
      -coalesce(sum(amount), 0), -coalesce(sum(amount) FILTER (WHERE probability IS NULL), 0), -coalesce(sum(amount * probability / 100), 0)
    FROM removed WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
      AND EXISTS (SELECT 1 FROM public.organisations o WHERE o.id = removed.org_id)
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
  ELSE
    INSERT INTO public.deal_forecasts (org_id, pipeline_id, stage_id, owner_id, currency, month, forecast_override, deals, amount, amount_by_stage, weighted_by_deal)
    SELECT org_id, pipeline_id, stage_id, owner_id, currency, date_trunc('month', expected_close_on)::date, forecast_override, sum(n),
      coalesce(sum(n * amount), 0), coalesce(sum(n * amount) FILTER (WHERE probability IS NULL), 0), coalesce(sum(n * amount * probability / 100), 0)
    FROM (
      SELECT a.*, 1 AS n FROM added a WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
      UNION ALL
      SELECT r.*, -1 AS n FROM removed r WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL
    ) moved
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    HAVING sum(n) <> 0 OR coalesce(sum(n * amount), 0) <> 0
      OR coalesce(sum(n * amount) FILTER (WHERE probability IS NULL), 0) <> 0
      OR coalesce(sum(n * amount * probability / 100), 0) <> 0;
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS forecasts_insert ON deals;
CREATE TRIGGER forecasts_insert AFTER INSERT ON deals REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION app.deal_forecasts();
DROP TRIGGER IF EXISTS forecasts_update ON deals;
CREATE TRIGGER forecasts_update AFTER UPDATE ON deals REFERENCING NEW TABLE AS added OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION app.deal_forecasts();
DROP TRIGGER IF EXISTS forecasts_delete ON deals;
CREATE TRIGGER forecasts_delete AFTER DELETE ON deals REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION app.deal_forecasts();

-- record_totals: TG_ARGV[0] is the record type. Counts live records, those whose completeness is measured, and their points.
CREATE OR REPLACE FUNCTION app.record_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO public.record_totals (org_id, record_type, owner_id, records, measured, points)
    SELECT org_id, TG_ARGV[0], owner_id, count(*), count(completeness), coalesce(sum(completeness), 0)
    FROM added WHERE archived_at IS NULL AND deleted_at IS NULL GROUP BY org_id, owner_id;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO public.record_totals (org_id, record_type, owner_id, records, measured, points)
    SELECT org_id, TG_ARGV[0], owner_id, -count(*), -count(completeness), -coalesce(sum(completeness), 0) FROM removed
    WHERE archived_at IS NULL AND deleted_at IS NULL
      AND EXISTS (SELECT 1 FROM public.organisations o WHERE o.id = removed.org_id)
    GROUP BY org_id, owner_id;
  ELSE
    INSERT INTO public.record_totals (org_id, record_type, owner_id, records, measured, points)
    SELECT org_id, TG_ARGV[0], owner_id, sum(n), coalesce(sum(n) FILTER (WHERE completeness IS NOT NULL), 0), coalesce(sum(n * completeness), 0)
    FROM (
      SELECT org_id, owner_id, completeness, 1 AS n FROM added WHERE archived_at IS NULL AND deleted_at IS NULL
      UNION ALL
      SELECT org_id, owner_id, completeness, -1 AS n FROM removed WHERE archived_at IS NULL AND deleted_at IS NULL
    ) moved GROUP BY org_id, owner_id
    HAVING sum(n) <> 0 OR coalesce(sum(n) FILTER (WHERE completeness IS NOT NULL), 0) <> 0 OR coalesce(sum(n * completeness), 0) <> 0;
  END IF;
  RETURN NULL;
END $$;
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['companies', 'contacts', 'leads', 'deals'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS records_insert ON %I', t);
    EXECUTE format('DROP TRIGGER IF EXISTS records_update ON %I', t);
    EXECUTE format('DROP TRIGGER IF EXISTS records_delete ON %I', t);
    EXECUTE format('CREATE TRIGGER records_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.record_totals(%L)', t, t);
    EXECUTE format('CREATE TRIGGER records_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.record_totals(%L)', t, t);
    EXECUTE format('CREATE TRIGGER records_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.record_totals(%L)', t, t);
  END LOOP;
END $$;

-- A record that is deleted for good takes its tags with it, and leaves its segments. TG_ARGV[0] is the record type.
CREATE OR REPLACE FUNCTION app.forget_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM public.record_tags x USING removed r WHERE x.org_id = r.org_id AND x.record_type = TG_ARGV[0] AND x.record_id = r.id;
  DELETE FROM public.segment_members x USING removed r WHERE x.org_id = r.org_id AND x.record_id = r.id;
  RETURN NULL;
END $$;
DO $$
DECLARE t record;
BEGIN
  FOR t IN SELECT * FROM (VALUES ('companies', 'company'), ('contacts', 'contact'), ('deals', 'deal'), ('leads', 'lead')) v (noun, kind)
    WHERE to_regclass('public.' || noun) IS NOT NULL LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS forget_tags ON %I', t.noun);
    EXECUTE format('CREATE TRIGGER forget_tags AFTER DELETE ON %I REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.forget_tags(%L)', t.noun, t.kind);
  END LOOP;
END $$;

-- Nor do the books of merges and likely duplicates keep anything of a record that is deleted for good. TG_ARGV[0] is the record type.
CREATE OR REPLACE FUNCTION app.forget_duplicates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM public.merges x USING removed r WHERE x.org_id = r.org_id AND x.survivor_id = r.id;
  DELETE FROM public.merges x USING removed r WHERE x.org_id = r.org_id AND x.merged_id = r.id AND x.undone_at IS NULL;
  DELETE FROM public.duplicate_pairs x USING removed r WHERE x.org_id = r.org_id AND x.record_type = TG_ARGV[0] AND x.a_id = r.id;
  DELETE FROM public.duplicate_pairs x USING removed r WHERE x.org_id = r.org_id AND x.record_type = TG_ARGV[0] AND x.b_id = r.id;
  RETURN NULL;
END $$;
DO $$
DECLARE t record;
BEGIN
  FOR t IN SELECT * FROM (VALUES ('companies', 'company'), ('contacts', 'contact'), ('leads', 'lead')) v (noun, kind)
    WHERE to_regclass('public.merges') IS NOT NULL LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS forget_duplicates ON %I', t.noun);
    EXECUTE format('CREATE TRIGGER forget_duplicates AFTER DELETE ON %I REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.forget_duplicates(%L)', t.noun, t.kind);
  END LOOP;
END $$;

-- A record that is deleted for good breaks no rule any more.
CREATE OR REPLACE FUNCTION app.forget_breaks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM public.rule_breaks x USING removed r WHERE x.org_id = r.org_id AND x.record_id = r.id;
  RETURN NULL;
END $$;
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['companies', 'contacts', 'leads', 'deals'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS forget_breaks ON %I', t);
    EXECUTE format('CREATE TRIGGER forget_breaks AFTER DELETE ON %I REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.forget_breaks()', t);
  END LOOP;
END $$;

-- When the nearest open activity of a deal is. The deals are locked first: of two who plan at once, the second sees what the first did.
CREATE OR REPLACE FUNCTION app.next_activities() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  orgs uuid[];
  ids uuid[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT array_agg(org_id), array_agg(deal_id) INTO orgs, ids FROM (
      SELECT DISTINCT org_id, deal_id FROM added WHERE deal_id IS NOT NULL AND closed_at IS NULL AND deleted_at IS NULL) x;
  ELSIF TG_OP = 'DELETE' THEN
    SELECT array_agg(org_id), array_agg(deal_id) INTO orgs, ids FROM (
      SELECT DISTINCT org_id, deal_id FROM removed WHERE deal_id IS NOT NULL AND closed_at IS NULL AND deleted_at IS NULL) x;
  ELSE
    SELECT array_agg(org_id), array_agg(deal_id) INTO orgs, ids FROM (
      SELECT DISTINCT a.org_id, d.deal_id
      FROM added a JOIN removed r ON r.org_id = a.org_id AND r.id = a.id CROSS JOIN LATERAL (VALUES (a.deal_id), (r.deal_id)) d (deal_id)
      WHERE d.deal_id IS NOT NULL AND (a.deal_id, a.at, a.closed_at IS NULL, a.deleted_at IS NULL)
        IS DISTINCT FROM (r.deal_id, r.at, r.closed_at IS NULL, r.deleted_at IS NULL)) x;
  END IF;
  IF ids IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM 1 FROM unnest(orgs, ids) t (org, id) JOIN public.deals d ON d.org_id = t.org AND d.id = t.id ORDER BY d.id FOR NO KEY UPDATE OF d;
  UPDATE public.deals d SET next_activity_at = n.at
  FROM (
    SELECT t.org, t.id, (SELECT min(a.at) FROM public.activities a
      WHERE a.org_id = t.org AND a.deal_id = t.id AND a.closed_at IS NULL AND a.deleted_at IS NULL) AS at
    FROM unnest(orgs, ids) t (org, id)) n
  WHERE d.org_id = n.org AND d.id = n.id AND d.next_activity_at IS DISTINCT FROM n.at;
  RETURN NULL;
END $$;
DO $$
BEGIN
  IF to_regclass('public.activities') IS NOT NULL THEN
    DROP TRIGGER IF EXISTS next_insert ON activities;
    DROP TRIGGER IF EXISTS next_update ON activities;
    DROP TRIGGER IF EXISTS next_delete ON activities;
    CREATE TRIGGER next_insert AFTER INSERT ON activities REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.next_activities();
    CREATE TRIGGER next_update AFTER UPDATE ON activities REFERENCING NEW TABLE AS added OLD TABLE AS removed
      FOR EACH STATEMENT EXECUTE FUNCTION app.next_activities();
    CREATE TRIGGER next_delete AFTER DELETE ON activities REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.next_activities();
  END IF;
END $$;

-- Which open occurrence of a series is next and which are later: lists show the next one only. Those changed on their own are neither.
CREATE OR REPLACE FUNCTION app.next_occurrences() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  orgs uuid[];
  ids uuid[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT array_agg(org_id), array_agg(series_id) INTO orgs, ids FROM (
      SELECT DISTINCT org_id, series_id FROM added WHERE series_id IS NOT NULL) x;
  ELSIF TG_OP = 'DELETE' THEN
    SELECT array_agg(org_id), array_agg(series_id) INTO orgs, ids FROM (
      SELECT DISTINCT org_id, series_id FROM removed WHERE series_id IS NOT NULL AND closed_at IS NULL AND deleted_at IS NULL) x;
  ELSE
    SELECT array_agg(org_id), array_agg(series_id) INTO orgs, ids FROM (
      SELECT DISTINCT a.org_id, s.series_id
      FROM added a JOIN removed r ON r.org_id = a.org_id AND r.id = a.id CROSS JOIN LATERAL (VALUES (a.series_id), (r.series_id)) s (series_id)
      WHERE s.series_id IS NOT NULL AND (a.series_id, a.occurs_on, a.closed_at IS NULL, a.deleted_at IS NULL, a.occurrence = 'own')
        IS DISTINCT FROM (r.series_id, r.occurs_on, r.closed_at IS NULL, r.deleted_at IS NULL, r.occurrence = 'own')) x;
  END IF;
  IF ids IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM 1 FROM unnest(orgs, ids) t (org, id) JOIN public.activity_series s ON s.org_id = t.org AND s.id = t.id ORDER BY s.id FOR NO KEY UPDATE OF s;
  UPDATE public.activities a SET occurrence = n.now
  FROM (
    SELECT o.org_id, o.id, CASE row_number() OVER (PARTITION BY o.org_id, o.series_id ORDER BY o.occurs_on) WHEN 1 THEN 'next' ELSE 'later' END AS now
    FROM unnest(orgs, ids) t (org, id) JOIN public.activities o ON o.org_id = t.org AND o.series_id = t.id
    WHERE o.closed_at IS NULL AND o.deleted_at IS NULL AND o.occurrence <> 'own') n
  WHERE a.org_id = n.org_id AND a.id = n.id AND a.occurrence <> n.now;
  RETURN NULL;
END $$;
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('public.activities') AND attname = 'series_id' AND NOT attisdropped) THEN
    DROP TRIGGER IF EXISTS series_insert ON activities;
    DROP TRIGGER IF EXISTS series_update ON activities;
    DROP TRIGGER IF EXISTS series_delete ON activities;
    CREATE TRIGGER series_insert AFTER INSERT ON activities REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.next_occurrences();
    CREATE TRIGGER series_update AFTER UPDATE ON activities REFERENCING NEW TABLE AS added OLD TABLE AS removed
      FOR EACH STATEMENT EXECUTE FUNCTION app.next_occurrences();
    CREATE TRIGGER series_delete AFTER DELETE ON activities REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.next_occurrences();
  END IF;
END $$;

-- When what someone takes part in is: kept beside them, so that a member's calendar is a span of one index.
CREATE OR REPLACE FUNCTION app.participant_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.at := (SELECT a.at FROM public.activities a WHERE a.org_id = NEW.org_id AND a.id = NEW.activity_id);
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION app.participants_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.activity_participants p SET at = NEW.at WHERE p.org_id = NEW.org_id AND p.activity_id = NEW.id;
  RETURN NULL;
END $$;
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('public.activities') AND attname = 'series_id' AND NOT attisdropped) THEN
    DROP TRIGGER IF EXISTS series_insert ON activities;
    DROP TRIGGER IF EXISTS series_update ON activities;
    DROP TRIGGER IF EXISTS series_delete ON activities;
    CREATE TRIGGER series_insert AFTER INSERT ON activities REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.next_occurrences();
    CREATE TRIGGER series_update AFTER UPDATE ON activities REFERENCING NEW TABLE AS added OLD TABLE AS removed
      FOR EACH STATEMENT EXECUTE FUNCTION app.next_occurrences();
    CREATE TRIGGER series_delete AFTER DELETE ON activities REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.next_occurrences();
  END IF;
  IF EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('public.activity_participants') AND attname = 'at') THEN
    CREATE OR REPLACE TRIGGER participant_at BEFORE INSERT ON activity_participants FOR EACH ROW EXECUTE FUNCTION app.participant_at();
    CREATE OR REPLACE TRIGGER participants_at AFTER UPDATE OF start_at, due_on ON activities
      FOR EACH ROW WHEN (OLD.at IS DISTINCT FROM NEW.at) EXECUTE FUNCTION app.participants_at();
  END IF;
END $$;

-- definition_changes: counts what changes the definitions that processes keep (src/db/known.rs). A member who was merely seen has not changed.
CREATE OR REPLACE FUNCTION app.definitions_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO public.definition_changes (org_id) SELECT DISTINCT org_id FROM added;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO public.definition_changes (org_id) SELECT DISTINCT r.org_id FROM removed r
    WHERE EXISTS (SELECT 1 FROM public.organisations o WHERE o.id = r.org_id);
  ELSE
    INSERT INTO public.definition_changes (org_id) SELECT DISTINCT x.org_id FROM (
      SELECT a.org_id, to_jsonb(a) - 'last_seen_at' FROM added a EXCEPT SELECT r.org_id, to_jsonb(r) - 'last_seen_at' FROM removed r) x;
  END IF;
  RETURN NULL;
END $$;
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['activity_types', 'competitors', 'custom_fields', 'exchange_rates', 'members', 'org_currencies', 'pipelines',
    'quality_settings', 'stage_criteria', 'stages', 'tax_classes', 'validation_rules'] LOOP
    CONTINUE WHEN to_regclass('public.' || t) IS NULL OR to_regclass('public.definition_changes') IS NULL;
    EXECUTE format('DROP TRIGGER IF EXISTS definitions_insert ON %I', t);
    EXECUTE format('DROP TRIGGER IF EXISTS definitions_update ON %I', t);
    EXECUTE format('DROP TRIGGER IF EXISTS definitions_delete ON %I', t);
    EXECUTE format('CREATE TRIGGER definitions_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.definitions_changed()', t);
    EXECUTE format('CREATE TRIGGER definitions_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.definitions_changed()', t);
    EXECUTE format('CREATE TRIGGER definitions_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.definitions_changed()', t);
  END LOOP;
END $$;

-- Folds the signed rows together where several have gathered. Rows that other transactions are still writing are simply not seen yet.
-- Folds the signed rows together. Rows that other transactions are still writing are simply not seen yet.
CREATE OR REPLACE FUNCTION app.fold_totals() RETURNS void LANGUAGE sql AS $$
  WITH gathered AS (
    SELECT org_id, pipeline_id, stage_id, owner_id, currency FROM public.deal_totals GROUP BY 1, 2, 3, 4, 5 HAVING count(*) > 1 OR sum(deals) = 0
  ), gone AS (
    DELETE FROM public.deal_totals t USING gathered g WHERE t.org_id = g.org_id AND t.pipeline_id = g.pipeline_id AND t.stage_id = g.stage_id
      AND t.owner_id IS NOT DISTINCT FROM g.owner_id AND t.currency = g.currency RETURNING t.*)
  INSERT INTO public.deal_totals (org_id, pipeline_id, stage_id, owner_id, currency, deals, amount, amount_by_stage, weighted_by_deal)
  SELECT org_id, pipeline_id, stage_id, owner_id, currency, sum(deals), sum(amount), sum(amount_by_stage), sum(weighted_by_deal)
  FROM gone GROUP BY 1, 2, 3, 4, 5
  HAVING sum(deals) <> 0 OR sum(amount) <> 0 OR sum(weighted_by_deal) <> 0;
  WITH gathered AS (
    SELECT org_id, pipeline_id, stage_id, owner_id, currency, month, forecast_override FROM public.deal_forecasts
    GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING count(*) > 1 OR sum(deals) = 0
  ), gone AS (
    DELETE FROM public.deal_forecasts t USING gathered g WHERE t.org_id = g.org_id AND t.pipeline_id = g.pipeline_id AND t.stage_id = g.stage_id
      AND t.currency = g.currency AND t.owner_id IS NOT DISTINCT FROM g.owner_id AND t.month IS NOT DISTINCT FROM g.month
      AND t.forecast_override IS NOT DISTINCT FROM g.forecast_override RETURNING t.*)
  INSERT INTO public.deal_forecasts (org_id, pipeline_id, stage_id, owner_id, currency, month, forecast_override, deals, amount, amount_by_stage, weighted_by_deal)
  SELECT org_id, pipeline_id, stage_id, owner_id, currency, month, forecast_override, sum(deals), sum(amount), sum(amount_by_stage), sum(weighted_by_deal)
  FROM gone GROUP BY 1, 2, 3, 4, 5, 6, 7
  HAVING sum(deals) <> 0 OR sum(amount) <> 0 OR sum(weighted_by_deal) <> 0;
  WITH gathered AS (
    SELECT org_id, record_type, owner_id FROM public.record_totals GROUP BY 1, 2, 3 HAVING count(*) > 1 OR sum(records) = 0
  ), gone AS (
    DELETE FROM public.record_totals t USING gathered g WHERE t.org_id = g.org_id AND t.record_type = g.record_type
      AND t.owner_id IS NOT DISTINCT FROM g.owner_id RETURNING t.*)
  INSERT INTO public.record_totals (org_id, record_type, owner_id, records, measured, points)
  SELECT org_id, record_type, owner_id, sum(records), sum(measured), sum(points) FROM gone GROUP BY 1, 2, 3
  HAVING sum(records) <> 0 OR sum(measured) <> 0 OR sum(points) <> 0;
  WITH gathered AS (
    SELECT org_id, month, pipeline_id, owner_id, currency, status FROM public.deal_closings GROUP BY 1, 2, 3, 4, 5, 6
    HAVING count(*) > 1 OR sum(deals) = 0
  ), gone AS (
    DELETE FROM public.deal_closings t USING gathered g WHERE t.org_id = g.org_id AND t.month = g.month AND t.pipeline_id = g.pipeline_id
      AND t.owner_id IS NOT DISTINCT FROM g.owner_id AND t.currency = g.currency AND t.status = g.status RETURNING t.*)
  INSERT INTO public.deal_closings (org_id, month, pipeline_id, owner_id, currency, status, deals, amount, cycle_days)
  SELECT org_id, month, pipeline_id, owner_id, currency, status, sum(deals), sum(amount), sum(cycle_days) FROM gone GROUP BY 1, 2, 3, 4, 5, 6
  HAVING sum(deals) <> 0 OR sum(amount) <> 0 OR sum(cycle_days) <> 0;
  WITH gathered AS (
    SELECT org_id, month, owner_id, type_id FROM public.activity_closings GROUP BY 1, 2, 3, 4 HAVING count(*) > 1 OR sum(done) = 0
  ), gone AS (
    DELETE FROM public.activity_closings t USING gathered g WHERE t.org_id = g.org_id AND t.month = g.month
      AND t.owner_id IS NOT DISTINCT FROM g.owner_id AND t.type_id = g.type_id RETURNING t.*)
  INSERT INTO public.activity_closings (org_id, month, owner_id, type_id, done)
  SELECT org_id, month, owner_id, type_id, sum(done) FROM gone GROUP BY 1, 2, 3, 4 HAVING sum(done) <> 0;
  WITH gathered AS (
    SELECT org_id, pipeline_id, month, stage_id, owner_id, owner_now, currency FROM public.deal_months GROUP BY 1, 2, 3, 4, 5, 6, 7
    HAVING count(*) > 1 OR sum(deals) = 0 AND sum(amount) = 0 AND sum(own_amount) = 0 AND sum(own_weighted) = 0
  ), gone AS (
    DELETE FROM public.deal_months t USING gathered g WHERE t.org_id = g.org_id AND t.pipeline_id = g.pipeline_id AND t.month = g.month
      AND t.stage_id = g.stage_id AND t.owner_id IS NOT DISTINCT FROM g.owner_id AND t.owner_now IS NOT DISTINCT FROM g.owner_now
      AND t.currency = g.currency RETURNING t.*)
  INSERT INTO public.deal_months (org_id, pipeline_id, month, stage_id, owner_id, owner_now, currency, deals, amount, own_amount, own_weighted)
  SELECT org_id, pipeline_id, month, stage_id, owner_id, owner_now, currency, sum(deals), sum(amount), sum(own_amount), sum(own_weighted)
  FROM gone GROUP BY 1, 2, 3, 4, 5, 6, 7
  HAVING sum(deals) <> 0 OR sum(amount) <> 0 OR sum(own_amount) <> 0 OR sum(own_weighted) <> 0;
  WITH gathered AS (
    SELECT org_id, month, pipeline_id, owner_id, furthest_id, state FROM public.deal_beginnings GROUP BY 1, 2, 3, 4, 5, 6
    HAVING count(*) > 1 OR sum(deals) = 0
  ), gone AS (
    DELETE FROM public.deal_beginnings t USING gathered g WHERE t.org_id = g.org_id AND t.month = g.month AND t.pipeline_id = g.pipeline_id
      AND t.owner_id IS NOT DISTINCT FROM g.owner_id AND t.furthest_id = g.furthest_id AND t.state = g.state RETURNING t.*)
  INSERT INTO public.deal_beginnings (org_id, month, pipeline_id, owner_id, furthest_id, state, deals)
  SELECT org_id, month, pipeline_id, owner_id, furthest_id, state, sum(deals) FROM gone GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(deals) <> 0;
  WITH gathered AS (
    SELECT org_id FROM public.definition_changes GROUP BY 1 HAVING count(*) > 1
  ), gone AS (
    DELETE FROM public.definition_changes t USING gathered g WHERE t.org_id = g.org_id RETURNING t.*)
  INSERT INTO public.definition_changes (org_id, changes) SELECT org_id, sum(changes) FROM gone GROUP BY 1;
$$;

-- Tells people something, each once and in the ways they chose: the notice, the order for its mail, and word to their open tabs.
-- Who made no choice is told as the last three say. Called by features::notifications, inside an organisation and across them.
CREATE OR REPLACE FUNCTION app.tell(org uuid, told text, about text, about_id uuid, doer uuid, said jsonb, only_once text,
  people uuid[], followers boolean, to_mute boolean, to_doer boolean, by_centre boolean, by_browser boolean, by_mail text)
RETURNS integer LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  reached uuid[];
  posted bigint;
BEGIN
  WITH heard AS (
    SELECT p.id FROM unnest(people) p (id)
    UNION SELECT f.member_id FROM follows f WHERE followers AND f.org_id = org AND f.record_id = about_id AND NOT f.muted
    UNION SELECT o.id FROM (
      SELECT c.owner_id AS id FROM companies c WHERE about = 'company' AND c.org_id = org AND c.id = about_id
      UNION ALL SELECT c.owner_id FROM contacts c WHERE about = 'contact' AND c.org_id = org AND c.id = about_id
      UNION ALL SELECT l.owner_id FROM leads l WHERE about = 'lead' AND l.org_id = org AND l.id = about_id
      UNION ALL SELECT d.owner_id FROM deals d WHERE about = 'deal' AND d.org_id = org AND d.id = about_id
      UNION ALL SELECT a.owner_id FROM activities a WHERE about IN ('activity', 'activity.gone') AND a.org_id = org AND a.id = about_id
      UNION ALL SELECT p.member_id FROM activity_participants p WHERE about IN ('activity', 'activity.gone') AND p.org_id = org AND p.activity_id = about_id
    ) o WHERE followers
  ), made AS (
    INSERT INTO notices (org_id, member_id, kind, record_type, record_id, actor_id, params, once, centre, browser, mail)
    SELECT org, m.id, told, about, about_id, doer, said, only_once,
      coalesce(c.centre, by_centre), coalesce(c.browser, by_browser), coalesce(c.mail, by_mail)
    FROM heard h JOIN members m ON m.org_id = org AND m.id = h.id AND m.deactivated_at IS NULL
    LEFT JOIN notice_choices c ON c.org_id = org AND c.member_id = m.id AND c.kind = told
    WHERE (to_doer OR m.id IS DISTINCT FROM doer)
      AND (coalesce(c.centre, by_centre) OR coalesce(c.browser, by_browser) OR coalesce(c.mail, by_mail) <> 'off')
      AND (to_mute OR NOT EXISTS (
        SELECT 1 FROM follows f WHERE f.org_id = org AND f.member_id = m.id AND f.record_id = about_id AND f.muted))
    ON CONFLICT (org_id, member_id, once) DO NOTHING
    RETURNING notices.id, notices.member_id, notices.mail
  ), ordered AS (
    INSERT INTO jobs (org_id, kind, payload, key)
    -- One for each member and transaction: a job that is at work already may have looked before this one commits.
    SELECT org, 'notices.mail', jsonb_build_object('member', n.member_id), 'notices.mail:' || n.member_id || ':' || pg_current_xact_id()
    FROM made n WHERE n.mail = 'now'
    ON CONFLICT DO NOTHING
    RETURNING 1
  )
  SELECT array_agg(n.member_id), (SELECT count(*) FROM ordered) INTO reached, posted FROM made n;
  -- A message holds 8000 bytes.
  PERFORM pg_notify('pipewright_live', json_build_object('org', org, 'event', 'notices', 'ids', reached[i:i + 149])::text)
  FROM generate_series(1, coalesce(cardinality(reached), 0), 150) i;
  IF posted > 0 THEN
    PERFORM pg_notify('pipewright_jobs', '');
  END IF;
  RETURN coalesce(cardinality(reached), 0);
END $$;

DROP FUNCTION IF EXISTS app.notice_title(uuid, text, uuid, text[], uuid[]);

DROP FUNCTION IF EXISTS app.notice_titles(uuid, text[], uuid[], text[], uuid[]);

-- What notices are about, by id, as somebody reads it who has these permissions and sees the records of these owners (null: everybody's).
-- What is missing is not theirs to see, or not there any more. A statement for each type, however many there are of it.
CREATE OR REPLACE FUNCTION app.notice_titles(org uuid, abouts text[], about_ids uuid[], may text[], owners uuid[])
RETURNS TABLE (of_type text, id uuid, title text) LANGUAGE plpgsql STABLE ROWS 50 SET search_path = public, pg_temp AS $$
DECLARE
  about text;
  these uuid[];
BEGIN
  IF abouts IS NULL THEN
    RETURN;
  END IF;
  FOR about, these IN SELECT n.about, array_agg(DISTINCT n.id) FROM unnest(abouts, about_ids) n (about, id) GROUP BY n.about LOOP
    IF about = 'deal' AND 'deals.view' = ANY (may) THEN
      RETURN QUERY SELECT about, d.id, d.name FROM deals d
        WHERE d.org_id = org AND d.id = ANY (these) AND d.deleted_at IS NULL AND (owners IS NULL OR d.owner_id = ANY (owners));
    ELSIF about = 'contact' AND 'contacts.view' = ANY (may) THEN
      RETURN QUERY SELECT about, c.id, coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.email, '') FROM contacts c
        WHERE c.org_id = org AND c.id = ANY (these) AND c.deleted_at IS NULL AND (owners IS NULL OR c.owner_id = ANY (owners));
    ELSIF about = 'company' AND 'companies.view' = ANY (may) THEN
      RETURN QUERY SELECT about, c.id, c.name FROM companies c
        WHERE c.org_id = org AND c.id = ANY (these) AND c.deleted_at IS NULL AND (owners IS NULL OR c.owner_id = ANY (owners));
    ELSIF about = 'lead' AND 'leads.view' = ANY (may) THEN
      RETURN QUERY SELECT about, l.id, coalesce(nullif(btrim(l.first_name || ' ' || l.last_name), ''), l.company_name, l.email, '') FROM leads l
        WHERE l.org_id = org AND l.id = ANY (these) AND l.deleted_at IS NULL AND (owners IS NULL OR l.owner_id = ANY (owners));
    -- Of one that was deleted it is told that it is gone.
    ELSIF about IN ('activity', 'activity.gone') AND 'activities.view' = ANY (may) THEN
      RETURN QUERY SELECT about, a.id, a.subject FROM activities a
        WHERE a.org_id = org AND a.id = ANY (these) AND (a.deleted_at IS NULL OR about = 'activity.gone') AND (
          owners IS NULL OR a.owner_id = ANY (owners)
          OR EXISTS (SELECT 1 FROM activity_participants p WHERE p.org_id = org AND p.activity_id = a.id AND p.member_id = ANY (owners))
          OR 'deals.view' = ANY (may) AND EXISTS (
            SELECT 1 FROM deals d WHERE d.org_id = org AND d.id = a.deal_id AND d.deleted_at IS NULL AND d.owner_id = ANY (owners))
          OR 'contacts.view' = ANY (may) AND EXISTS (
            SELECT 1 FROM contacts c WHERE c.org_id = org AND c.id = a.contact_id AND c.deleted_at IS NULL AND c.owner_id = ANY (owners))
          OR 'companies.view' = ANY (may) AND EXISTS (
            SELECT 1 FROM companies c WHERE c.org_id = org AND c.id = a.company_id AND c.deleted_at IS NULL AND c.owner_id = ANY (owners))
          OR 'leads.view' = ANY (may) AND EXISTS (
            SELECT 1 FROM leads l WHERE l.org_id = org AND l.id = a.lead_id AND l.deleted_at IS NULL AND l.owner_id = ANY (owners)));
    END IF;
  END LOOP;
END $$;

-- That time of day in a time zone; in UTC where this server does not know the zone.
CREATE OR REPLACE FUNCTION app.at_zone(local timestamp, zone text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN local AT TIME ZONE zone;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN local AT TIME ZONE 'UTC';
END $$;

-- The last eight o'clock in the morning of a time zone, or the last on a Monday.
CREATE OR REPLACE FUNCTION app.last_morning(zone text, on_monday boolean) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
  local timestamp;
  morning timestamp;
BEGIN
  BEGIN
    local := now() AT TIME ZONE zone;
  EXCEPTION WHEN invalid_parameter_value THEN
    local := now() AT TIME ZONE 'UTC';
  END;
  morning := date_trunc(CASE WHEN on_monday THEN 'week' ELSE 'day' END, local) + interval '8 hours';
  IF morning > local THEN
    morning := morning - CASE WHEN on_monday THEN interval '7 days' ELSE interval '1 day' END;
  END IF;
  RETURN app.at_zone(morning, zone);
END $$;

-- Makes the reminders and the words of overdue tasks that came due since each organisation's clock, and sets the clock: see
-- features::notifications::reminders, which knows the same leads; the ways are those of its kinds. What has a day and no time is
-- spoken of at eight in the morning where the person is; all zones have their eight o'clock on a quarter of an hour.
CREATE OR REPLACE FUNCTION app.remind() RETURNS integer LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  held uuid[];
  due record;
  made integer := 0;
BEGIN
  INSERT INTO reminder_clocks (org_id) SELECT o.id FROM organisations o
  WHERE NOT EXISTS (SELECT 1 FROM reminder_clocks c WHERE c.org_id = o.id) ON CONFLICT DO NOTHING;
  SELECT array_agg(c.org_id) INTO held FROM (SELECT org_id FROM reminder_clocks WHERE reached < now() FOR UPDATE SKIP LOCKED) c;
  FOR due IN
    WITH clocks AS (
      -- Two minutes again: what was saved meanwhile began earlier. What is more than a day late helps nobody.
      SELECT c.org_id, s.since, floor(extract(epoch FROM s.since) / 900) < floor(extract(epoch FROM now()) / 900) AS quarter
      FROM reminder_clocks c CROSS JOIN LATERAL (SELECT greatest(c.reached - interval '2 minutes', now() - interval '1 day') AS since) s
      WHERE c.org_id = ANY (held)
    ), near AS (
      SELECT c.since, 'reminder' AS kind, l.minutes AS lead, NULL::integer AS days, a.org_id, a.id, a.at, a.start_at, a.due_on, a.owner_id
      FROM clocks c CROSS JOIN unnest(ARRAY[0, 5, 10, 15, 30, 60, 120, 1440, 2880, 10080]) l (minutes)
      CROSS JOIN unnest(ARRAY['activity', 'task']) k (class)
      JOIN activities a ON a.org_id = c.org_id AND a.class = k.class AND a.closed_at IS NULL AND a.deleted_at IS NULL
        AND a.at > c.since + l.minutes * interval '1 minute' AND a.at <= now() + l.minutes * interval '1 minute'
      WHERE a.start_at IS NOT NULL
      UNION ALL
      SELECT c.since, 'overdue', NULL, NULL, a.org_id, a.id, a.at, a.start_at, a.due_on, a.owner_id
      FROM clocks c JOIN activities a ON a.org_id = c.org_id AND a.class = 'task' AND a.closed_at IS NULL AND a.deleted_at IS NULL
        AND a.at > c.since - interval '1 hour' AND a.at <= now() - interval '1 hour'
      WHERE a.start_at IS NOT NULL
      UNION ALL
      -- `at` of a day is 10:00 UTC; eight o'clock of that day lies between 16 hours before and 10 after.
      SELECT c.since, CASE d.days WHEN -1 THEN 'overdue' ELSE 'reminder' END, NULL, d.days, a.org_id, a.id, a.at, a.start_at, a.due_on, a.owner_id
      FROM clocks c CROSS JOIN unnest(ARRAY[-1, 0, 1, 2, 7]) d (days) CROSS JOIN unnest(ARRAY['activity', 'task']) k (class)
      JOIN activities a ON a.org_id = c.org_id AND a.class = k.class AND a.closed_at IS NULL AND a.deleted_at IS NULL
        AND a.at > c.since + d.days * interval '1 day' - interval '10 hours' AND a.at <= now() + d.days * interval '1 day' + interval '16 hours'
      WHERE c.quarter AND a.due_on IS NOT NULL AND (d.days >= 0 OR k.class = 'task')
    )
    SELECT n.org_id, n.kind, n.id, n.at, n.start_at, n.due_on, p.id AS member
    FROM near n CROSS JOIN LATERAL (
      SELECT n.owner_id AS id WHERE n.owner_id IS NOT NULL
      UNION SELECT t.member_id FROM activity_participants t
      WHERE n.kind = 'reminder' AND t.org_id = n.org_id AND t.activity_id = n.id AND t.member_id IS NOT NULL
    ) p
    JOIN users u ON u.id = p.id
    LEFT JOIN activity_reminders r ON r.org_id = n.org_id AND r.activity_id = n.id AND r.member_id = p.id
    LEFT JOIN notice_settings s ON s.org_id = n.org_id AND s.member_id = p.id
    CROSS JOIN LATERAL (SELECT CASE WHEN r.activity_id IS NOT NULL THEN r.minutes WHEN s.member_id IS NOT NULL THEN s.lead_minutes ELSE 15 END AS lead) w
    WHERE (n.kind = 'overdue' OR n.lead = w.lead OR n.days = w.lead / 1440)
      AND (n.days IS NULL OR app.at_zone(n.due_on - n.days + time '08:00', u.time_zone) > n.since
        AND app.at_zone(n.due_on - n.days + time '08:00', u.time_zone) <= now())
    ORDER BY n.org_id, n.at, n.id, p.id
  LOOP
    made := made + app.tell(due.org_id, due.kind, 'activity', due.id, NULL,
      jsonb_strip_nulls(jsonb_build_object('start_at', due.start_at, 'due_on', due.due_on)),
      due.kind || ':' || due.id || ':' || extract(epoch FROM due.at)::bigint, ARRAY[due.member], false, false, true,
      true, due.kind = 'reminder', CASE due.kind WHEN 'reminder' THEN 'off' ELSE 'daily' END);
  END LOOP;
  UPDATE reminder_clocks SET reached = now() WHERE org_id = ANY (held);
  RETURN made;
END $$;

-- Custom values as SQL values: NULL where a text is not of that form, never an error.
CREATE OR REPLACE FUNCTION app.as_number(v text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN v ~ '^-?[0-9]{1,30}(\.[0-9]{1,30})?$' THEN v::numeric END $$;
CREATE OR REPLACE FUNCTION app.as_date(v text) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN v ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' AND left(v, 4) <> '0000' THEN
  CASE WHEN right(v, 2)::int <= extract(day FROM make_date(left(v, 4)::int, substr(v, 6, 2)::int, 1) + interval '1 month - 1 day')
    THEN make_date(left(v, 4)::int, substr(v, 6, 2)::int, right(v, 2)::int) END END $$;
CREATE OR REPLACE FUNCTION app.as_time(v text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN v ~ 'T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$' AND app.as_date(left(v, 10)) IS NOT NULL
  AND substr(v, 11, 1) = 'T' THEN v::timestamptz END $$;
CREATE OR REPLACE FUNCTION app.as_bool(v text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE v WHEN 'true' THEN true WHEN 'false' THEN false END $$;
CREATE OR REPLACE FUNCTION app.as_uuid(v text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN v ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN v::uuid END $$;
CREATE OR REPLACE FUNCTION app.as_list(v jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE jsonb_typeof(v) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(v)) END $$;

-- Unique custom fields: `custom_values_unique` follows the records, whatever writes them. Writers share a lock that an administrator
-- who makes a field unique takes alone (see src/features/fields/unique.rs).
CREATE OR REPLACE FUNCTION app.unique_value(v text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT nullif(lower(btrim(v)), '') $$;
CREATE OR REPLACE FUNCTION app.lock_unique_values(kind text, org uuid, shared boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF shared THEN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('unique values ' || kind || ' ' || org, 0));
  ELSE
    PERFORM pg_advisory_xact_lock(hashtextextended('unique values ' || kind || ' ' || org, 0));
  END IF;
END $$;
CREATE OR REPLACE FUNCTION app.unique_values_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added WHERE custom <> '{}') THEN
    PERFORM app.lock_unique_values(TG_ARGV[0], o.org_id, true) FROM (SELECT DISTINCT org_id FROM added) o;
    INSERT INTO public.custom_values_unique (org_id, field_id, record_id, value)
    SELECT a.org_id, f.id, a.id, app.unique_value(a.custom->>f.key)
    FROM public.custom_fields f JOIN added a ON a.org_id = f.org_id
    WHERE f.record_type = TG_ARGV[1] AND f.is_unique AND a.deleted_at IS NULL AND app.unique_value(a.custom->>f.key) IS NOT NULL
    ORDER BY f.id, 4;
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION app.unique_values_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM public.custom_values_unique u WHERE u.org_id = OLD.org_id AND u.record_id = OLD.id
      AND u.field_id IN (SELECT f.id FROM public.custom_fields f WHERE f.org_id = OLD.org_id AND f.record_type = TG_ARGV[1] AND f.is_unique);
    RETURN NULL;
  END IF;
  PERFORM app.lock_unique_values(TG_ARGV[0], NEW.org_id, true);
  DELETE FROM public.custom_values_unique u USING public.custom_fields f
  WHERE f.org_id = NEW.org_id AND f.record_type = TG_ARGV[1] AND f.is_unique
    AND u.org_id = f.org_id AND u.field_id = f.id AND u.record_id = NEW.id
    AND (NEW.deleted_at IS NOT NULL OR app.unique_value(NEW.custom->>f.key) IS DISTINCT FROM u.value);
  INSERT INTO public.custom_values_unique (org_id, field_id, record_id, value)
  SELECT NEW.org_id, f.id, NEW.id, app.unique_value(NEW.custom->>f.key) FROM public.custom_fields f
  WHERE f.org_id = NEW.org_id AND f.record_type = TG_ARGV[1] AND f.is_unique AND NEW.deleted_at IS NULL
    AND app.unique_value(NEW.custom->>f.key) IS NOT NULL
  ORDER BY f.id
  ON CONFLICT (org_id, field_id, record_id) DO NOTHING;
  RETURN NULL;
END $$;
DO $$
DECLARE t text; k text;
BEGIN
  FOREACH t IN ARRAY ARRAY['companies', 'contacts', 'deals', 'leads'] LOOP
    CONTINUE WHEN to_regclass('public.' || t) IS NULL;
    k := CASE t WHEN 'companies' THEN 'company' ELSE rtrim(t, 's') END;
    EXECUTE format('DROP TRIGGER IF EXISTS unique_insert ON %I', t);
    EXECUTE format('DROP TRIGGER IF EXISTS unique_update ON %I', t);
    EXECUTE format('DROP TRIGGER IF EXISTS unique_delete ON %I', t);
    EXECUTE format('CREATE TRIGGER unique_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.unique_values_insert(%L, %L)', t, t, k);
    EXECUTE format('CREATE TRIGGER unique_update AFTER UPDATE OF custom, deleted_at ON %I FOR EACH ROW
      WHEN (OLD.custom IS DISTINCT FROM NEW.custom OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL) AND NEW.custom <> ''{}'')
      EXECUTE FUNCTION app.unique_values_change(%L, %L)', t, t, k);
    EXECUTE format('CREATE TRIGGER unique_delete AFTER DELETE ON %I FOR EACH ROW WHEN (OLD.custom <> ''{}'') EXECUTE FUNCTION app.unique_values_change(%L, %L)', t, t, k);
  END LOOP;
END $$;

-- The organisation's time zone, for triggers that keep figures by its days and months; UTC where this server does not know it. The lock is
-- shared by all who keep such figures, and taken alone by whoever makes them anew (app.months_anew).
CREATE OR REPLACE FUNCTION app.zone_of(org uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  zone text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('days ' || org, 0));
  SELECT time_zone INTO zone FROM public.organisations WHERE id = org;
  PERFORM now() AT TIME ZONE zone;
  RETURN zone;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN 'UTC';
END $$;

-- deal_closings: signed rows for what a statement added to the won and the lost, and took from them.
CREATE OR REPLACE FUNCTION app.deal_closings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT 1 FROM added WHERE status <> 'open') THEN RETURN NULL; END IF;
    INSERT INTO public.deal_closings (org_id, month, pipeline_id, owner_id, currency, status, deals, amount, cycle_days)
    WITH zones AS MATERIALIZED (SELECT o.org_id, app.zone_of(o.org_id) AS zone FROM (SELECT DISTINCT org_id FROM added) o)
    SELECT a.org_id, date_trunc('month', a.closed_at AT TIME ZONE z.zone)::date, a.pipeline_id, a.owner_id, a.currency, a.status, count(*),
      coalesce(sum(a.amount), 0), sum(greatest(0, (a.closed_at AT TIME ZONE z.zone)::date - (a.created_at AT TIME ZONE z.zone)::date))
    FROM added a JOIN zones z ON z.org_id = a.org_id
    WHERE a.status <> 'open' AND a.archived_at IS NULL AND a.deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6;
  ELSIF TG_OP = 'DELETE' THEN
    IF NOT EXISTS (SELECT 1 FROM removed WHERE status <> 'open' AND archived_at IS NULL AND deleted_at IS NULL) THEN RETURN NULL; END IF;
    INSERT INTO public.deal_closings (org_id, month, pipeline_id, owner_id, currency, status, deals, amount, cycle_days)
    WITH zones AS MATERIALIZED (SELECT o.id AS org_id, app.zone_of(o.id) AS zone FROM public.organisations o WHERE o.id IN (SELECT org_id FROM removed))
    SELECT r.org_id, date_trunc('month', r.closed_at AT TIME ZONE z.zone)::date, r.pipeline_id, r.owner_id, r.currency, r.status, -count(*),
      -coalesce(sum(r.amount), 0), -sum(greatest(0, (r.closed_at AT TIME ZONE z.zone)::date - (r.created_at AT TIME ZONE z.zone)::date))
    FROM removed r JOIN zones z ON z.org_id = r.org_id
    WHERE r.status <> 'open' AND r.archived_at IS NULL AND r.deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6;
  ELSE
    IF NOT EXISTS (SELECT 1 FROM added WHERE status <> 'open') AND NOT EXISTS (SELECT 1 FROM removed WHERE status <> 'open') THEN
      RETURN NULL;
    END IF;
    INSERT INTO public.deal_closings (org_id, month, pipeline_id, owner_id, currency, status, deals, amount, cycle_days)
    WITH zones AS MATERIALIZED (SELECT o.org_id, app.zone_of(o.org_id) AS zone FROM (SELECT DISTINCT org_id FROM added) o), moved AS (
      SELECT org_id, pipeline_id, owner_id, currency, status, closed_at, created_at, amount, 1 AS n FROM added
      WHERE status <> 'open' AND archived_at IS NULL AND deleted_at IS NULL
      UNION ALL
      SELECT org_id, pipeline_id, owner_id, currency, status, closed_at, created_at, amount, -1 FROM removed
      WHERE status <> 'open' AND archived_at IS NULL AND deleted_at IS NULL)
    SELECT m.org_id, date_trunc('month', m.closed_at AT TIME ZONE z.zone)::date AS month, m.pipeline_id, m.owner_id, m.currency, m.status, sum(m.n) AS deals,
      coalesce(sum(m.n * m.amount), 0) AS amount,
      sum(m.n * greatest(0, (m.closed_at AT TIME ZONE z.zone)::date - (m.created_at AT TIME ZONE z.zone)::date)) AS cycle_days
    FROM moved m JOIN zones z ON z.org_id = m.org_id GROUP BY 1, 2, 3, 4, 5, 6
    HAVING sum(m.n) <> 0 OR coalesce(sum(m.n * m.amount), 0) <> 0
      OR sum(m.n * greatest(0, (m.closed_at AT TIME ZONE z.zone)::date - (m.created_at AT TIME ZONE z.zone)::date)) <> 0;
  END IF;
  RETURN NULL;
END $$;

-- activity_closings: the same for what was done.
CREATE OR REPLACE FUNCTION app.activity_closings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT 1 FROM added WHERE status = 'done') THEN RETURN NULL; END IF;
    INSERT INTO public.activity_closings (org_id, month, owner_id, type_id, done)
    WITH zones AS MATERIALIZED (SELECT o.org_id, app.zone_of(o.org_id) AS zone FROM (SELECT DISTINCT org_id FROM added) o)
    SELECT a.org_id, date_trunc('month', a.closed_at AT TIME ZONE z.zone)::date, a.owner_id, a.type_id, count(*)
    FROM added a JOIN zones z ON z.org_id = a.org_id WHERE a.status = 'done' AND a.deleted_at IS NULL GROUP BY 1, 2, 3, 4;
  ELSIF TG_OP = 'DELETE' THEN
    IF NOT EXISTS (SELECT 1 FROM removed WHERE status = 'done' AND deleted_at IS NULL) THEN RETURN NULL; END IF;
    INSERT INTO public.activity_closings (org_id, month, owner_id, type_id, done)
    WITH zones AS MATERIALIZED (SELECT o.id AS org_id, app.zone_of(o.id) AS zone FROM public.organisations o WHERE o.id IN (SELECT org_id FROM removed))
    SELECT r.org_id, date_trunc('month', r.closed_at AT TIME ZONE z.zone)::date, r.owner_id, r.type_id, -count(*)
    FROM removed r JOIN zones z ON z.org_id = r.org_id WHERE r.status = 'done' AND r.deleted_at IS NULL GROUP BY 1, 2, 3, 4;
  ELSE
    IF NOT EXISTS (SELECT 1 FROM added WHERE status = 'done') AND NOT EXISTS (SELECT 1 FROM removed WHERE status = 'done') THEN
      RETURN NULL;
    END IF;
    INSERT INTO public.activity_closings (org_id, month, owner_id, type_id, done)
    WITH zones AS MATERIALIZED (SELECT o.org_id, app.zone_of(o.org_id) AS zone FROM (SELECT DISTINCT org_id FROM added) o), moved AS (
      SELECT org_id, owner_id, type_id, closed_at, 1 AS n FROM added WHERE status = 'done' AND deleted_at IS NULL
      UNION ALL
      SELECT org_id, owner_id, type_id, closed_at, -1 FROM removed WHERE status = 'done' AND deleted_at IS NULL)
    SELECT m.org_id, date_trunc('month', m.closed_at AT TIME ZONE z.zone)::date, m.owner_id, m.type_id, sum(m.n)
    FROM moved m JOIN zones z ON z.org_id = m.org_id GROUP BY 1, 2, 3, 4 HAVING sum(m.n) <> 0;
  END IF;
  RETURN NULL;
END $$;
DO $$
DECLARE t record;
BEGIN
  FOR t IN SELECT * FROM (VALUES ('deals', 'deal_closings'), ('activities', 'activity_closings')) v (noun, kept)
    WHERE to_regclass('public.' || kept) IS NOT NULL LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS closings_insert ON %I', t.noun);
    EXECUTE format('DROP TRIGGER IF EXISTS closings_update ON %I', t.noun);
    EXECUTE format('DROP TRIGGER IF EXISTS closings_delete ON %I', t.noun);
    EXECUTE format('CREATE TRIGGER closings_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.%I()', t.noun, t.kept);
    EXECUTE format('CREATE TRIGGER closings_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.%I()', t.noun, t.kept);
    EXECUTE format('CREATE TRIGGER closings_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.%I()', t.noun, t.kept);
  END LOOP;
END $$;

-- Another time zone has other days and months: what is kept by them is made anew, while nobody writes.
CREATE OR REPLACE FUNCTION app.months_anew() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  zone text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('days ' || NEW.id, 0));
  zone := app.zone_of(NEW.id);
  DELETE FROM public.deal_closings WHERE org_id = NEW.id;
  INSERT INTO public.deal_closings (org_id, month, pipeline_id, owner_id, currency, status, deals, amount, cycle_days)
  SELECT d.org_id, date_trunc('month', d.closed_at AT TIME ZONE zone)::date, d.pipeline_id, d.owner_id, d.currency, d.status, count(*),
    coalesce(sum(d.amount), 0), sum(greatest(0, (d.closed_at AT TIME ZONE zone)::date - (d.created_at AT TIME ZONE zone)::date))
  FROM public.deals d
  WHERE d.org_id = NEW.id AND d.status <> 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6;
  DELETE FROM public.activity_closings WHERE org_id = NEW.id;
  INSERT INTO public.activity_closings (org_id, month, owner_id, type_id, done)
  SELECT a.org_id, date_trunc('month', a.closed_at AT TIME ZONE zone)::date, a.owner_id, a.type_id, count(*)
  FROM public.activities a WHERE a.org_id = NEW.id AND a.status = 'done' AND a.deleted_at IS NULL GROUP BY 1, 2, 3, 4;
  DELETE FROM public.deal_beginnings WHERE org_id = NEW.id;
  INSERT INTO public.deal_beginnings (org_id, month, pipeline_id, owner_id, furthest_id, state, deals)
  SELECT s.org_id, date_trunc('month', s.began_at AT TIME ZONE zone)::date, s.pipeline_id, s.owner_id, s.furthest_id, s.state, count(*)
  FROM public.deal_states s WHERE s.org_id = NEW.id AND s.valid_to = 'infinity' AND s.state IN ('open', 'won', 'lost') GROUP BY 1, 2, 3, 4, 5, 6;
  RETURN NULL;
END $$;
DO $$
BEGIN
  IF to_regclass('public.deal_closings') IS NOT NULL THEN
    DROP TRIGGER IF EXISTS months_anew ON organisations;
    CREATE TRIGGER months_anew AFTER UPDATE OF time_zone ON organisations FOR EACH ROW
      WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION app.months_anew();
  END IF;
END $$;

-- What a deal is to the pipeline.
CREATE OR REPLACE FUNCTION app.deal_state(status text, archived_at timestamptz, deleted_at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN archived_at IS NOT NULL THEN 'archived' ELSE status END $$;

-- Keeps deal_states in step with the deals. A deal that comes in with a past (an import) stood open from the day it began until it ended.
-- Transactions may end in another order than they began: a change never begins before the one it follows.
CREATE OR REPLACE FUNCTION app.deal_past() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moment CONSTANT timestamptz := now();
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO public.deal_states (org_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, owner_id, owner_now, amount, currency, probability, state,
      furthest_id, began_at)
    SELECT a.org_id, a.id, s.valid_from, s.valid_to, a.pipeline_id, a.stage_id, a.owner_id, a.owner_id, a.amount, a.currency,
      CASE s.state WHEN 'open' THEN a.probability END, s.state, a.stage_id, a.created_at
    FROM added a
    CROSS JOIN LATERAL (SELECT app.deal_state(a.status, a.archived_at, a.deleted_at) AS state, least(a.created_at, moment) AS began) b
    CROSS JOIN LATERAL (SELECT greatest(b.began, least(coalesce(a.deleted_at, a.archived_at, a.closed_at), moment)) AS ended) e
    CROSS JOIN LATERAL (
      SELECT b.began AS valid_from, e.ended AS valid_to, 'open' AS state WHERE b.state <> 'open' AND b.began < e.ended
      UNION ALL SELECT CASE b.state WHEN 'open' THEN b.began ELSE e.ended END, 'infinity', b.state) s;
    RETURN NULL;
  END IF;
  IF NOT EXISTS (
    SELECT 1 FROM added a JOIN removed r ON r.org_id = a.org_id AND r.id = a.id
    WHERE (a.pipeline_id, a.stage_id, a.owner_id, a.amount, a.currency, app.deal_state(a.status, a.archived_at, a.deleted_at), CASE app.deal_state(a.status, a.archived_at, a.deleted_at) WHEN 'open' THEN a.probability END)
      IS DISTINCT FROM (r.pipeline_id, r.stage_id, r.owner_id, r.amount, r.currency, app.deal_state(r.status, r.archived_at, r.deleted_at), CASE app.deal_state(r.status, r.archived_at, r.deleted_at) WHEN 'open' THEN r.probability END)) THEN
    RETURN NULL;
  END IF;
  WITH changed AS MATERIALIZED (
    SELECT a.org_id, a.id, a.pipeline_id, a.stage_id, a.owner_id, a.amount, a.currency, a.created_at, c.valid_from AS since,
      app.deal_state(a.status, a.archived_at, a.deleted_at) AS state, CASE app.deal_state(a.status, a.archived_at, a.deleted_at) WHEN 'open' THEN a.probability END AS probability,
      (SELECT x.id FROM (
          SELECT a.stage_id AS id
          UNION SELECT p.furthest_id FROM public.deal_states p WHERE p.org_id = a.org_id AND p.deal_id = a.id AND p.pipeline_id = a.pipeline_id) x
        LEFT JOIN public.stages g ON g.org_id = a.org_id AND g.id = x.id
        ORDER BY g.position DESC NULLS LAST, x.id DESC LIMIT 1) AS furthest_id
    FROM added a JOIN removed r ON r.org_id = a.org_id AND r.id = a.id
    LEFT JOIN public.deal_states c ON c.org_id = a.org_id AND c.deal_id = a.id AND c.valid_to = 'infinity'
    WHERE (a.pipeline_id, a.stage_id, a.owner_id, a.amount, a.currency, app.deal_state(a.status, a.archived_at, a.deleted_at), CASE app.deal_state(a.status, a.archived_at, a.deleted_at) WHEN 'open' THEN a.probability END)
      IS DISTINCT FROM (r.pipeline_id, r.stage_id, r.owner_id, r.amount, r.currency, app.deal_state(r.status, r.archived_at, r.deleted_at), CASE app.deal_state(r.status, r.archived_at, r.deleted_at) WHEN 'open' THEN r.probability END)
  ), ended AS (
    UPDATE public.deal_states s SET valid_to = moment FROM changed c
    WHERE s.org_id = c.org_id AND s.deal_id = c.id AND s.valid_from = c.since AND c.since < moment
  ), replaced AS (
    UPDATE public.deal_states s SET pipeline_id = c.pipeline_id, stage_id = c.stage_id, owner_id = c.owner_id, owner_now = c.owner_id,
      amount = c.amount, currency = c.currency, probability = c.probability, state = c.state, furthest_id = c.furthest_id
    FROM changed c WHERE s.org_id = c.org_id AND s.deal_id = c.id AND s.valid_from = c.since AND c.since >= moment
  )
  INSERT INTO public.deal_states (org_id, deal_id, valid_from, pipeline_id, stage_id, owner_id, owner_now, amount, currency, probability, state, furthest_id, began_at)
  SELECT c.org_id, c.id, moment, c.pipeline_id, c.stage_id, c.owner_id, c.owner_id, c.amount, c.currency, c.probability, c.state, c.furthest_id, c.created_at
  FROM changed c WHERE c.since IS NULL OR c.since < moment;
  -- The whole past of a deal is seen by those who see it today.
  IF EXISTS (SELECT 1 FROM added a JOIN removed r ON r.org_id = a.org_id AND r.id = a.id WHERE a.owner_id IS DISTINCT FROM r.owner_id) THEN
    UPDATE public.deal_states s SET owner_now = a.owner_id FROM added a JOIN removed r ON r.org_id = a.org_id AND r.id = a.id
    WHERE s.org_id = a.org_id AND s.deal_id = a.id AND a.owner_id IS DISTINCT FROM r.owner_id AND s.owner_now IS DISTINCT FROM a.owner_id;
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS past_insert ON deals;
CREATE TRIGGER past_insert AFTER INSERT ON deals REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.deal_past();
DROP TRIGGER IF EXISTS past_update ON deals;
CREATE TRIGGER past_update AFTER UPDATE ON deals REFERENCING NEW TABLE AS added OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION app.deal_past();

-- deal_months and deal_beginnings: signed rows for what a statement did to deal_states.
CREATE OR REPLACE FUNCTION app.deal_months() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moved CONSTANT text := CASE TG_OP WHEN 'INSERT' THEN 'SELECT *, 1 AS n FROM added' WHEN 'DELETE' THEN 'SELECT *, -1 AS n FROM removed'
    ELSE 'SELECT *, 1 AS n FROM added UNION ALL SELECT *, -1 FROM removed' END;
BEGIN
  EXECUTE format($q$
    INSERT INTO public.deal_months (org_id, pipeline_id, month, stage_id, owner_id, owner_now, currency, deals, amount, own_amount, own_weighted)
    SELECT * FROM (
      SELECT m.org_id, m.pipeline_id, date_trunc('month', e.at AT TIME ZONE 'UTC')::date, m.stage_id, m.owner_id, m.owner_now, m.currency,
        sum(m.n * e.sign) AS deals, coalesce(sum(m.n * e.sign * m.amount), 0) AS amount,
        coalesce(sum(m.n * e.sign * m.amount) FILTER (WHERE m.probability IS NOT NULL), 0) AS own_amount,
        coalesce(sum(m.n * e.sign * m.amount * m.probability / 100), 0) AS own_weighted
      FROM (%s) m CROSS JOIN LATERAL (VALUES (m.valid_from, 1), (m.valid_to, -1)) e (at, sign)
      WHERE m.state = 'open' AND e.at < 'infinity' AND EXISTS (SELECT 1 FROM public.organisations o WHERE o.id = m.org_id)
      GROUP BY 1, 2, 3, 4, 5, 6, 7) sums
    WHERE deals <> 0 OR amount <> 0 OR own_amount <> 0 OR own_weighted <> 0$q$, moved);
  EXECUTE format($q$
    INSERT INTO public.deal_beginnings (org_id, month, pipeline_id, owner_id, furthest_id, state, deals)
    WITH moved AS (%s), zones AS MATERIALIZED (
      SELECT o.id AS org_id, app.zone_of(o.id) AS zone FROM public.organisations o WHERE o.id IN (SELECT org_id FROM moved))
    SELECT m.org_id, date_trunc('month', m.began_at AT TIME ZONE z.zone)::date, m.pipeline_id, m.owner_id, m.furthest_id, m.state, sum(m.n)
    FROM moved m JOIN zones z ON z.org_id = m.org_id
    WHERE m.valid_to = 'infinity' AND m.state IN ('open', 'won', 'lost') GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(m.n) <> 0$q$, moved);
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS months_insert ON deal_states;
CREATE TRIGGER months_insert AFTER INSERT ON deal_states REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.deal_months();
DROP TRIGGER IF EXISTS months_update ON deal_states;
CREATE TRIGGER months_update AFTER UPDATE ON deal_states REFERENCING NEW TABLE AS added OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION app.deal_months();
DROP TRIGGER IF EXISTS months_delete ON deal_states;
CREATE TRIGGER months_delete AFTER DELETE ON deal_states REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.deal_months();

-- Deals stood in stages that are removed later.
CREATE OR REPLACE FUNCTION app.keep_removed_stages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.removed_stages (org_id, id, pipeline_id, name, color, position, probability)
  SELECT r.org_id, r.id, r.pipeline_id, r.name, r.color, r.position, r.probability FROM removed r
  WHERE EXISTS (SELECT 1 FROM public.organisations o WHERE o.id = r.org_id)
  ON CONFLICT (org_id, id) DO NOTHING;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS keep_removed ON stages;
CREATE TRIGGER keep_removed AFTER DELETE ON stages REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION app.keep_removed_stages();

-- Makes deal_states of an organisation anew from its events. What an event does not say is taken from the one that changed it next (it knows
-- what was before), else from the deal as it is; a deal without the event of its making stood from the moment it was made.
CREATE OR REPLACE FUNCTION app.replay_deals(org uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM public.deal_states WHERE org_id = org;
  INSERT INTO public.deal_states (org_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, owner_id, owner_now, amount, currency, probability, state,
    furthest_id, began_at)
  WITH told AS (
    SELECT e.record_id AS id, e.at, e.changes AS c, row_number() OVER (PARTITION BY e.record_id ORDER BY e.version, e.at, e.id) AS n,
      CASE WHEN e.kind = 'deal.deleted' THEN true WHEN e.kind = 'deal.undeleted' OR e.kind = 'deal.restored' THEN false END AS deleted,
      CASE WHEN e.kind = 'deal.archived' THEN true WHEN e.kind = 'deal.restored' AND NOT e.data ? 'import_id' THEN false END AS archived,
      CASE WHEN e.changes #>> '{closed_at,1}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T' THEN (e.changes #>> '{closed_at,1}')::timestamptz END AS closed
    FROM public.events e
    WHERE e.org_id = org AND e.record_type = 'deal' AND (
      e.kind IN ('deal.created', 'deal.archived', 'deal.restored', 'deal.deleted', 'deal.undeleted')
      OR e.changes ?| ARRAY['stage_id', 'pipeline_id', 'owner_id', 'amount', 'currency', 'probability', 'status'])
    UNION ALL
    -- What is known now, told last.
    SELECT d.id, d.updated_at, jsonb_build_object(
        'stage_id', jsonb_build_array(NULL, jsonb_build_object('id', d.stage_id)), 'owner_id', jsonb_build_array(NULL, jsonb_build_object('id', d.owner_id)),
        'pipeline_id', jsonb_build_array(NULL, jsonb_build_object('id', d.pipeline_id)), 'amount', jsonb_build_array(NULL, d.amount),
        'currency', jsonb_build_array(NULL, d.currency), 'probability', jsonb_build_array(NULL, d.probability),
        'status', jsonb_build_array(NULL, d.status)),
      9223372036854775807, d.deleted_at IS NOT NULL, d.archived_at IS NOT NULL, d.closed_at
    FROM public.deals d WHERE d.org_id = org
    UNION ALL
    SELECT d.id, d.created_at, '{}', 0, NULL, NULL, NULL FROM public.deals d
    WHERE d.org_id = org AND NOT EXISTS (
      SELECT 1 FROM public.events e WHERE e.org_id = org AND e.record_id = d.id AND e.record_type = 'deal' AND e.kind = 'deal.created')
  ), grouped AS (
    SELECT t.*, max(t.at) OVER w AS moment,
      count(*) FILTER (WHERE t.c ? 'stage_id') OVER w AS g_stage, count(*) FILTER (WHERE t.c ? 'pipeline_id') OVER w AS g_pipeline,
      count(*) FILTER (WHERE t.c ? 'owner_id') OVER w AS g_owner, count(*) FILTER (WHERE t.c ? 'amount') OVER w AS g_amount,
      count(*) FILTER (WHERE t.c ? 'currency') OVER w AS g_currency, count(*) FILTER (WHERE t.c ? 'probability') OVER w AS g_chance,
      count(*) FILTER (WHERE t.c ? 'status') OVER w AS g_status,
      count(t.deleted) OVER w AS g_deleted, count(t.archived) OVER w AS g_archived
    FROM told t WINDOW w AS (PARTITION BY t.id ORDER BY t.n)
  ), firsts AS (
    -- Before its first change a field was what that change found; the last row, which says what is known now, found nothing.
    SELECT id, (array_agg(CASE WHEN n < 9223372036854775807 THEN c #>> '{stage_id,0,id}' ELSE c #>> '{stage_id,1,id}' END ORDER BY n) FILTER (WHERE c ? 'stage_id'))[1] AS stage,
      (array_agg(CASE WHEN n < 9223372036854775807 THEN c #>> '{pipeline_id,0,id}' ELSE c #>> '{pipeline_id,1,id}' END ORDER BY n) FILTER (WHERE c ? 'pipeline_id'))[1] AS pipeline,
      (array_agg(CASE WHEN n < 9223372036854775807 THEN c #>> '{owner_id,0,id}' ELSE c #>> '{owner_id,1,id}' END ORDER BY n) FILTER (WHERE c ? 'owner_id'))[1] AS owner,
      (array_agg(CASE WHEN n < 9223372036854775807 THEN c #>> '{amount,0}' ELSE c #>> '{amount,1}' END ORDER BY n) FILTER (WHERE c ? 'amount'))[1] AS amount,
      (array_agg(CASE WHEN n < 9223372036854775807 THEN c #>> '{currency,0}' ELSE c #>> '{currency,1}' END ORDER BY n) FILTER (WHERE c ? 'currency'))[1] AS currency,
      (array_agg(CASE WHEN n < 9223372036854775807 THEN c #>> '{probability,0}' ELSE c #>> '{probability,1}' END ORDER BY n) FILTER (WHERE c ? 'probability'))[1] AS chance
    FROM told GROUP BY id
  ), filled AS (
    SELECT g.id, g.n, g.moment, g.closed,
      CASE g.g_stage WHEN 0 THEN f.stage ELSE first_value(g.c #>> '{stage_id,1,id}') OVER (PARTITION BY g.id, g.g_stage ORDER BY g.n) END AS stage,
      CASE g.g_pipeline WHEN 0 THEN f.pipeline ELSE first_value(g.c #>> '{pipeline_id,1,id}') OVER (PARTITION BY g.id, g.g_pipeline ORDER BY g.n) END AS pipeline,
      CASE g.g_owner WHEN 0 THEN f.owner ELSE first_value(g.c #>> '{owner_id,1,id}') OVER (PARTITION BY g.id, g.g_owner ORDER BY g.n) END AS owner,
      CASE g.g_amount WHEN 0 THEN f.amount ELSE first_value(g.c #>> '{amount,1}') OVER (PARTITION BY g.id, g.g_amount ORDER BY g.n) END AS amount,
      CASE g.g_currency WHEN 0 THEN f.currency ELSE first_value(g.c #>> '{currency,1}') OVER (PARTITION BY g.id, g.g_currency ORDER BY g.n) END AS currency,
      CASE g.g_chance WHEN 0 THEN f.chance ELSE first_value(g.c #>> '{probability,1}') OVER (PARTITION BY g.id, g.g_chance ORDER BY g.n) END AS chance,
      CASE g.g_status WHEN 0 THEN 'open' ELSE first_value(g.c #>> '{status,1}') OVER (PARTITION BY g.id, g.g_status ORDER BY g.n) END AS status,
      CASE g.g_deleted WHEN 0 THEN false ELSE first_value(g.deleted) OVER (PARTITION BY g.id, g.g_deleted ORDER BY g.n) END AS deleted,
      CASE g.g_archived WHEN 0 THEN false ELSE first_value(g.archived) OVER (PARTITION BY g.id, g.g_archived ORDER BY g.n) END AS archived
    FROM grouped g JOIN firsts f ON f.id = g.id
  ), known AS (
    SELECT d.id, f.n, f.moment, d.created_at, coalesce(f.closed, d.closed_at) AS closed_at, coalesce(s.pipeline_id, r.pipeline_id, app.as_uuid(f.pipeline), d.pipeline_id) AS pipeline_id,
      coalesce(app.as_uuid(f.stage), d.stage_id) AS stage_id, app.as_uuid(f.owner) AS owner_id, d.owner_id AS owner_now, app.as_number(f.amount) AS amount,
      coalesce(f.currency, d.currency) AS currency, app.as_number(f.chance)::smallint AS chance, CASE WHEN f.deleted THEN 'deleted' WHEN f.archived THEN 'archived' ELSE coalesce(f.status, d.status) END AS state,
      row_number() OVER (PARTITION BY d.id ORDER BY f.n) AS place
    FROM filled f JOIN public.deals d ON d.org_id = org AND d.id = f.id
    LEFT JOIN public.stages s ON s.org_id = org AND s.id = app.as_uuid(f.stage)
    LEFT JOIN public.removed_stages r ON r.org_id = org AND r.id = app.as_uuid(f.stage)
  ), dated AS (
    -- The first of them is as old as the deal; what was over when it came in stood open until then.
    SELECT id, n, created_at, pipeline_id, stage_id, owner_id, owner_now, amount, currency, CASE state WHEN 'open' THEN chance END AS probability, CASE place WHEN 1 THEN
        CASE state WHEN 'won' THEN greatest(least(created_at, moment), least(closed_at, moment)) WHEN 'lost' THEN greatest(least(created_at, moment), least(closed_at, moment))
          ELSE least(created_at, moment) END ELSE moment END AS valid_from, state FROM known
    UNION ALL
    SELECT id, 0, created_at, pipeline_id, stage_id, owner_id, owner_now, amount, currency, chance, least(created_at, moment), 'open' FROM known
    WHERE place = 1 AND state IN ('won', 'lost') AND least(created_at, moment) < least(closed_at, moment)
  ), last_of_moment AS (
    SELECT DISTINCT ON (id, valid_from) * FROM dated ORDER BY id, valid_from, n DESC
  ), distinct_ones AS (
    SELECT * FROM (
      SELECT l.*, (pipeline_id, stage_id, owner_id, amount, currency, probability, state) IS DISTINCT FROM (lag(pipeline_id) OVER w, lag(stage_id) OVER w,
          lag(owner_id) OVER w, lag(amount) OVER w, lag(currency) OVER w, lag(probability) OVER w, lag(state) OVER w)
          OR lag(id) OVER w IS NULL AS differs
      FROM last_of_moment l WINDOW w AS (PARTITION BY id ORDER BY valid_from)) x WHERE differs
  )
  SELECT org, o.id, o.valid_from, coalesce(lead(o.valid_from) OVER (PARTITION BY o.id ORDER BY o.valid_from), 'infinity'), o.pipeline_id, o.stage_id,
    o.owner_id, o.owner_now, o.amount, o.currency, o.probability, o.state,
    right(max((lpad(coalesce(s.position, -1)::text, 10) || o.stage_id) COLLATE "C") OVER (PARTITION BY o.id, o.pipeline_id ORDER BY o.valid_from), 36)::uuid, o.created_at
  FROM distinct_ones o LEFT JOIN public.stages s ON s.org_id = org AND s.id = o.stage_id;
END $$;

-- Makes deal_splits of an organisation anew: what the events of its splits, and of taking them back, did to amounts.
CREATE OR REPLACE FUNCTION app.replay_splits(org uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM public.deal_splits WHERE org_id = org;
  INSERT INTO public.deal_splits (org_id, deal_id, at, currency, amount)
  SELECT org, d.id, e.at, coalesce(s.currency, d.currency), sum(coalesce(app.as_number(e.changes #>> '{amount,1}'), 0) - coalesce(app.as_number(e.changes #>> '{amount,0}'), 0))
  FROM public.operations o
  JOIN public.operation_changes c ON c.org_id = o.org_id AND c.operation_id = o.id AND c.record_type = 'deal'
  JOIN public.deals d ON d.org_id = o.org_id AND d.id = c.record_id
  JOIN public.events e ON e.org_id = o.org_id AND e.record_id = d.id AND e.record_type = 'deal' AND e.changes ? 'amount'
    AND (e.kind IN ('deal.created', 'deal.updated') AND e.version = c.version_after
      OR e.kind = 'deal.updated' AND e.data->>'undo' = 'true' AND e.data->>'operation_id' = o.id::text)
  LEFT JOIN public.deal_states s ON s.org_id = o.org_id AND s.deal_id = d.id AND s.valid_from <= e.at AND s.valid_to > e.at
  WHERE o.org_id = org AND o.kind = 'split' GROUP BY d.id, e.at, coalesce(s.currency, d.currency);
END $$;

-- Organisations whose deals have no states yet, or whose splits are not kept: those of databases older than either table.
SET LOCAL ROLE pipewright_system;
SELECT app.replay_deals(o.id) FROM organisations o
WHERE EXISTS (SELECT 1 FROM deals d WHERE d.org_id = o.id) AND NOT EXISTS (SELECT 1 FROM deal_states s WHERE s.org_id = o.id);
SELECT app.replay_splits(o.id) FROM organisations o
WHERE EXISTS (SELECT 1 FROM operations p WHERE p.org_id = o.id AND p.kind = 'split') AND NOT EXISTS (SELECT 1 FROM deal_splits s WHERE s.org_id = o.id);
SET LOCAL ROLE pipewright_owner;

SELECT app.ensure_event_partitions();

-- So that a process without any right to migrate can still tell whether it must not start.
GRANT SELECT ON __diesel_schema_migrations TO PUBLIC;

-- What automations are to hear of: deals that come, go from stage to stage and close. Files and merges set nothing off.
CREATE OR REPLACE FUNCTION app.automations_hear() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  heard bigint;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM added WHERE record_type = 'deal') THEN
    RETURN NULL;
  END IF;
  WITH news AS (
    SELECT n.org_id, n.id, n.record_id, n.changes, n.data, CASE
      WHEN n.kind = 'deal.created' THEN 'created'
      WHEN n.changes->'status'->>1 IN ('won', 'lost') THEN n.changes->'status'->>1
      WHEN n.changes->'status'->>1 = 'open' THEN 'reopened'
      WHEN n.changes ? 'stage_id' THEN 'moved' END AS what
    FROM added n WHERE n.record_type = 'deal' AND NOT n.data ? 'import_id'
  ), kept AS (
    INSERT INTO public.automation_inbox (org_id, event_id, deal_id, event, from_stage, to_stage, depth, undo)
    SELECT n.org_id, n.id, n.record_id, n.what, app.as_uuid(n.changes->'stage_id'->0->>'id'),
      coalesce(app.as_uuid(n.changes->'stage_id'->1->>'id'), app.as_uuid(n.data->'stage'->>'id')),
      CASE jsonb_typeof(n.data->'automation_depth') WHEN 'number' THEN (n.data->>'automation_depth')::integer ELSE 0 END,
      coalesce(n.data->'undo' = 'true'::jsonb, false)
    FROM news n JOIN public.deals d ON d.org_id = n.org_id AND d.id = n.record_id
    WHERE n.what IS NOT NULL AND EXISTS (SELECT 1 FROM public.automations a WHERE a.org_id = n.org_id)
    RETURNING org_id
  )
  INSERT INTO public.jobs (org_id, kind) SELECT DISTINCT org_id, 'automations.run' FROM kept;
  GET DIAGNOSTICS heard = ROW_COUNT;
  IF heard > 0 THEN
    PERFORM pg_notify('pipewright_jobs', '');
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS automations_hear ON events;
CREATE TRIGGER automations_hear AFTER INSERT ON events REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION app.automations_hear();
