//! Two people on one line: a form says when the line it shows was written (`version`). Who comes later is told what changed meanwhile and
//! by whom, beside what they typed; and so is who saves a line that was taken off.

use super::{
    forms,
    model::{self, Line},
    undo,
};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    events,
    features::{
        products,
        records::history::{ChangeLine, Conflict, Mine, compare},
    },
    kernel::{DealId, LineId, lines::INTERVALS},
    schema::deal_lines,
    web::{Actor, Form},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;

/// What a line's form asks, and what it is called.
const FIELDS: [(&str, &str); 7] = [
    ("product", "Product or description"),
    ("quantity", "Quantity"),
    ("unit_price", "Price"),
    ("discount", "Discount"),
    ("tax_class_id", "Tax"),
    ("every", "Paid"),
    ("periods", "How often"),
];

/// When the line was written last, as its form has it.
pub(super) fn version(tx: &mut OrgTx, line: &Line) -> AppResult<String> {
    Ok(written(tx, line)?.timestamp_micros().to_string())
}

fn written(tx: &mut OrgTx, line: &Line) -> AppResult<DateTime<Utc>> {
    let of_deal = deal_lines::table.filter(deal_lines::deal_id.eq(line.deal_id));
    Ok(of_deal.filter(deal_lines::id.eq(line.id)).select(deal_lines::updated_at).first(tx.conn())?)
}

/// Where the line was not written when the form says: the moment from which to tell. Taken back, it bears an earlier one.
pub(super) fn overtaken(tx: &mut OrgTx, line: &Line, form: &Form) -> AppResult<Option<DateTime<Utc>>> {
    let seen = form.get("version").parse().ok().and_then(DateTime::from_timestamp_micros);
    let Some(seen) = seen else { return Ok(None) };
    let written = written(tx, line)?;
    Ok((written != seen).then(|| written.min(seen)))
}

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    name: Option<String>,
    #[diesel(sql_type = sql_types::Jsonb)]
    data: Value,
    #[diesel(sql_type = sql_types::Jsonb)]
    pair: Value,
}

const SINCE: &str = "
SELECT e.at, m.name, e.data, e.changes->$2 AS pair FROM events e LEFT JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
WHERE e.record_type = 'deal' AND e.record_id = $1 AND jsonb_exists(e.changes, $2) AND e.at > $3 ORDER BY e.at, e.id";

fn since(tx: &mut OrgTx, deal: DealId, line: LineId, moment: DateTime<Utc>) -> AppResult<Vec<Told>> {
    let query = diesel::sql_query(SINCE)
        .bind::<sql_types::Uuid, _>(deal.0)
        .bind::<sql_types::Text, _>(format!("{}{line}", undo::KEY))
        .bind::<sql_types::Timestamptz, _>(moment);
    Ok(kept(query).load(tx.conn())?)
}

/// What became of the line since that moment, field by field, beside the form; whose `version` moves on, so that it overwrites knowingly.
pub(super) fn conflict(
    tx: &mut OrgTx,
    by: &Actor,
    line: &Line,
    seen: DateTime<Utc>,
    form: &mut Form,
) -> AppResult<Conflict> {
    let taxes = products::taxes(tx)?;
    let words = |key: &str, value: &str| match key {
        "tax_class_id" => {
            taxes.iter().find(|tax| tax.id.to_string() == value).map_or(value, |tax| &tax.name).to_owned()
        }
        "every" => INTERVALS.iter().find(|(known, _)| *known == value).map_or("Once", |(_, label)| label).to_owned(),
        _ => value.to_owned(),
    };
    let now = forms::to_form(line);
    let (mut lines, mut was): (Vec<ChangeLine>, Form) = (Vec::new(), now.clone());
    for told in since(tx, line.deal_id, line.id, seen)? {
        let (at, who) = (by.within(told.at), events::doer(told.name, &told.data));
        let (before, after) = (side(&told.pair[0]), side(&told.pair[1]));
        for (key, label) in FIELDS.iter().filter(|(key, _)| before.get(key) != after.get(key)) {
            if lines.iter().all(|line| line.key != *key) {
                was.set(key, before.get(key));
            }
            let after = words(key, after.get(key));
            match lines.iter_mut().find(|line| line.key == *key) {
                Some(line) => (line.after, line.by, line.at) = (after, who.clone(), at.clone()),
                None => lines.push(ChangeLine {
                    key: (*key).to_owned(),
                    label: (*label).to_owned(),
                    before: words(key, before.get(key)),
                    after,
                    by: who.clone(),
                    at: at.clone(),
                }),
            }
        }
    }
    form.set("version", version(tx, line)?);
    let mut mine = Vec::new();
    for (key, label) in FIELDS.iter().filter(|(key, _)| form.has(key)).copied().collect::<Vec<_>>() {
        let sides = [&was, &*form, &now].map(|form| form.get(key).to_owned());
        match compare(&sides) {
            Some(differs) => {
                let text = words(key, &sides[1]);
                mine.push(Mine { key: key.to_owned(), label: label.to_owned(), text, differs });
            }
            None => {
                form.set(key, now.get(key));
                if key == "product" {
                    form.set("product_id", now.get("product_id"));
                }
            }
        }
    }
    Ok(Conflict::of(lines, mine, format!("/deals/{}", line.deal_id)))
}

/// The form of a line as an event keeps it; empty where there was none.
fn side(value: &Value) -> Form {
    let line: Option<Line> = serde_json::from_value(value["line"].clone()).ok();
    line.map(|line| forms::to_form(&line)).unwrap_or_default()
}

/// A line that was taken off.
pub(super) struct Gone {
    pub name: String,
    /// "Maya Okafor (today 14:30)".
    pub who: String,
}

/// Of a line that is not on the deal: who took it off, if it ever was.
pub(super) fn gone(tx: &mut OrgTx, by: &Actor, deal: DealId, line: LineId) -> AppResult<Option<Gone>> {
    let Some(last) = since(tx, deal, line, DateTime::UNIX_EPOCH)?.pop() else { return Ok(None) };
    let was = last.pair[0]["line"]["name"].as_str().unwrap_or("The line").to_owned();
    Ok(Some(Gone { name: was, who: format!("{} ({})", events::doer(last.name, &last.data), by.within(last.at)) }))
}

/// The line, where it is there.
pub(super) fn find(tx: &mut OrgTx, deal: DealId, line: LineId) -> AppResult<Option<Line>> {
    Ok(model::of(tx, deal)?.into_iter().find(|there| there.id == line))
}
