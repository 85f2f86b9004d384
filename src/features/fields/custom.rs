//! The custom values of one record: read from a form, put into one, compared for history.
//!
//! A form need not bring every field: what it does not bring stays as it is, as does what the writer may not see or edit. A new
//! record begins with the defaults. Required is asked of who may fill the field in, when the form brings it or the record is new.

use super::{
    Entry, Kind, ParseContext,
    definition::CustomField,
    parse, queries,
    render::{self, Names},
    unique, values,
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    events::Changes,
    features::records,
    kernel::RecordType,
    web::{Actor, Form, Parser},
};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, Output, ToSql},
    sql_types::Jsonb,
};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Canonical values by key; see `values`.
#[derive(Clone, Debug, Default, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Jsonb)]
pub struct Custom(pub Map<String, Value>);

impl FromSql<Jsonb, Pg> for Custom {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        match <Value as FromSql<Jsonb, Pg>>::from_sql(bytes)? {
            Value::Object(map) => Ok(Self(map)),
            _ => Ok(Self::default()),
        }
    }
}

impl ToSql<Jsonb, Pg> for Custom {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Value as ToSql<Jsonb, Pg>>::to_sql(&Value::Object(self.0.clone()), &mut out.reborrow())
    }
}

impl Custom {
    /// Null when the field is empty.
    pub fn get(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or(&Value::Null)
    }

    /// Null clears.
    pub fn set(&mut self, key: &str, value: Value) {
        if value.is_null() || value == Value::Array(vec![]) {
            self.0.remove(key);
        } else {
            self.0.insert(key.to_owned(), value);
        }
    }
}

/// Reads the custom fields of a form over what the record holds (`kept`; `None`: it is new). Errors stand at the fields' keys.
pub fn read(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    form: &Form,
    kept: Option<&Custom>,
    errors: &mut Parser<'_>,
) -> AppResult<Custom> {
    let mut custom = kept.cloned().unwrap_or_default();
    let fields: Vec<CustomField> = queries::all(tx, record)?.into_iter().filter(|f| f.retired_at.is_none()).collect();
    if fields.is_empty() {
        return Ok(custom);
    }
    let mut context = context(tx, actor, &fields, form)?;
    for field in fields {
        let entry = field.entry(field.edited_by(actor));
        if matches!(entry.kind, Kind::Formula(_)) {
            continue;
        }
        let brought = entry.editable && form.has(&entry.key);
        if !brought && kept.is_none() {
            custom.set(&entry.key, entry.default.clone().unwrap_or_default());
        }
        if brought {
            match take(tx, actor, &entry, form, custom.get(&entry.key), &mut context)? {
                Ok(value) => custom.set(&entry.key, value),
                Err(told) => errors.error(&entry.key, told),
            }
        }
        let asked = entry.editable && (brought || kept.is_none());
        if entry.required && asked && custom.get(&entry.key).is_null() {
            errors.error(&entry.key, "is required");
        }
        let before = kept.map_or(&Value::Null, |kept| kept.get(&entry.key));
        if entry.unique && unique::taken(tx, &entry, before, custom.get(&entry.key))? {
            errors.error(&entry.key, format!("is already that of another {}", record.label().to_lowercase()));
        }
    }
    Ok(custom)
}

/// People are looked up only for a form that may name some.
fn context(tx: &mut OrgTx, actor: &Actor, fields: &[CustomField], form: &Form) -> AppResult<ParseContext> {
    let names_people = fields.iter().any(|f| f.kind == "member" && !form.get(&f.key).is_empty());
    let context = if names_people { ParseContext::load(tx, actor)? } else { ParseContext::of(actor) };
    Ok(ParseContext { region: actor.home_of(form.get("country")), ..context })
}

/// The posted value; what was not changed is not judged again, so that someone who left may stay where they stand.
fn take(
    tx: &mut OrgTx,
    actor: &Actor,
    entry: &Entry,
    form: &Form,
    before: &Value,
    context: &mut ParseContext,
) -> AppResult<Result<Value, String>> {
    let text = posted(entry, form);
    if let Kind::Record(record) = entry.kind {
        return link(tx, actor, entry, record, form, before, context);
    }
    let same_currency = !entry.own_currency
        || before.get("currency").and_then(Value::as_str).is_none_or(|c| c == form.get(&currency_name(&entry.key)));
    if !before.is_null() && same_currency && text == render::raw(entry, before, actor.zone) {
        return Ok(Ok(before.clone()));
    }
    let currency = form.get(&currency_name(&entry.key));
    context.currency = actor.org.currency.clone();
    if entry.own_currency && !currency.is_empty() && !text.chars().any(|c| c.is_ascii_alphabetic()) {
        return Ok(parse(entry, &if text.is_empty() { text } else { format!("{text} {currency}") }, context));
    }
    Ok(parse(entry, &text, context))
}

