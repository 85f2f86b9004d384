//! A field's new value for many records: read with the field's own parser, once, and turned into SQL that fits its column.

use super::custom;
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{accounts::members, companies, deals, fields::Catalogue, records::display},
    kernel::{Currency, Field, FieldKind, MemberId, RecordType, calendar, countries, money, people, text},
    web::{Actor, Form},
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What happens to the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Set,
    Clear,
    /// Of fields that hold several values.
    Add,
    Remove,
}

/// A field and what to write into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    pub key: String,
    pub mode: Mode,
    /// As JSON that Postgres reads into the column: null clears.
    pub value: Value,
    /// As events show it: references with their names.
    pub shown: Value,
    /// "Set Lifecycle to Customer".
    pub words: String,
    /// Of an amount: the currency that goes with it; `None` leaves each record its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// The fields that many records may be given at once: those one may edit on a record, but for what tells records apart.
pub fn editable(record: RecordType) -> Vec<&'static Field> {
    record.fields().iter().filter(|field| field.inline && !matches!(field.kind, FieldKind::DateTime)).collect()
}

/// Reads `field`, `mode` and `value` of the form.
pub fn parse(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<Edit> {
    let key = form.get("field");
    let Some(field) = editable(record).into_iter().find(|f| f.key == key) else {
        let catalogue = Catalogue::load(tx, actor, record)?;
        let own = custom::editable(&catalogue).find(|entry| entry.key == key);
        let own = own.ok_or_else(|| AppError::field("field", "is not one of the choices"))?;
        return custom::parse(tx, actor, own, form);
    };
    let listed = matches!(field.kind, FieldKind::Emails | FieldKind::Phones);
    let mode = match form.get("mode") {
        "add" if listed => Mode::Add,
        "remove" if listed => Mode::Remove,
        "clear" => Mode::Clear,
        _ => Mode::Set,
    };
    edit(tx, actor, record, field, mode, form)
}

/// An edit of one field from the form's `value`.
pub fn edit(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    field: &'static Field,
    mode: Mode,
    form: &Form,
) -> AppResult<Edit> {
    let (value, shown, words) = match mode {
        Mode::Clear => cleared(record, field)?,
        _ => read(tx, actor, record, field, form)?,
    };
    let empty = value.is_null() || value == json!("") || value == json!([]);
    if mode != Mode::Clear && empty && field.kind != FieldKind::Bool {
        return Err(AppError::field("value", "is needed. To empty the field, choose to clear it"));
    }
    let label = field.label;
    let currency = currency(record, field, mode, form)?;
    if let Some(code) = &currency {
        fits(actor, record, code, form.get("value")).map_err(|told| AppError::field("value", told))?;
    }
    let words = match &currency {
        Some(code) => format!("{words} {code}"),
        None => words,
    };
    let words = match mode {
        Mode::Set => format!("Set {label} to {words}"),
        Mode::Clear => format!("Clear {label}"),
        Mode::Add => format!("Add {words} to {label}"),
        Mode::Remove => format!("Remove {words} from {label}"),
    };
    Ok(Edit { key: field.key.to_owned(), mode, value, shown, words: short(&words), currency })
}

/// Whether records of that type keep a currency beside that amount.
pub(super) fn has_currency(record: RecordType, field: &Field) -> bool {
    field.kind == FieldKind::Money && record.field("currency").is_some()
}

fn currency(record: RecordType, field: &Field, mode: Mode, form: &Form) -> AppResult<Option<String>> {
    if mode != Mode::Set || !has_currency(record, field) {
        return Ok(None);
    }
    let mut p = form.parser();
    let currency = p.optional("currency", str::parse::<Currency>).map(|c| c.code().to_owned());
    p.finish().map_err(|errors| AppError::field("value", errors.get("currency").unwrap_or("has no such currency")))?;
    Ok(currency)
}

/// What is asked of one deal's amount is asked of many.
fn fits(actor: &Actor, record: RecordType, code: &str, value: &str) -> Result<(), String> {
    let amount = money::parse_amount_in(value, actor.locale.mark(), code.parse().ok())?;
    let finer = deals::too_fine(code, Some(amount)).filter(|_| record == RecordType::Deal);
    finer.map_or(Ok(()), Err)
}

/// Where each deal keeps its own currency: those whose currency does not count so finely.
fn finer(edit: &Edit) -> Vec<(String, &'static str)> {
    let amount: Option<Decimal> = edit.value.as_str().and_then(|amount| amount.parse().ok());
    let coarse = Currency::all().into_iter().map(|(code, _)| code);
    let coarse = coarse.filter(|code| deals::too_fine(code, amount).is_some());
    let codes: Vec<String> = coarse.map(|code| format!("'{code}'")).collect();
    if codes.is_empty() {
        return vec![];
    }
    vec![(format!("r.currency IN ({})", codes.join(", ")), "in a currency without so many decimals")]
}

pub(super) fn short(words: &str) -> String {
    if words.chars().count() <= 120 {
        words.to_owned()
    } else {
        format!("{}…", words.chars().take(119).collect::<String>())
    }
}

fn cleared(record: RecordType, field: &Field) -> AppResult<(Value, Value, String)> {
    if field.required || field.kind == FieldKind::Currency {
        return Err(AppError::field("value", "is required: this field cannot be cleared"));
    }
    let empty = match (record, field.key, field.kind) {
        (_, _, FieldKind::Emails | FieldKind::Phones) => json!([]),
        (_, _, FieldKind::Bool) => json!(false),
        (RecordType::Contact | RecordType::Lead, "first_name" | "last_name", _) => json!(""),
        _ => Value::Null,
    };
    Ok((empty, Value::Null, String::new()))
}

/// The value for the column, for the event, in words.
fn read(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    field: &'static Field,
    form: &Form,
) -> AppResult<(Value, Value, String)> {
    match field.kind {
        FieldKind::Member => member(tx, actor, record, form),
        FieldKind::Company => company(tx, actor, form),
        FieldKind::Emails | FieldKind::Phones => several(actor, field, form),
        _ => {
            let value = plain(actor, field, form)?;
            let words = match field.kind {
                // In which currency is said beside it, or is each record's own.
                FieldKind::Money => value.as_str().unwrap_or_default().to_owned(),
                _ => display::json(Some(field), &value, actor, None),
            };
            let shown = if value.is_null() { Value::Null } else { value.clone() };
            Ok((value, shown, format!("“{words}”")))
        }
    }
}

fn plain(actor: &Actor, field: &Field, form: &Form) -> AppResult<Value> {
    let region = Some(actor.home());
    let mut p = form.parser();
    let value = match field.kind {
        FieldKind::Email => json!(p.optional("value", people::parse_email)),
        FieldKind::Phone => json!(p.optional("value", |t| people::parse_phone(t, region))),
        FieldKind::Domain => {
            json!(p.optional("value", |t| text::domain(t).ok_or("must be a web domain, such as example.com")))
        }
        FieldKind::Country => json!(p.optional("value", countries::parse)),
        FieldKind::Integer => json!(p.integer("value", 0, field.most)),
        FieldKind::Percent => json!(p.integer("value", 0, 100)),
        FieldKind::Money => json!(
            p.optional("value", |t| money::parse_amount(t, actor.locale.mark())).map(|a| a.normalize().to_string())
        ),
        FieldKind::Currency => json!(p.optional("value", str::parse::<Currency>).map(|c| c.code().to_owned())),
        FieldKind::Date => json!(p.optional("value", calendar::parse_date)),
        FieldKind::Bool => json!(p.checkbox("value")),
        FieldKind::Choice(choices) => json!(p.choice("value", choices)),
        _ => json!(p.text("value", field.max)),
    };
    p.finish()?;
    Ok(value)
}

fn several(actor: &Actor, field: &Field, form: &Form) -> AppResult<(Value, Value, String)> {
    let mut values: Vec<String> = Vec::new();
    for raw in display::many(form, "value") {
        let read = match field.kind {
            FieldKind::Emails => people::parse_email(&raw),
            _ => people::parse_phone(&raw, Some(actor.home())),
        };
        let value = read.map_err(|told| AppError::field("value", told))?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    if values.len() > 20 {
        return Err(AppError::field("value", "are too many: at most 20"));
    }
    let words = values.join(", ");
    Ok((json!(values), json!(values), words))
}

fn member(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<(Value, Value, String)> {
    let mut p = form.parser();
    let owner: Option<MemberId> = p.id("value");
    p.finish()?;
    let Some(owner) = owner else { return Ok((Value::Null, Value::Null, String::new())) };
    members::check_owner(tx, Some(owner), "value")?;
    if record == RecordType::Deal && !actor.sees(Some(owner.into())) {
        return Err(AppError::field("value", "is not one of the people you work with"));
    }
    let name = members::directory(tx)?.into_iter().find(|p| p.id == owner).map(|p| p.name).unwrap_or_default();
    Ok((json!(owner), json!({ "id": owner, "name": name }), name))
}

fn company(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<(Value, Value, String)> {
    let (id, name) = companies::reference(form, "value");
    let found = companies::resolve(tx, actor, id, name).map_err(|error| match error {
        AppError::Invalid(errors) => AppError::field("value", errors.get("company_id").unwrap_or("is not known")),
        other => other,
    })?;
    let Some(id) = found else { return Ok((Value::Null, Value::Null, String::new())) };
    let name = companies::names(tx, &[id])?.remove(&id).unwrap_or_default();
    Ok((json!(id), json!({ "id": id, "name": name }), name))
}

/// An edit as SQL over the record's table `r` and `n`, a record that holds the new value (see [`Setting::image`]).
pub(super) struct Setting {
    pub column: String,
    /// The column's new value.
    pub new: String,
    /// Whether there is anything to change.
    pub differs: String,
    /// As events show it.
    pub before: String,
    /// The same of the new value, where it depends on the old one.
    pub after: String,
    /// Conditions under which it cannot be, each with the reason.
    pub refused: Vec<(String, &'static str)>,
}

impl Setting {
    pub fn of(record: RecordType, edit: &Edit) -> AppResult<Self> {
        let Some(field) = record.field(&edit.key) else { return custom::setting(edit) };
        let column = field.column.rsplit('.').next().unwrap_or(field.column).to_owned();
        let (new, differs) = match edit.mode {
            Mode::Set if edit.currency.is_some() => (
                format!("n.{column}"),
                format!("(r.{column} IS DISTINCT FROM n.{column} OR r.currency IS DISTINCT FROM n.currency)"),
            ),
            Mode::Set | Mode::Clear => (format!("n.{column}"), format!("r.{column} IS DISTINCT FROM n.{column}")),
            Mode::Add => (
                format!("r.{column} || ARRAY(SELECT x FROM unnest(n.{column}) x WHERE x <> ALL (r.{column}))"),
                format!("NOT r.{column} @> n.{column}"),
            ),
            Mode::Remove => (
                format!("ARRAY(SELECT x FROM unnest(r.{column}) x WHERE x <> ALL (n.{column}))"),
                format!("r.{column} && n.{column}"),
            ),
        };
        let before = match field.kind {
            FieldKind::Money => format!("to_jsonb(trim_scale(r.{column})::text)"),
            FieldKind::Member => named("members", &column),
            FieldKind::Company => named("companies", &column),
            _ => format!("to_jsonb(r.{column})"),
        };
        let after = format!("to_jsonb({new})");
        Ok(Self { refused: refused(record, field, edit), column, new, differs, before, after })
    }

    /// The JSON from which `n` is made.
    pub fn image(&self, edit: &Edit) -> Value {
        let value = if self.column == "custom" { json!({ edit.key.clone(): edit.value }) } else { edit.value.clone() };
        let mut image = json!({ self.column.clone(): value });
        if let Some(currency) = &edit.currency {
            image["currency"] = json!(currency);
        }
        image
    }
}

fn named(table: &str, column: &str) -> String {
    let name = format!("SELECT jsonb_build_object('id', x.id, 'name', x.name) FROM {table} x");
    format!("({name} WHERE x.org_id = r.org_id AND x.id = r.{column})")
}

fn refused(record: RecordType, field: &Field, edit: &Edit) -> Vec<(String, &'static str)> {
    let clearing = edit.mode == Mode::Clear;
    // What a record is called by: one of them must stay.
    let names: &[&str] = match record {
        RecordType::Contact => &["first_name", "last_name", "email"],
        RecordType::Lead => &["first_name", "last_name", "company_name", "email"],
        RecordType::Company | RecordType::Deal => &[],
    };
    match (record, field.key) {
        (_, key) if clearing && names.contains(&key) => {
            let others = names.iter().filter(|name| **name != key).map(|name| format!("coalesce(r.{name}, '') = ''"));
            vec![(others.collect::<Vec<_>>().join(" AND "), "would have neither name nor e-mail")]
        }
        (RecordType::Deal, "amount") if edit.mode == Mode::Set && edit.currency.is_none() => finer(edit),
        (RecordType::Company, "parent_id") if !clearing => vec![(
            "r.id IN (WITH RECURSIVE up AS (SELECT n.parent_id AS id UNION SELECT c.parent_id FROM companies c JOIN up \
             ON c.id = up.id WHERE c.parent_id IS NOT NULL) SELECT id FROM up)"
                .into(),
            "would belong to itself",
        )],
        _ => vec![],
    }
}
