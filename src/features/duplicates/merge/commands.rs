//! Merging: one transaction in which the survivor is saved as from its form, what hangs on the other record comes over, the other
//! record is deleted, and the book keeps both as they were.

use super::{
    super::queue,
    book, image, name_in, parents,
    relations::{self, Moved, Way},
    sides::{Sides, Which},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::{
        fields::{self, Kind},
        records::{Saved, Spec, require_delete, require_edit, standing},
    },
    kernel::{MergeId, RecordType},
    schema::{lead_conversions, merges},
    search,
    web::{Actor, Form},
};
use diesel::{prelude::*, sql_types};
use serde_json::{Value, json};
use uuid::Uuid;

/// What is asked for: which two, who survives, and which side each field comes from.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub a: Uuid,
    pub b: Uuid,
    pub survivor: Which,
    /// The posted form: `pick-…`, `version_a`, `version_b`.
    pub picks: Form,
}

/// What became of it.
pub(super) enum Outcome {
    Done {
        merge: MergeId,
        survivor: Uuid,
        name: String,
        merged: String,
    },
    /// It was done before: the form came twice.
    Already {
        survivor: Uuid,
    },
    /// Someone changed one of the two since the form was opened.
    Stale,
}

/// Merges as ordered.
pub(super) fn merge(tx: &mut OrgTx, actor: &Actor, spec: &Spec, order: &Order) -> AppResult<Outcome> {
    let record = spec.record;
    require_edit(actor, record)?;
    require_delete(actor, record)?;
    if order.a == order.b {
        return Err(AppError::field("with", "is the record itself"));
    }
    if let Some(survivor) = lock(tx, actor, record, order)? {
        return Ok(Outcome::Already { survivor });
    }
    let sides = Sides::load(tx, actor, spec, order.a, order.b)?;
    let seen = |key: &str| order.picks.get(key).parse::<i32>().ok();
    if seen("version_a") != Some(sides.a.standing.version) || seen("version_b") != Some(sides.b.standing.version) {
        return Ok(Outcome::Stale);
    }
    refuse_converted(tx, record, &[order.a, order.b])?;
    tx.without_time_limit()?;
    carry_out(tx, actor, spec, order, &sides)
}

/// Holds both records, always in the same order. The survivor's id when the two are one already.
fn lock(tx: &mut OrgTx, actor: &Actor, record: RecordType, order: &Order) -> AppResult<Option<Uuid>> {
    let mut ids = [order.a, order.b];
    ids.sort_unstable();
    let mut gone = Vec::new();
    for id in ids {
        if standing(tx, actor, record, id, true)?.deleted {
            gone.push(id);
        }
    }
    let Some(id) = gone.first() else { return Ok(None) };
    match book::of_merged(tx, record, *id)? {
        Some(merge) if gone.len() == 1 && ids.contains(&merge.survivor_id) => Ok(Some(merge.survivor_id)),
        _ => Err(AppError::NotFound),
    }
}

/// What became of a converted lead stands in its conversion; two such histories cannot be one.
fn refuse_converted(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    if record != RecordType::Lead {
        return Ok(());
    }
    let converted = lead_conversions::table.filter(lead_conversions::lead_id.eq_any(ids));
    if diesel::select(diesel::dsl::exists(converted)).get_result(tx.conn())? {
        return Err(AppError::Conflict("A converted lead cannot be merged. Undo its conversion first.".into()));
    }
    Ok(())
}

fn carry_out(tx: &mut OrgTx, actor: &Actor, spec: &Spec, order: &Order, sides: &Sides) -> AppResult<Outcome> {
    let record = spec.record;
    let other = if order.survivor == Which::A { Which::B } else { Which::A };
    let (survivor, merged) = (sides.of(order.survivor).id, sides.of(other).id);
    let (before, gone) = (image(tx, record, survivor)?, image(tx, record, merged)?);
    let form = form(tx, record, order, sides)?;
    // First: a deleted record gives up what only one record may have.
    delete(tx, record, merged)?;
    match (spec.save)(tx, actor, survivor, &form)? {
        Saved::Done(_) => {}
        Saved::Stale => return Ok(Outcome::Stale),
    }
    take_external_id(tx, record, survivor, merged)?;
    let after = image(tx, record, survivor)?;
    let id = MergeId::new();
    let (name, merged_name) = (name_in(&after), name_in(&gone));
    let way = Way { merge: id, record, from: merged, to: survivor, from_name: &merged_name, to_name: &name };
    let moved = relations::hand_over(tx, &way)?;
    let kept = json!({ "survivor": before, "merged": gone });
    write_down(tx, actor, &way, (kept, after), &moved)?;
    queue::answered(tx, record, (survivor, merged), true)?;
    tell(tx, &way)?;
    search::reindex(tx, record, &[survivor, merged])?;
    Ok(Outcome::Done { merge: id, survivor, name, merged: merged_name })
}

