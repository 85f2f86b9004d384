//! The columns that an import writes, as SQL: how each reads from the stage, when it differs, how events show it.

use super::{
    super::{options::OnMatch, slots::Slot},
    Plan,
    by_record::CARD,
    own::{self, Own},
    rivals,
};
use crate::kernel::{FieldKind, RecordType};

/// One column. Expressions read the stage row as `s`, the company it names as `r`, the existing record as `c`.
pub(super) struct Target {
    pub key: &'static str,
    pub column: &'static str,
    value: String,
    after: String,
    before: String,
    /// Lists are added to, never replaced.
    list: bool,
    /// Only what is empty on the record is written.
    fill: bool,
    /// When the record's value stays, whatever the file says.
    keep: Option<String>,
    /// Of new records whose row has nothing here.
    default: Option<String>,
    /// The own fields, which share a column.
    own: Option<Own>,
}

pub(super) fn of(plan: &Plan) -> Vec<Target> {
    let plain = plan.slots.iter().enumerate().filter(|(_, slot)| !slot.column.is_empty());
    let mut targets: Vec<Target> = plain.map(|(n, slot)| target(plan, n, slot)).collect();
    let mut default = |column: &'static str, cast: &str, value: Option<String>| {
        if value.is_some() && !targets.iter().any(|t| t.column == column) {
            let (value, default) = (format!("NULL::{cast}"), value);
            let (after, before) = ("NULL::jsonb".to_owned(), "NULL::jsonb".to_owned());
            targets.push(Target {
                key: column,
                column,
                value,
                after,
                before,
                list: false,
                fill: false,
                keep: None,
                default,
                own: None,
            });
        }
    };
    default("owner_id", "uuid", default_owner(plan));
    if matches!(plan.record, RecordType::Deal | RecordType::Lead) {
        default("currency", "text", Some(default_currency(plan)));
    }
    if plan.has_company {
        let column = plan.company_column();
        let after = "jsonb_build_object('id', r.id, 'name', r.name)".to_owned();
        targets.push(Target::reference(plan, column, "r.id".to_owned(), named("companies", column), after));
    }
    targets.extend(rivals::target(plan));
    targets.extend(own::target(plan).map(|own| Target {
        key: "custom",
        column: "custom",
        value: "s.custom".to_owned(),
        after: String::new(),
        before: String::new(),
        list: false,
        fill: plan.on_match == OnMatch::FillBlanks,
        keep: None,
        default: None,
        own: Some(own),
    }));
    targets
}

fn default_owner(plan: &Plan) -> Option<String> {
    plan.context.default_owner.as_ref().map(|owner| format!("'{}'::uuid", owner.id))
}

/// The organisation's own, which the database holds to three characters.
fn default_currency(plan: &Plan) -> String {
    format!("'{}'", plan.context.currency.replace('\'', ""))
}

/// What a reference of the record points to, as events show it.
pub(super) fn named(table: &str, column: &str) -> String {
    format!(
        "(SELECT jsonb_build_object('id', b.id, 'name', b.name) FROM {table} b WHERE b.org_id = c.org_id AND b.id = c.{column})"
    )
}

fn target(plan: &Plan, n: usize, slot: &Slot) -> Target {
    let column = slot.column;
    let value = match slot.cast() {
        "text" => format!("s.v{n}"),
        cast => format!("s.v{n}::{cast}"),
    };
    let (after, before) = match slot.kind {
        FieldKind::Money => {
            (format!("to_jsonb(trim_scale({value})::text)"), format!("to_jsonb(trim_scale(c.{column})::text)"))
        }
        FieldKind::Member => (format!("s.changes #> '{{{},1}}'", slot.key), named("members", column)),
        _ => (format!("to_jsonb({value})"), format!("to_jsonb(c.{column})")),
    };
    let default = match (plan.record, column) {
        (_, "owner_id") => default_owner(plan),
        (RecordType::Contact | RecordType::Lead, "first_name" | "last_name") => Some("''".to_owned()),
        (RecordType::Contact, "lifecycle") => Some("'lead'".to_owned()),
        (RecordType::Lead, "status") => Some("'new'".to_owned()),
        (RecordType::Contact | RecordType::Lead, "do_not_contact") => Some("false".to_owned()),
        (RecordType::Contact | RecordType::Lead, "other_emails" | "other_phones") => Some("'{}'".to_owned()),
        (RecordType::Deal | RecordType::Lead, "currency") => Some(default_currency(plan)),
        _ => None,
    };
    let keep = match (plan.record, column) {
        (RecordType::Contact | RecordType::Lead, "email") => Some(format!("{value} = ANY (c.other_emails)")),
        // A card of ours names the record by its own id, which is no other system's.
        (_, "external_id") => Some(format!("lower({value}) = '{CARD}' || c.id::text")),
        _ => None,
    };
    let fill = plan.on_match == OnMatch::FillBlanks;
    Target {
        key: slot.key,
        column,
        value,
        after,
        before,
        list: slot.cast() == "text[]",
        fill,
        keep,
        default,
        own: None,
    }
}

