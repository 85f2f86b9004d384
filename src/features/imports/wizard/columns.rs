//! Step "Columns": what each column of the file is here.

use super::{
    Draft, Found, Head, draft,
    new_fields::{self, NEW},
    preview::samples,
    proposal, required,
};
use crate::{
    config::Config,
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::fields::Kind,
    features::imports::{
        commands,
        mapping::Headings,
        options::Options,
        presets::{self, ColumnPlan, Treatment},
        templates::{self, Template as Kept},
        values::{Custom, DateOrder, DecimalMark, Detected, Formats},
        words,
    },
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
    /// The organisation's own.
    own: Vec<SelectOption>,
    /// To be made of this column: chosen, its name, its kinds.
    new: bool,
    new_label: String,
    new_error: String,
    new_kinds: Vec<SelectOption>,
    ignored: bool,
    error: String,
    /// How dates and numbers are written; none where the column holds neither.
    dates: Vec<SelectOption>,
    numbers: Vec<SelectOption>,
    /// The program keeps this by itself.
    kept: bool,
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
    /// This person may add fields.
    may_add: bool,
    keep_rest: bool,
    /// Labels of what new records must have and no column holds.
    missing: Vec<String>,
    form_error: String,
}

pub async fn show(page: Page, db: Data<Db>, config: Data<Config>, path: Path<String>) -> AppResult<HttpResponse> {
    let draft = match draft(&page, &db, &config, &path).await? {
        Found::Draft(draft) => draft,
        Found::Elsewhere(reply) => return Ok(reply),
    };
    let (draft, options, template) = db.org(&page, move |tx| with_proposal(tx, *draft)).await?;
    view(&page, StatusCode::OK, &draft, &options, template, None, &FormErrors::default())
}

/// The draft's choices; those proposed when it has none for this file.
fn with_proposal(tx: &mut OrgTx, draft: Draft) -> AppResult<(Draft, Options, Option<String>)> {
    let options = draft.import.options();
    if options.columns.iter().map(|c| &c.heading).eq(&draft.shape.columns) {
        return Ok((draft, options, None));
    }
    let template = templates::matching(tx, draft.record, &draft.shape.columns)?;
    let options = proposal::options(&draft.headings, draft.record, &draft.shape, template.as_ref(), &options);
    commands::choose(tx, draft.import.id, &options)?;
    Ok((draft, options, template.map(|t: Kept| t.name)))
}

fn view(
    page: &Page,
    status: StatusCode,
    draft: &Draft,
    options: &Options,
    template: Option<String>,
    form: Option<&Form>,
    errors: &FormErrors,
) -> AppResult<HttpResponse> {
    let columns = options.columns.iter().enumerate();
    let month_first = Custom::new(page.actor.org.locale, page.actor.org.zone).month_first;
    let lines: Vec<Line> =
        columns.map(|(index, choice)| line(draft, index, choice, form, errors, month_first)).collect();
    let view = ColumnsPage {
        shell: page.shell("imports"),
        head: Head::of(&draft.import, "columns"),
        ignored: lines.iter().filter(|l| l.ignored).count(),
        lines,
        may_add: new_fields::may_add(&page.actor),
        keep_rest: form.is_some_and(|form| form.has("keep_rest")),
        missing: required::missing(&draft.headings, &options.columns).into_iter().map(|e| e.label).collect(),
        preset: presets::recognise(&draft.shape.columns, draft.record).map(|p| p.name).filter(|_| template.is_none()),
        template,
        form_error: errors.get("").unwrap_or_default().to_owned(),
    };
    reply::page_with(&page.req, status, &view)
}

