DROP TABLE post_edits, post_reactions, post_mentions, comments;
ALTER TABLE notes DROP COLUMN pinned_at;