impl Target {
    /// Of a column that names another row; `before` and `after` as events show them.
    pub fn reference(plan: &Plan, column: &'static str, value: String, before: String, after: String) -> Self {
        let fill = plan.on_match == OnMatch::FillBlanks;
        Self { key: column, column, value, after, before, list: false, fill, keep: None, default: None, own: None }
    }

    /// Known records keep theirs, whatever the file says.
    pub fn of_new_ones(self) -> Self {
        Self { value: "NULL::uuid".to_owned(), after: "NULL::jsonb".to_owned(), default: Some(self.value), ..self }
    }

    /// The column's new value on an existing record: a cell that is empty changes nothing.
    pub fn merged(&self) -> String {
        if let Some(own) = &self.own {
            return own.merged.clone();
        }
        let (value, column) = (&self.value, self.column);
        match (self.list, &self.keep) {
            _ if self.fill => format!("CASE WHEN {} THEN {value} ELSE c.{column} END", self.differs()),
            (true, _) => format!("c.{column} || ARRAY(SELECT x FROM unnest({value}) x WHERE x <> ALL (c.{column}))"),
            (false, None) => format!("coalesce({value}, c.{column})"),
            (false, Some(keep)) => format!("CASE WHEN {keep} THEN c.{column} ELSE coalesce({value}, c.{column}) END"),
        }
    }

    /// SQL of the own fields that differ, for the column that they share.
    pub fn own_keys(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.keys.as_str())
    }

    pub fn differs(&self) -> String {
        if let Some(own) = &self.own {
            return own.differs.clone();
        }
        let (value, column) = (&self.value, self.column);
        // An empty text is written as none nowhere but in names, whose columns cannot be NULL.
        let blank =
            if self.list { format!("c.{column} = '{{}}'") } else { format!("nullif(c.{column}::text, '') IS NULL") };
        match (self.list, &self.keep) {
            _ if self.fill => format!("({value} IS NOT NULL AND {blank})"),
            (true, _) => format!("({value} IS NOT NULL AND NOT c.{column} @> {value})"),
            (false, None) => format!("({value} IS NOT NULL AND {value} IS DISTINCT FROM c.{column})"),
            (false, Some(keep)) => {
                format!("({value} IS NOT NULL AND {value} IS DISTINCT FROM c.{column} AND NOT coalesce({keep}, false))")
            }
        }
    }

    /// This field's part of an event's changes, on an existing record.
    pub fn change(&self) -> String {
        if let Some(own) = &self.own {
            return own.change.clone();
        }
        let after = if self.list { format!("to_jsonb({})", self.merged()) } else { self.after.clone() };
        change(&self.differs(), self.key, &self.before, &after)
    }

    pub fn inserted(&self) -> String {
        if let Some(own) = &self.own {
            return own.inserted.clone();
        }
        match &self.default {
            Some(default) => format!("coalesce({}, {default})", self.value),
            None => self.value.clone(),
        }
    }
}

/// `{key: [before, after]}` when the condition holds.
pub(super) fn change(differs: &str, key: &str, before: &str, after: &str) -> String {
    format!(
        "CASE WHEN {differs} THEN jsonb_build_object('{key}', jsonb_build_array({before}, {after})) ELSE '{{}}'::jsonb END"
    )
}