/// A repeated control's values are lines.
fn posted(entry: &Entry, form: &Form) -> String {
    if entry.kind.is_list() {
        form.all(&entry.key).collect::<Vec<_>>().join("\n")
    } else {
        form.get(&entry.key).to_owned()
    }
}

/// A link comes as a name beside an id, or as a name or an id alone.
fn link(
    tx: &mut OrgTx,
    actor: &Actor,
    entry: &Entry,
    record: RecordType,
    form: &Form,
    before: &Value,
    context: &mut ParseContext,
) -> AppResult<Result<Value, String>> {
    let (name, id) = (form.get(&entry.key), form.get(&id_name(&entry.key)));
    if name.is_empty() {
        return Ok(Ok(Value::Null));
    }
    if render::id(before).is_some_and(|kept| kept.to_string() == id || kept.to_string() == name) {
        return Ok(Ok(before.clone()));
    }
    let given = if id.parse::<Uuid>().is_ok() { id } else { name };
    if given.parse::<Uuid>().is_err() {
        values::name_records(tx, actor, record, &[given.to_owned()], context)?;
    }
    let value = match parse(entry, given, context) {
        Ok(value) => value,
        Err(told) => return Ok(Err(told)),
    };
    let Some(found) = render::id(&value) else { return Ok(Ok(value)) };
    match records::visible(tx, actor, record, found) {
        Ok(_) => Ok(Ok(value)),
        Err(AppError::NotFound | AppError::Forbidden(_)) => {
            Ok(Err(format!("is no {} that you can see", record.label().to_lowercase())))
        }
        Err(other) => Err(other),
    }
}

/// Where the id of a link travels beside its name: no key has two underscores in a row.
pub fn id_name(key: &str) -> String {
    format!("{key}__id")
}

/// Where the currency of an amount travels beside it.
pub fn currency_name(key: &str) -> String {
    format!("{key}__currency")
}

/// Puts the values that this reader may see into a record's form. Empty ones are left out, so that a form made from it for another
/// field's sake does not bring them.
pub fn fill(tx: &mut OrgTx, actor: &Actor, record: RecordType, custom: &Custom, form: &mut Form) -> AppResult<()> {
    if custom.0.is_empty() {
        return Ok(());
    }
    let catalogue = super::Catalogue::load(tx, actor, record)?;
    let names = Names::load(tx, catalogue.custom(), &[custom])?;
    for entry in catalogue.custom() {
        fill_one(form, entry, custom.get(&entry.key), &names, actor);
    }
    Ok(())
}

fn fill_one(form: &mut Form, entry: &Entry, value: &Value, names: &Names, actor: &Actor) {
    let raw = render::raw(entry, value, actor.zone);
    if raw.is_empty() {
        return;
    }
    match &entry.kind {
        Kind::Record(_) => {
            // A linked record that is gone is a link to nothing.
            let Some(name) = render::id(value).and_then(|id| names.get(id)) else { return };
            form.set(&entry.key, name);
            form.set(&id_name(&entry.key), raw);
        }
        Kind::Money => {
            form.set(&entry.key, raw);
            let currency = value.get("currency").and_then(Value::as_str).unwrap_or(&actor.org.currency);
            form.set(&currency_name(&entry.key), currency);
        }
        _ => form.set(&entry.key, raw),
    }
}

/// Puts the defaults of a new record into its form, where the form says nothing yet.
pub fn prefill(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &mut Form) -> AppResult<()> {
    let catalogue = super::Catalogue::load(tx, actor, record)?;
    for entry in catalogue.custom().filter(|entry| !form.has(&entry.key)).collect::<Vec<_>>() {
        if let Some(default) = &entry.default {
            fill_one(form, entry, default, &Names::default(), actor);
        }
    }
    Ok(())
}

/// Notes what differs between two records' custom values.
pub fn track(
    tx: &mut OrgTx,
    record: RecordType,
    before: &Custom,
    after: &Custom,
    changes: &mut Changes,
) -> AppResult<()> {
    if before == after {
        return Ok(());
    }
    let catalogue = super::Catalogue::whole(tx, record)?;
    let names = Names::load(tx, catalogue.custom(), &[before, after])?;
    for entry in catalogue.entries.iter().chain(&catalogue.retired).filter(|entry| entry.is_custom()) {
        let side = |custom: &Custom| render::told(entry, custom.get(&entry.key), &names);
        changes.track(&entry.key, &side(before), &side(after));
    }
    Ok(())
}
