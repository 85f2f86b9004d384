//! Reading a file of products: which column is what, and what becomes of each row. A product is known by its code, else by its name
//! (spaces, case and punctuation aside); what a row does not say stays as it is, so the same file again changes nothing.

use super::{
    commands::{self, NewProduct},
    model::Price,
    queries::{self, Found},
    settings,
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::imports::cells,
    kernel::{Currency, ProductId, lines::Interval, money, text},
    web::{Allow, permission::products::Administer},
};
use csv::StringRecord;

/// Rows of a file.
const MOST: usize = 20_000;
/// Refused rows that are told one by one.
const TOLD: usize = 20;

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub failed: usize,
    /// "Line 4: …", the first few.
    pub problems: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Code,
    Unit,
    Category,
    Tax,
    Every,
    Active,
    Description,
    /// `None`: the organisation's currency.
    Price(Option<Currency>),
    Ignored,
}

impl Column {
    fn of(heading: &str) -> Self {
        let words = text::fold(heading).replace(['_', '-', '.'], " ");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        match words.as_str() {
            "name" | "product" | "product name" | "item" | "item name" | "title" => Column::Name,
            "code" | "product code" | "sku" | "article" | "article number" | "item number" | "part number" => {
                Column::Code
            }
            "unit" | "unit of measure" | "uom" => Column::Unit,
            "category" | "product category" | "series" | "family" | "product family" | "group" => Column::Category,
            "tax" | "tax class" | "tax rate" | "vat" | "vat rate" => Column::Tax,
            "recurring" | "interval" | "billing" | "billing period" | "paid" => Column::Every,
            "active" | "is active" | "status" => Column::Active,
            "description" | "product description" | "notes" => Column::Description,
            "price" | "sales price" | "list price" | "unit price" | "amount" => Column::Price(None),
            other => match other.strip_prefix("price ").or_else(|| other.strip_suffix(" price")).map(str::parse) {
                Some(Ok(currency)) => Column::Price(Some(currency)),
                _ => Column::Ignored,
            },
        }
    }
}

