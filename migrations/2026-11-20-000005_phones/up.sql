-- Who has that number, or one that begins so: typed digits find people, and imports and duplicates compare whole numbers.
CREATE INDEX contacts_phone ON contacts (org_id, phone text_pattern_ops) WHERE phone IS NOT NULL;
