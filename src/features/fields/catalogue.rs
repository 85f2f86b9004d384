//! The catalogue: everything about the fields of one record type that its readers need, built-in ones and the organisation's own.
//! Lists, filters, forms, import and export build on entries alone, so that a custom field works wherever a built-in one does.
//!
//! An entry's `expr` is trusted text: it comes from the static declarations or from a custom field's key, which is checked when the
//! field is made. Its SQL type follows from the kind: text for texts, choices, countries and currencies; integer or bigint for
//! integers; numeric for decimals, percentages and money; date; timestamptz; boolean; uuid for members, records, pipelines and
//! stages; text[] for several choices, e-mails and phones. It is NULL (or an empty array) when the field is empty, and never raises.

use super::{definition::CustomField, groups, queries};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        competitors,
        segments::{self, Segment},
    },
    kernel::{CustomFieldId, Field, FieldKind, RecordType},
    web::Actor,
};
use serde_json::Value;
use std::sync::Arc;

/// The fields of a record type that one reader may see, in form order.
#[derive(Clone, Debug)]
pub struct Catalogue {
    pub record: RecordType,
    pub entries: Vec<Entry>,
    /// Retired custom fields, for what history tells of them.
    pub retired: Vec<Entry>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub label: String,
    pub kind: Kind,
    /// Trusted SQL over the record's table, aliased `r`.
    pub expr: String,
    /// Of money: the SQL of its currency; `None`: the organisation's.
    pub currency: Option<String>,
    /// Of money: a form asks for the currency too.
    pub own_currency: bool,
    pub origin: Origin,
    pub section: String,
    /// Said under the control.
    pub help: String,
    pub required: bool,
    pub unique: bool,
    /// A list column unless the reader chose otherwise.
    pub listed: bool,
    pub sortable: bool,
    pub filterable: bool,
    pub groupable: bool,
    pub importable: bool,
    pub exportable: bool,
    /// This reader may change it, in place too, when they may edit the record.
    pub editable: bool,
    /// Longest text, in characters.
    pub max: usize,
    pub aliases: Vec<String>,
    /// What a new record starts with, in the canonical form of custom values.
    pub default: Option<Value>,
}

/// Where a field comes from.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    BuiltIn(&'static Field),
    Custom(CustomFieldId),
}

/// What a field holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Text,
    LongText,
    Email,
    Phone,
    Url,
    Domain,
    /// ISO 3166 alpha-2.
    Country,
    Integer,
    Decimal,
    Percent,
    Money,
    /// ISO 4217.
    Currency,
    Date,
    DateTime,
    Bool,
    Choice(Vec<Choice>),
    Choices(Vec<Choice>),
    Emails,
    Phones,
    Member,
    Record(RecordType),
    Pipeline,
    Stage,
    Tags,
    /// Computed; holds what the inner kind says.
    Formula(Box<Kind>),
}

/// One of the values of a choice. A retired one is shown where it stands, and not offered any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    pub key: String,
    pub label: String,
    /// A key of the palette (`pipeline::COLORS`); empty: none.
    pub color: String,
    pub retired: bool,
}

impl Kind {
    /// The kind of the values: a formula's result, else itself.
    pub fn value(&self) -> &Kind {
        match self {
            Kind::Formula(inner) => inner,
            kind => kind,
        }
    }

    pub fn choices(&self) -> &[Choice] {
        match self.value() {
            Kind::Choice(choices) | Kind::Choices(choices) => choices,
            _ => &[],
        }
    }

    /// Shown at the end of its column, with aligned digits.
    pub fn is_number(&self) -> bool {
        matches!(self.value(), Kind::Integer | Kind::Decimal | Kind::Percent | Kind::Money)
    }

    /// Holds several values.
    pub fn is_list(&self) -> bool {
        matches!(self.value(), Kind::Choices(_) | Kind::Emails | Kind::Phones | Kind::Tags)
    }
}

impl From<FieldKind> for Kind {
    fn from(kind: FieldKind) -> Self {
        match kind {
            FieldKind::Text => Kind::Text,
            FieldKind::LongText => Kind::LongText,
            FieldKind::Email => Kind::Email,
            FieldKind::Phone => Kind::Phone,
            FieldKind::Domain => Kind::Domain,
            FieldKind::Country => Kind::Country,
            FieldKind::Integer => Kind::Integer,
            FieldKind::Percent => Kind::Percent,
            FieldKind::Money => Kind::Money,
            FieldKind::Currency => Kind::Currency,
            FieldKind::Date => Kind::Date,
            FieldKind::DateTime => Kind::DateTime,
            FieldKind::Bool => Kind::Bool,
            FieldKind::Choice(choices) => Kind::Choice(choices.iter().map(Choice::built_in).collect()),
            FieldKind::Emails => Kind::Emails,
            FieldKind::Phones => Kind::Phones,
            FieldKind::Member => Kind::Member,
            FieldKind::Company => Kind::Record(RecordType::Company),
            FieldKind::Contact => Kind::Record(RecordType::Contact),
            FieldKind::Pipeline => Kind::Pipeline,
            FieldKind::Stage => Kind::Stage,
        }
    }
}

