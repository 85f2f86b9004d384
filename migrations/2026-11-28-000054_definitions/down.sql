DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['activity_types', 'custom_fields', 'members', 'pipelines', 'quality_settings', 'stages', 'validation_rules'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS definitions_insert ON %I', t);
    EXECUTE format('DROP TRIGGER IF EXISTS definitions_update ON %I', t);
    EXECUTE format('DROP TRIGGER IF EXISTS definitions_delete ON %I', t);
  END LOOP;
END $$;
DROP TABLE definition_changes;
