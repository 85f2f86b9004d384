//! The field catalogue: each record type declares its fields once, and lists, import mapping, timelines and (later) filters,
//! export, automation and the API read that one declaration. Dynamic SQL is built from catalogue entries only.

use std::fmt;

/// A kind of record people work with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum RecordType {
    Company,
    Contact,
    Lead,
    Deal,
}

impl RecordType {
    pub const ALL: [RecordType; 4] = [RecordType::Company, RecordType::Contact, RecordType::Lead, RecordType::Deal];

    /// `company`: in events, search documents, live messages.
    pub fn key(self) -> &'static str {
        match self {
            RecordType::Company => "company",
            RecordType::Contact => "contact",
            RecordType::Lead => "lead",
            RecordType::Deal => "deal",
        }
    }

    /// `companies`: table, URL segment and permission prefix.
    pub fn noun(self) -> &'static str {
        match self {
            RecordType::Company => "companies",
            RecordType::Contact => "contacts",
            RecordType::Lead => "leads",
            RecordType::Deal => "deals",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            RecordType::Company => "Company",
            RecordType::Contact => "Contact",
            RecordType::Lead => "Lead",
            RecordType::Deal => "Deal",
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            RecordType::Company => "Companies",
            RecordType::Contact => "Contacts",
            RecordType::Lead => "Leads",
            RecordType::Deal => "Deals",
        }
    }

    pub fn icon(self) -> &'static str {
        match self {
            RecordType::Company => "building",
            RecordType::Contact => "users",
            RecordType::Lead => "target",
            RecordType::Deal => "currency-euro",
        }
    }

    /// From either spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.key() == text || t.noun() == text)
    }

    /// The declared fields, in the order forms show them.
    pub fn fields(self) -> &'static [Field] {
        match self {
            RecordType::Company => crate::features::companies::FIELDS,
            RecordType::Contact => crate::features::contacts::FIELDS,
            RecordType::Lead => crate::features::leads::FIELDS,
            RecordType::Deal => crate::features::deals::FIELDS,
        }
    }

    pub fn field(self, key: &str) -> Option<&'static Field> {
        self.fields().iter().find(|f| f.key == key)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What a field holds, and so how it is parsed, shown, filtered and sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    Text,
    LongText,
    Email,
    Phone,
    Domain,
    Country,
    Integer,
    Percent,
    Money,
    Currency,
    Date,
    DateTime,
    Bool,
    /// One of these keys, each with its label.
    Choice(&'static [(&'static str, &'static str)]),
    /// Any of several e-mail addresses or phone numbers.
    Emails,
    Phones,
    Member,
    Company,
    Contact,
    Pipeline,
    Stage,
}

/// One field of a record type.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The form field's name, the key in events, the API's property.
    pub key: &'static str,
    pub label: &'static str,
    pub kind: FieldKind,
    /// SQL column or expression over the record's table; never user text.
    pub column: &'static str,
    /// Longest text accepted, in characters.
    pub max: usize,
    /// Largest whole number accepted; the smallest is 0.
    pub most: i64,
    pub required: bool,
    pub importable: bool,
    pub sortable: bool,
    /// Shown as a list column unless the user chose otherwise.
    pub listed: bool,
    /// Editable in place on the record page.
    pub inline: bool,
    pub filterable: bool,
    /// Few enough values to make groups of.
    pub groupable: bool,
    pub exportable: bool,
    /// SQL over the record's table, aliased `r`; empty: the column of the field's key.
    pub expr: &'static str,
    /// Other headers by which import recognises the field, folded, without punctuation.
    pub aliases: &'static [&'static str],
}

impl Field {
    /// A plain, importable, inline-editable field; refine it with the methods below.
    pub const fn new(key: &'static str, label: &'static str, kind: FieldKind) -> Self {
        Self {
            key,
            label,
            kind,
            column: key,
            max: 255,
            most: i32::MAX as i64,
            required: false,
            importable: true,
            sortable: false,
            listed: false,
            inline: true,
            filterable: !matches!(kind, FieldKind::LongText),
            groupable: matches!(
                kind,
                FieldKind::Choice(_)
                    | FieldKind::Member
                    | FieldKind::Country
                    | FieldKind::Currency
                    | FieldKind::Bool
                    | FieldKind::Company
                    | FieldKind::Pipeline
                    | FieldKind::Stage
                    | FieldKind::Date
            ),
            exportable: true,
            expr: "",
            aliases: &[],
        }
    }

    pub const fn column(mut self, column: &'static str) -> Self {
        self.column = column;
        self
    }

    pub const fn max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    pub const fn most(mut self, most: i64) -> Self {
        self.most = most;
        self
    }

    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub const fn sortable(mut self) -> Self {
        self.sortable = true;
        self
    }

    pub const fn listed(mut self) -> Self {
        self.listed = true;
        self
    }

    /// Set by the program only: neither imported nor edited in place.
    pub const fn computed(mut self) -> Self {
        self.importable = false;
        self.inline = false;
        self
    }

    /// Edited by people, but not read from files.
    pub const fn not_importable(mut self) -> Self {
        self.importable = false;
        self
    }

    pub const fn not_inline(mut self) -> Self {
        self.inline = false;
        self
    }

    /// The value as SQL over the table aliased `r`, where it is not the column of that key.
    pub const fn expr(mut self, expr: &'static str) -> Self {
        self.expr = expr;
        self
    }

    /// To be read on pages and in exports alone.
    pub const fn not_filterable(mut self) -> Self {
        self.filterable = false;
        self.groupable = false;
        self
    }

    pub const fn groupable(mut self) -> Self {
        self.groupable = true;
        self
    }

    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
}