impl Choice {
    fn built_in((key, label): &(&str, &str)) -> Self {
        Self { key: (*key).to_owned(), label: (*label).to_owned(), color: String::new(), retired: false }
    }
}

impl Catalogue {
    /// What this reader may see of that record type.
    pub fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<Self> {
        Self::shared(tx, actor, record).map(Arc::unwrap_or_clone)
    }

    /// The same, shared: it follows from the role.
    pub fn shared(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<Arc<Self>> {
        tx.known(format!("{record} for {}", actor.role), |tx| Self::read(tx, actor, record))
    }

    fn read(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<Self> {
        let custom = queries::known(tx, record)?;
        let seen = custom.iter().filter(|field| field.seen_by(actor));
        let mut catalogue = Self::with(record, seen.map(|field| (field, field.edited_by(actor))));
        catalogue.entries.push(groups::completeness(record));
        catalogue.entries.push(groups::segment(record));
        catalogue.entries.extend(groups::rules(tx, record)?);
        if record == RecordType::Deal {
            catalogue.entries.extend(competitors::entries(tx)?);
        }
        Ok(catalogue)
    }

    /// With these segments of its record type to filter by.
    pub fn offering(mut self, all: &[Segment]) -> Self {
        let own: Vec<Segment> = all.iter().filter(|s| s.record() == Some(self.record)).cloned().collect();
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == segments::RULE) {
            groups::offer(entry, &own);
        }
        self
    }

    /// Everything, as the program itself sees it.
    pub fn whole(tx: &mut OrgTx, record: RecordType) -> AppResult<Self> {
        let custom = queries::known(tx, record)?;
        Ok(Self::with(record, custom.iter().map(|field| (field, true))))
    }

    fn with<'a>(record: RecordType, custom: impl Iterator<Item = (&'a CustomField, bool)>) -> Self {
        let mut catalogue = Self::built_in(record);
        for (field, editable) in custom {
            let entry = field.entry(editable);
            let kept = if field.retired_at.is_none() { &mut catalogue.entries } else { &mut catalogue.retired };
            kept.push(entry);
        }
        catalogue
    }

    /// The fields every organisation has.
    pub fn built_in(record: RecordType) -> Self {
        let mut entries: Vec<Entry> = record.fields().iter().map(|field| Entry::built_in(record, field)).collect();
        entries.push(groups::tags(record));
        Self { record, entries, retired: vec![] }
    }

    /// What the program's own fields of that type are called, those too that only some organisations have entries for.
    pub fn labels(record: RecordType) -> impl Iterator<Item = &'static str> {
        let declared = record.fields().iter().map(|field| field.label);
        let met = if record == RecordType::Deal { &competitors::labels()[..] } else { &[] };
        declared.chain(groups::labels()).chain(met.to_vec())
    }

    /// The organisation's own fields.
    pub fn custom(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_custom())
    }

    /// A field by its key, a retired one too.
    pub fn known(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().chain(&self.retired).find(|entry| entry.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Entry {
    pub fn built_in(record: RecordType, field: &'static Field) -> Self {
        Self {
            key: field.key.to_owned(),
            label: field.label.to_owned(),
            kind: Kind::from(field.kind),
            expr: expr(field),
            currency: (matches!(record, RecordType::Deal | RecordType::Lead) && field.kind == FieldKind::Money)
                .then(|| "r.currency::text".to_owned()),
            own_currency: false,
            origin: Origin::BuiltIn(field),
            section: section(field).to_owned(),
            help: String::new(),
            required: field.required,
            unique: false,
            listed: field.listed,
            sortable: field.sortable,
            filterable: field.filterable,
            groupable: field.groupable,
            importable: field.importable,
            exportable: field.exportable,
            editable: field.inline,
            max: field.max,
            aliases: field.aliases.iter().map(|a| (*a).to_owned()).collect(),
            default: None,
        }
    }

    pub fn is_custom(&self) -> bool {
        matches!(self.origin, Origin::Custom(_))
    }
}

fn expr(field: &Field) -> String {
    match field.kind {
        _ if !field.expr.is_empty() => field.expr.to_owned(),
        // Fixed-width columns, which compare unlike text.
        FieldKind::Country | FieldKind::Currency => format!("r.{}::text", field.key),
        _ => format!("r.{}", field.key),
    }
}

/// Under which heading a built-in field stands.
fn section(field: &Field) -> &'static str {
    match field.key {
        "street" | "postal_code" | "city" | "region" | "country" => "Address",
        "created_at" | "updated_at" | "created_by" | "archived_at" | "external_id" | "number" | "closed_at"
        | "closed_by" | "stage_entered_at" | "slips" | "slipped_days" | "first_close_on" | "first_amount"
        | "shrunk_percent" => "Record",
        _ => "Details",
    }
}