/// The survivor's new form. Nothing links to itself: neither to what stays nor to what goes. A parent that would put the company above itself gives way to the other side's, or to none.
fn form(tx: &mut OrgTx, record: RecordType, order: &Order, sides: &Sides) -> AppResult<Form> {
    let mut form = sides.united(order.survivor, &order.picks);
    let itself = |id: &str| id.parse::<Uuid>().is_ok_and(|id| id == order.a || id == order.b);
    for key in sides
        .entries
        .iter()
        .filter(|entry| entry.is_custom() && entry.kind == Kind::Record(record))
        .map(|entry| &entry.key)
    {
        if itself(form.get(&fields::id_name(key))) {
            form.set(key, "");
            form.set(&fields::id_name(key), "");
        }
    }
    if record != RecordType::Company {
        return Ok(form);
    }
    let both = [order.a, order.b];
    let chosen = (form.get("parent_id").to_owned(), form.get("parent").to_owned());
    let offers = [&sides.a.form, &sides.b.form].map(|f| (f.get("parent_id").to_owned(), f.get("parent").to_owned()));
    let circles = |tx: &mut OrgTx, id: &str| match id.parse::<Uuid>() {
        Ok(id) => parents::descends(tx, id, &both),
        Err(_) => Ok(true),
    };
    let (mut id, mut name) = (String::new(), String::new());
    for offer in std::iter::once(chosen).filter(|(id, _)| !id.is_empty()).chain(offers) {
        if form.get("parent_id").is_empty() {
            break;
        }
        if !circles(tx, &offer.0)? {
            (id, name) = offer;
            break;
        }
    }
    form.set("parent_id", id);
    form.set("parent", name);
    Ok(form)
}

/// The id another system knows the record by stays with the one that is left.
fn take_external_id(tx: &mut OrgTx, record: RecordType, survivor: Uuid, merged: Uuid) -> AppResult<()> {
    #[derive(QueryableByName)]
    struct External {
        #[diesel(sql_type = sql_types::Text)]
        external_id: String,
    }
    let table = record.noun();
    let taken: Option<External> = diesel::sql_query(format!(
        "UPDATE {table} m SET external_id = NULL FROM (SELECT external_id FROM {table} WHERE id = $2) was, {table} s \
         WHERE m.id = $2 AND s.id = $1 AND s.external_id IS NULL AND m.external_id IS NOT NULL RETURNING was.external_id"
    ))
    .bind::<sql_types::Uuid, _>(survivor)
    .bind::<sql_types::Uuid, _>(merged)
    .get_result(tx.conn())
    .optional()?;
    if let Some(External { external_id }) = taken {
        diesel::sql_query(format!("UPDATE {table} SET external_id = $2 WHERE id = $1"))
            .bind::<sql_types::Uuid, _>(survivor)
            .bind::<sql_types::Text, _>(external_id)
            .execute(tx.conn())?;
    }
    Ok(())
}

fn delete(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<()> {
    let sql = format!(
        "UPDATE {} SET deleted_at = now(), version = version + 1, updated_at = now() WHERE id = $1",
        record.noun()
    );
    diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id).execute(tx.conn())?;
    Ok(())
}

fn write_down(
    tx: &mut OrgTx,
    actor: &Actor,
    way: &Way,
    (before, after): (Value, Value),
    moved: &Moved,
) -> AppResult<()> {
    let version = after.get("version").and_then(Value::as_i64).and_then(|v| i32::try_from(v).ok()).unwrap_or(0);
    let moved = serde_json::to_value(moved).map_err(anyhow::Error::from)?;
    diesel::insert_into(merges::table)
        .values((
            (merges::id.eq(way.merge), merges::record_type.eq(way.record.key())),
            (merges::survivor_id.eq(way.to), merges::merged_id.eq(way.from)),
            (merges::before.eq(before), merges::after.eq(after), merges::moved.eq(moved)),
            (merges::survivor_version.eq(version), merges::merged_by.eq(actor.id)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Both histories say so.
fn tell(tx: &mut OrgTx, way: &Way) -> AppResult<()> {
    let (merged, into) = match way.record {
        RecordType::Company => ("company.merged", "company.merged_into"),
        RecordType::Contact => ("contact.merged", "contact.merged_into"),
        RecordType::Lead => ("lead.merged", "lead.merged_into"),
        RecordType::Deal => ("deal.merged", "deal.merged_into"),
    };
    let data = |title: String| json!({ "title": title, "merge_id": way.merge });
    let event = Event::new(merged, way.record, way.to);
    events::record(tx, event.data(data(format!("Merged with {}", way.from_name))))?;
    let event = Event::new(into, way.record, way.from);
    events::record(tx, event.data(data(format!("Merged into {}", way.to_name))))
}
