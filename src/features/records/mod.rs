//! What companies, contacts and deals share: lists, timelines, inline edit, conflicts, archive and delete.
