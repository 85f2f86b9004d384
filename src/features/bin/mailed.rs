//! The product's own mails that name people who are to be forgotten: what is kept of them says no more than that there was a mail, and
//! what has not gone yet does not go. The row stays: by it a mail is known not to be sent again.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
};
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

/// Mails looked at in one statement.
const PIECE: i64 = 2_000;

const MAILS: &str = "SELECT id, recipient || E'\\n' || subject || E'\\n' || body_text AS said FROM mails \
     WHERE org_id = app.org() AND template IN ('notices', 'event') AND id > $1 ORDER BY id LIMIT $2";
/// What is to be sent, and what was refused and may be tried again.
const ORDERS: &str = "SELECT (payload->>'id')::uuid AS id, replace(payload::text, '\\n', ' ') AS said FROM jobs \
     WHERE org_id = app.org() AND kind = 'mail.send' AND payload->'message'->>'message' IN ('notices', 'event')";

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    said: String,
}

/// Names and what stands instead, by their first words: a text is read once, however many wait.
pub(super) struct Names<'a>(HashMap<&'a str, Vec<(&'a str, &'a str)>>);

impl<'a> Names<'a> {
    pub(super) fn new(names: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut found: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
        for (name, instead) in names {
            let name = name.trim_start_matches(|c: char| !c.is_alphanumeric());
            found.entry(first_word(name)).or_default().push((name, instead));
        }
        Self(found)
    }

    /// Blanks the mails that name one of them.
    pub(super) fn blank(&self, tx: &mut OrgTx) -> AppResult<()> {
        let orders: Vec<Said> = diesel::sql_query(ORDERS).load(tx.conn())?;
        self.blank_each(tx, &orders)?;
        let mut after = Uuid::nil();
        loop {
            let piece: Vec<Said> = diesel::sql_query(MAILS)
                .bind::<sql_types::Uuid, _>(after)
                .bind::<sql_types::BigInt, _>(PIECE)
                .load(tx.conn())?;
            let Some(last) = piece.last() else { return Ok(()) };
            after = last.id;
            self.blank_each(tx, &piece)?;
        }
    }

    fn blank_each(&self, tx: &mut OrgTx, mails: &[Said]) -> AppResult<()> {
        for mail in mails {
            let Some((name, instead)) = self.named(&mail.said) else { continue };
            diesel::sql_query("DELETE FROM jobs WHERE org_id = app.org() AND key = 'mail:' || $1")
                .bind::<sql_types::Text, _>(mail.id.to_string())
                .execute(tx.conn())?;
            diesel::sql_query(
                "UPDATE mails SET subject = $2, body_text = '', body_html = '', error = NULL, \
                   recipient = CASE WHEN recipient = $3 THEN $2 ELSE recipient END, \
                   status = CASE status WHEN 'queued' THEN 'kept' ELSE status END WHERE org_id = app.org() AND id = $1",
            )
            .bind::<sql_types::Uuid, _>(mail.id)
            .bind::<sql_types::Text, _>(instead)
            .bind::<sql_types::Text, _>(name)
            .execute(tx.conn())?;
        }
        Ok(())
    }

    /// The first of them whom a text names, and what stands instead.
    fn named(&self, text: &str) -> Option<(&'a str, &'a str)> {
        let mut before = ' ';
        for (at, c) in text.char_indices() {
            let starts = c.is_alphanumeric() && !before.is_alphanumeric();
            before = c;
            if !starts {
                continue;
            }
            let rest = text.get(at..).unwrap_or_default();
            for (name, instead) in self.0.get(first_word(rest)).into_iter().flatten() {
                if rest.strip_prefix(name).is_some_and(|after| !after.starts_with(char::is_alphanumeric)) {
                    return Some((name, instead));
                }
            }
        }
        None
    }
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn whole_names_are_found() {
        let names = Names::new([("Ann Bell", "A"), ("'t Hart", "B"), ("ann@bell.test", "C")].into_iter());
        let named = |text| names.named(text).map(|(_, instead)| instead);
        assert_eq!(named("Max gave you Ann Bell."), Some("A"));
        assert_eq!(named("Max gave you Ann Bellamy, Joann Bell"), None);
        assert_eq!(named("to ann@bell.test"), Some("C"));
        assert_eq!(named("'t Hart"), Some("B"));
    }
}