/// Reads the file into the catalogue, whole rows at a time: a row that is wrong is told and left out.
pub(super) fn read(tx: &mut OrgTx, by: &Allow<Administer>, bytes: &[u8]) -> AppResult<Outcome> {
    let decoded = decode(bytes);
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&decoded))
        .from_reader(decoded.as_bytes());
    let mut records = rows.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        _ => return Err(AppError::field("file", "is empty, or not a table of text")),
    };
    let columns: Vec<Column> = header.iter().map(Column::of).collect();
    if !columns.contains(&Column::Name) {
        return Err(AppError::field("file", "needs a column called Name (or Product) in its first line"));
    }
    tx.without_time_limit()?;
    let mut outcome = Outcome::default();
    for (n, record) in records.enumerate() {
        if n >= MOST {
            return Err(AppError::field("file", format!("has more than {MOST} rows")));
        }
        let done = match record {
            Ok(record) if record.iter().all(|cell| cell.trim().is_empty()) => continue,
            Ok(record) => tx.attempt(|tx| row(tx, by, &columns, &record)),
            Err(_) => Err(AppError::field("", "The line cannot be read")),
        };
        match done {
            Ok(Done::Created) => outcome.created += 1,
            Ok(Done::Updated) => outcome.updated += 1,
            Ok(Done::Unchanged) => outcome.unchanged += 1,
            Err(AppError::Invalid(errors)) => {
                outcome.failed += 1;
                if outcome.problems.len() < TOLD {
                    outcome.problems.push(format!("Line {}: {}", n + 2, errors.summary()));
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(outcome)
}

enum Done {
    Created,
    Updated,
    Unchanged,
}

fn row(tx: &mut OrgTx, by: &Allow<Administer>, columns: &[Column], record: &StringRecord) -> AppResult<Done> {
    let cell = |wanted: Column| {
        let at = columns.iter().position(|column| *column == wanted)?;
        Some(cells::unguard(record.get(at)?)).filter(|cell| !cell.is_empty())
    };
    let known = known(tx, cell(Column::Code), cell(Column::Name))?;
    let mut new = match known {
        Some(id) => NewProduct::of(&queries::find(tx, id)?, queries::prices(tx, id)?),
        None => NewProduct::default(),
    };
    say(tx, by, &mut new, &cell)?;
    for (at, column) in columns.iter().enumerate() {
        let (Column::Price(currency), Some(cell)) = (column, record.get(at)) else { continue };
        let cell = cells::unguard(cell);
        if !cell.is_empty() {
            let currency = match currency {
                Some(currency) => *currency,
                None => by.org.currency.parse().map_err(|error: &str| AppError::field("currency", error))?,
            };
            let amount =
                money::parse_amount(cell, by.locale.mark()).map_err(|error| AppError::field("price", error))?;
            new.prices.retain(|price| price.currency != currency);
            new.prices.push(Price { currency, amount });
        }
    }
    new.prices.sort_by_key(|price| price.currency);
    let retire = cell(Column::Active).map(is_active).transpose()?.map(|active| !active);
    let (id, mut done) = match known {
        Some(id) if commands::update(tx, by, id, None, &new)? => (id, Done::Updated),
        Some(id) => (id, Done::Unchanged),
        None => (commands::create(tx, by, ProductId::new(), &new)?, Done::Created),
    };
    if let Some(retire) = retire
        && queries::find(tx, id)?.retired_at.is_some() != retire
    {
        commands::retire(tx, by, id, retire)?;
        done = if matches!(done, Done::Unchanged) { Done::Updated } else { done };
    }
    Ok(done)
}

/// The product a row is about: by code where it has one, else by name.
fn known(tx: &mut OrgTx, code: Option<&str>, name: Option<&str>) -> AppResult<Option<ProductId>> {
    let wanted = code.or(name).ok_or_else(|| AppError::field("name", "is required"))?;
    match (queries::resolve(tx, wanted)?, code) {
        (Found::One(id), Some(code)) => {
            // A name that happens to read like the code is another product.
            let found = queries::find(tx, id)?;
            Ok(found.code.filter(|own| text::fold(own) == text::fold(code)).map(|_| id))
        }
        (Found::One(id), None) => Ok(Some(id)),
        (Found::Several, None) => {
            Err(AppError::field("name", format!("“{wanted}” is several products: give the code")))
        }
        (Found::Several | Found::None, _) => Ok(None),
    }
}

/// Puts what the row says into the product.
fn say<'r>(
    tx: &mut OrgTx,
    by: &Allow<Administer>,
    new: &mut NewProduct,
    cell: &impl Fn(Column) -> Option<&'r str>,
) -> AppResult<()> {
    let text = |column: Column, field: &str, max: usize| match cell(column) {
        Some(text) if text.chars().count() > max => {
            Err(AppError::field(field, format!("is too long: at most {max} characters")))
        }
        text => Ok(text.map(str::to_owned)),
    };
    if let Some(name) = text(Column::Name, "name", 200)? {
        new.name = name;
    }
    if new.name.is_empty() {
        return Err(AppError::field("name", "is required"));
    }
    new.code = text(Column::Code, "code", 60)?.or(new.code.take());
    new.unit = text(Column::Unit, "unit", 30)?.or(new.unit.take());
    new.description = text(Column::Description, "description", 5_000)?.or(new.description.take());
    if let Some(name) = text(Column::Category, "category", 100)? {
        new.category_id = Some(commands::make_category(tx, by, &name)?);
    }
    if let Some(tax) = text(Column::Tax, "tax", 100)? {
        new.tax_class_id = Some(tax_class(tx, by, &tax)?);
    }
    if let Some(every) = cell(Column::Every) {
        new.every = interval(every)?;
    }
    Ok(())
}

/// A class by its name, by "name, rate" as exports write it, or by its rate; a rate that is new makes one.
fn tax_class(tx: &mut OrgTx, by: &Allow<Administer>, said: &str) -> AppResult<crate::kernel::TaxClassId> {
    let all = queries::taxes(tx)?;
    let called = |name: &str| all.iter().find(|class| text::fold(&class.name) == text::fold(name));
    let known = called(said).or_else(|| said.rsplit_once(", ").and_then(|(name, _)| called(name)));
    match (known, settings::parse_rate(said, by.locale.mark())) {
        (Some(class), _) => Ok(class.id),
        (None, Ok(rate)) => commands::class_of_rate(tx, by, rate),
        (None, Err(_)) => Err(AppError::field("tax", format!("“{said}” is not one of the tax classes"))),
    }
}

fn interval(said: &str) -> AppResult<Option<Interval>> {
    let word = text::fold(said);
    match word.trim_start_matches("every ").trim() {
        "no" | "once" | "one off" | "one-off" | "one time" | "false" | "0" => Ok(None),
        "month" | "monthly" | "yes" | "true" | "1" => Ok(Some(Interval::Month)),
        "quarter" | "quarterly" => Ok(Some(Interval::Quarter)),
        "year" | "yearly" | "annual" | "annually" => Ok(Some(Interval::Year)),
        _ => Err(AppError::field("recurring", format!("“{said}” is none of: once, month, quarter, year"))),
    }
}

fn is_active(said: &str) -> AppResult<bool> {
    match text::fold(said).as_str() {
        "yes" | "true" | "1" | "active" | "y" => Ok(true),
        "no" | "false" | "0" | "retired" | "inactive" | "n" => Ok(false),
        _ => Err(AppError::field("active", format!("“{said}” is neither yes nor no"))),
    }
}

fn decode(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
    }
    .replace('\0', "")
}

/// What the first line has most of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let most = [',', ';', '\t', '|'].into_iter().max_by_key(|c| (first.matches(*c).count(), *c == ','));
    most.and_then(|c| u8::try_from(c).ok()).unwrap_or(b',')
}
