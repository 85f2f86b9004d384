//! Step "Columns": what each column of the file is here.

use super::{Draft, Found, Head, draft, preview::samples, proposal};
use crate::{
    config::Config,
    db::{Db, OrgTx},
    error::AppResult,
    features::imports::{
        commands,
        mapping::Headings,
        options::Options,
        presets::{self, ColumnPlan, Treatment},
        templates::{self, Template as Kept},
        values::{DateOrder, DecimalMark, Detected, Formats},
        words,
    },
    kernel::{FieldKind, RecordType},
    web::{Form, FormErrors, Page, SelectOption, Shell, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

const SAMPLES: usize = 3;

struct Line {
    index: usize,
    heading: String,
    samples: Vec<String>,
    fields: Vec<SelectOption>,
    ignored: bool,
    error: String,
    /// How dates and numbers are written; none where the column holds neither.
    dates: Vec<SelectOption>,
    numbers: Vec<SelectOption>,
    /// The cells can be read in two ways.
    ambiguous: bool,
}

#[derive(Template)]
#[template(path = "imports/columns.html")]
struct ColumnsPage {
    shell: Shell,
    head: Head,
    lines: Vec<Line>,
    template: Option<String>,
    preset: Option<String>,
    ignored: usize,
    form_error: String,
}

pub async fn show(page: Page, db: Data<Db>, config: Data<Config>, path: Path<String>) -> AppResult<HttpResponse> {
    let draft = match draft(&page, &db, &config, &path).await? {
        Found::Draft(draft) => draft,
        Found::Elsewhere(reply) => return Ok(reply),
    };
    let (draft, options, template) = db.org(&page, move |tx| with_proposal(tx, *draft)).await?;
    view(&page, StatusCode::OK, &draft, &options, template, &FormErrors::default())
}

/// The draft's choices; those proposed when it has none for this file.
fn with_proposal(tx: &mut OrgTx, draft: Draft) -> AppResult<(Draft, Options, Option<String>)> {
    let options = draft.import.options();
    if options.columns.iter().map(|c| &c.heading).eq(&draft.shape.columns) {
        return Ok((draft, options, None));
    }
    let template = templates::matching(tx, draft.record, &draft.shape.columns)?;
    let options = proposal::options(draft.record, &draft.shape, template.as_ref(), &options);
    commands::choose(tx, draft.import.id, &options)?;
    Ok((draft, options, template.map(|t: Kept| t.name)))
}

fn view(
    page: &Page,
    status: StatusCode,
    draft: &Draft,
    options: &Options,
    template: Option<String>,
    errors: &FormErrors,
) -> AppResult<HttpResponse> {
    let lines: Vec<Line> =
        options.columns.iter().enumerate().map(|(index, choice)| line(draft, index, choice, errors)).collect();
    let view = ColumnsPage {
        shell: page.shell("imports"),
        head: Head::of(&draft.import, "columns"),
        ignored: lines.iter().filter(|l| l.ignored).count(),
        lines,
        preset: presets::recognise(&draft.shape.columns, draft.record).map(|p| p.name).filter(|_| template.is_none()),
        template,
        form_error: errors.get("").unwrap_or_default().to_owned(),
    };
    reply::page_with(&page.req, status, &view)
}

fn line(draft: &Draft, index: usize, choice: &ColumnPlan, errors: &FormErrors) -> Line {
    let headings = Headings::of(draft.record);
    let key = choice.key.as_deref();
    let fields = headings.fields().iter().map(|f| SelectOption::new(f.key, f.label, key == Some(f.key)));
    let kind = key.and_then(|key| headings.field(key)).map(|f| f.kind);
    let found = draft.shape.formats.get(index).copied().unwrap_or_default();
    let (dates, numbers) = formats(kind, found, choice.treatment.formats);
    Line {
        dates,
        numbers,
        ambiguous: found.ambiguous && choice.treatment.formats == Formats::default(),
        index,
        heading: if choice.heading.is_empty() { format!("Column {}", index + 1) } else { choice.heading.clone() },
        samples: samples(&draft.shape, index, SAMPLES).into_iter().map(words::short).collect(),
        fields: fields.collect(),
        ignored: key.is_none(),
        error: errors.get(&format!("field-{index}")).unwrap_or_default().to_owned(),
    }
}

/// What may be said of a column's dates and numbers, as far as it holds any.
fn formats(kind: Option<FieldKind>, found: Detected, told: Formats) -> (Vec<SelectOption>, Vec<SelectOption>) {
    let is_date = matches!(kind, Some(FieldKind::Date | FieldKind::DateTime));
    let is_number = matches!(kind, Some(FieldKind::Money | FieldKind::Integer | FieldKind::Percent));
    let as_found =
        |found: Option<&str>| found.map_or("As recognised".to_owned(), |words| format!("As recognised: {words}"));
    let mut dates = Vec::new();
    if is_date {
        let words = found.date_order.and_then(|o| DateOrder::ALL.iter().find(|(_, order, _)| *order == o)).map(|o| o.2);
        dates.push(SelectOption::new("", as_found(words), told.dates.is_none()));
        dates.extend(
            DateOrder::ALL.iter().map(|(k, order, label)| SelectOption::new(*k, *label, told.dates == Some(*order))),
        );
    }
    let mut numbers = Vec::new();
    if is_number {
        let words =
            found.decimal_mark.and_then(|m| DecimalMark::ALL.iter().find(|(_, mark, _)| *mark == m)).map(|m| m.2);
        numbers.push(SelectOption::new("", as_found(words), told.decimal.is_none()));
        let marks = DecimalMark::ALL.iter();
        numbers.extend(marks.map(|(k, mark, label)| SelectOption::new(*k, *label, told.decimal == Some(*mark))));
    }
    (dates, numbers)
}

pub async fn save(
    page: Page,
    db: Data<Db>,
    config: Data<Config>,
    path: Path<String>,
    form: Form,
) -> AppResult<HttpResponse> {
    let draft = match draft(&page, &db, &config, &path).await? {
        Found::Draft(draft) => draft,
        Found::Elsewhere(reply) => return Ok(reply),
    };
    let mut options = draft.import.options();
    options.columns = chosen(&draft, &options, &form);
    let errors = check(draft.record, &options.columns);
    if !errors.is_empty() {
        return view(&page, StatusCode::UNPROCESSABLE_ENTITY, &draft, &options, None, &errors);
    }
    let id = draft.import.id;
    db.org(&page, move |tx| commands::choose(tx, id, &options)).await?;
    Ok(reply::redirect(&page.req, &format!("/imports/{id}/values"), None))
}

/// The posted field of every column; values put in place of others are kept where the field stays.
fn chosen(draft: &Draft, before: &Options, form: &Form) -> Vec<ColumnPlan> {
    let headings = Headings::of(draft.record);
    let column = |(index, heading): (usize, &String)| {
        let key = headings.field(form.get(&format!("field-{index}"))).map(|f| f.key.to_owned());
        let same = before.columns.get(index).filter(|c| c.heading == *heading && c.key == key).cloned();
        let mut plan =
            same.unwrap_or_else(|| ColumnPlan { index, heading: heading.clone(), key, ..ColumnPlan::default() });
        plan.treatment.formats = Formats {
            dates: DateOrder::parse(form.get(&format!("dates-{index}"))),
            decimal: DecimalMark::parse(form.get(&format!("numbers-{index}"))),
        };
        plan
    };
    draft.shape.columns.iter().enumerate().map(column).collect()
}

/// A field takes one column, unless it holds several values, or a known export writes it in parts or alternatives.
fn check(record: RecordType, columns: &[ColumnPlan]) -> FormErrors {
    let (headings, mut errors) = (Headings::of(record), FormErrors::default());
    for (index, column) in columns.iter().enumerate() {
        let Some(field) = column.key.as_deref().and_then(|key| headings.field(key)) else { continue };
        let several = matches!(field.kind, FieldKind::Emails | FieldKind::Phones) || is_special(column);
        if !several && columns[..index].iter().any(|c| c.key == column.key && !is_special(c)) {
            errors.add(&format!("field-{index}"), format!("another column is {} already", field.label));
            errors.add("", "Two columns cannot go into one field. See the columns marked below.");
        }
    }
    if columns.iter().all(|c| c.key.is_none()) {
        errors.add("", "Choose a field for at least one column.");
    }
    errors
}

/// Taken in a way that the export's layout knows.
fn is_special(plan: &ColumnPlan) -> bool {
    plan.treatment != Treatment { formats: plan.treatment.formats, ..Treatment::default() }
}
