-- What was first promised of deals that slipped or shrank before that was kept (2026-11-29-000065): it follows from their events, in the
-- way app.deal_promises has it. The function stays, so that the markers can be made anew.
CREATE FUNCTION app.replay_promises(org uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  d record;
  told record;
  was_open boolean;
  is_open boolean;
  first_close date;
  first numeric;
  slipped integer;
BEGIN
  FOR d IN
    SELECT x.id FROM public.deals x WHERE x.org_id = org AND EXISTS (
      SELECT FROM public.events e WHERE e.org_id = org AND e.record_id = x.id AND e.record_type = 'deal' AND e.kind <> 'deal.created'
        AND e.changes ?| ARRAY['amount', 'expected_close_on'])
  LOOP
    is_open := true; first_close := NULL; first := NULL; slipped := 0;
    FOR told IN
      SELECT x.kind, x.changes AS c,
        x.changes ? 'currency' AND x.changes #>> '{currency,0}' IS DISTINCT FROM x.changes #>> '{currency,1}' AS other_currency,
        x.changes ? 'amount' AS of_amount, x.changes ? 'expected_close_on' AS of_close,
        nullif(x.changes #>> '{amount,0}', '')::numeric AS amount_before, nullif(x.changes #>> '{amount,1}', '')::numeric AS amount_after,
        nullif(x.changes #>> '{expected_close_on,0}', '')::date AS close_before, nullif(x.changes #>> '{expected_close_on,1}', '')::date AS close_after,
        x.data->>'split' = 'true' OR EXISTS (
          SELECT FROM public.operation_changes k JOIN public.operations o ON o.org_id = k.org_id AND o.id = k.operation_id AND o.kind = 'split'
          WHERE k.org_id = org AND k.record_id = d.id AND (k.version_after = x.version OR x.data->>'undo' = 'true' AND x.data->>'operation_id' = o.id::text)) AS split
      FROM public.events x
      WHERE x.org_id = org AND x.record_id = d.id AND x.record_type = 'deal'
        AND x.changes ?| ARRAY['amount', 'currency', 'expected_close_on', 'status']
      ORDER BY x.at, x.version, x.id
    LOOP
      was_open := is_open;
      IF told.c ? 'status' THEN
        is_open := told.c #>> '{status,1}' = 'open';
      END IF;
      CONTINUE WHEN told.kind = 'deal.created';
      IF told.other_currency THEN
        first := NULL;
      ELSIF told.of_amount AND was_open AND is_open THEN
        first := coalesce(first, told.amount_before);
        IF told.split AND told.amount_before <> 0 THEN
          first := round(first * told.amount_after / told.amount_before, 4);
        END IF;
      END IF;
      IF told.of_close AND was_open AND is_open THEN
        first_close := coalesce(first_close, told.close_before);
        IF told.close_after <= first_close THEN
          slipped := 0;
        ELSIF told.close_after > coalesce(told.close_before, first_close) THEN
          slipped := least(slipped + 1, 32000);
        END IF;
      END IF;
    END LOOP;
    UPDATE public.deals u SET first_close_on = first_close, first_amount = first, slips = slipped
    WHERE u.org_id = org AND u.id = d.id AND (u.first_close_on, u.first_amount, u.slips) IS DISTINCT FROM (first_close, first, slipped::smallint);
  END LOOP;
END $$;

SET LOCAL ROLE pipewright_system;
SELECT app.replay_promises(id) FROM organisations;
SET LOCAL ROLE pipewright_owner;