fn line(
    draft: &Draft,
    index: usize,
    choice: &ColumnPlan,
    form: Option<&Form>,
    errors: &FormErrors,
    month_first: bool,
) -> Line {
    let headings = &draft.headings;
    let key = choice.key.as_deref();
    let fields = headings.fields().iter().map(|f| SelectOption::new(f.key, f.label, key == Some(f.key)));
    let own = headings.own().iter().map(|e| SelectOption::new(&e.key, &e.label, key == Some(e.key.as_str())));
    let kind = key.and_then(|key| headings.kind(key));
    let posted = |name: &str| form.map_or("", |form| form.get(&format!("{name}-{index}"))).to_owned();
    let new = posted("field") == NEW;
    let found = draft.shape.formats.get(index).copied().unwrap_or_default();
    let (dates, numbers) = formats(kind, found, choice.treatment.formats, month_first);
    Line {
        dates,
        numbers,
        ambiguous: found.ambiguous && choice.treatment.formats == Formats::default(),
        index,
        heading: if choice.heading.is_empty() { format!("Column {}", index + 1) } else { choice.heading.clone() },
        samples: samples(&draft.shape, index, SAMPLES).into_iter().map(words::short).collect(),
        fields: fields.collect(),
        own: own.collect(),
        new,
        new_label: Some(posted("new-label")).filter(|_| new).unwrap_or_else(|| new_fields::label(&choice.heading)),
        new_error: errors.get(&format!("new-label-{index}")).unwrap_or_default().to_owned(),
        new_kinds: new_fields::kinds(&draft.shape, index, &posted("new-kind")),
        ignored: key.is_none() && !new,
        kept: key.is_none() && !new && headings.is_kept(&choice.heading),
        error: errors.get(&format!("field-{index}")).unwrap_or_default().to_owned(),
    }
}

/// What may be said of a column's dates and numbers, as far as it holds any.
fn formats(
    kind: Option<Kind>,
    found: Detected,
    told: Formats,
    month_first: bool,
) -> (Vec<SelectOption>, Vec<SelectOption>) {
    let is_date = matches!(kind, Some(Kind::Date | Kind::DateTime));
    let is_number = matches!(kind, Some(Kind::Money | Kind::Integer | Kind::Decimal | Kind::Percent));
    let as_found =
        |found: Option<&str>| found.map_or("As recognised".to_owned(), |words| format!("As recognised: {words}"));
    let mut dates = Vec::new();
    if is_date {
        let words = found.date_order.and_then(|o| DateOrder::ALL.iter().find(|(_, order, _)| *order == o)).map(|o| o.2);
        let open = found.ambiguous && words.is_none();
        let order = if month_first { "Month first" } else { "Day first" };
        let taken = if open { format!("{order}, since nothing tells") } else { as_found(words) };
        dates.push(SelectOption::new("", taken, told.dates.is_none()));
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
    let mut wanted = new_fields::wanted(&page.actor, &draft, &options.columns, &form);
    let mut errors = check(&draft.headings, &options.columns, !wanted.is_empty());
    new_fields::prepare(&config, &draft, &mut wanted, &mut errors).await?;
    let refused = |errors: &FormErrors| {
        let (status, options) = (StatusCode::UNPROCESSABLE_ENTITY, &options);
        view(&page, status, &draft, options, None, Some(&form), errors)
    };
    if !errors.is_empty() {
        return refused(&errors);
    }
    let (id, record, actor, mut kept) = (draft.import.id, draft.record, page.actor.clone(), options.clone());
    let saved = db.org(&page, move |tx| {
        new_fields::create(tx, &actor, record, &wanted, &mut kept.columns)?;
        commands::choose(tx, id, &kept)
    });
    match saved.await {
        Err(AppError::Invalid(errors)) => return refused(&errors),
        saved => saved?,
    }
    Ok(reply::redirect(&page.req, &format!("/imports/{id}/values"), None))
}

/// The posted field of every column; values put in place of others are kept where the field stays.
fn chosen(draft: &Draft, before: &Options, form: &Form) -> Vec<ColumnPlan> {
    let headings = &draft.headings;
    let column = |(index, heading): (usize, &String)| {
        let key = form.get(&format!("field-{index}"));
        let key = headings.label(key).map(|_| key.to_owned());
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
fn check(headings: &Headings, columns: &[ColumnPlan], more: bool) -> FormErrors {
    let mut errors = FormErrors::default();
    for (index, column) in columns.iter().enumerate() {
        let Some(key) = column.key.as_deref() else { continue };
        let several = matches!(headings.kind(key), Some(Kind::Emails | Kind::Phones)) || is_special(column);
        if !several && columns[..index].iter().any(|c| c.key == column.key && !is_special(c)) {
            errors.add(
                &format!("field-{index}"),
                format!("another column is {} already", headings.label(key).unwrap_or(key)),
            );
            errors.add("", "Two columns cannot go into one field. See the columns marked below.");
        }
    }
    if !more && columns.iter().all(|c| c.key.is_none()) {
        errors.add("", "Choose a field for at least one column.");
    }
    errors
}

/// Taken in a way that the export's layout knows.
fn is_special(plan: &ColumnPlan) -> bool {
    plan.treatment != Treatment { formats: plan.treatment.formats, ..Treatment::default() }
}
