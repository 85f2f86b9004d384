//! Step "Values": words of the file that are no choice, stage or person here, and what is read in their place. Passed over when there are
//! none.

use super::{
    ColumnPlan, Draft, Found, Head, draft,
    scan::{self, Kind, Known, Unknown},
};
use crate::{
    config::Config,
    db::Db,
    error::AppResult,
    features::imports::{commands, mapping::Mapping, presets::Notes},
    kernel::text,
    web::{Form, Page, SelectOption, Shell, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;

/// Posted for "as if the cell were empty".
const EMPTY: &str = "\u{2205}";

struct Line {
    name: String,
    cell: String,
    text: String,
    count: String,
    options: Vec<SelectOption>,
}

struct Group {
    label: String,
    heading: String,
    hint: &'static str,
    lines: Vec<Line>,
    cut: bool,
}

#[derive(Template)]
#[template(path = "imports/values.html")]
struct ValuesPage {
    shell: Shell,
    head: Head,
    groups: Vec<Group>,
}

pub async fn show(page: Page, db: Data<Db>, config: Data<Config>, path: Path<String>) -> AppResult<HttpResponse> {
    let draft = match draft(&page, &db, &config, &path).await? {
        Found::Draft(draft) => draft,
        Found::Elsewhere(reply) => return Ok(reply),
    };
    let id = draft.import.id;
    let (mapping, known, found) = scan::unknown(&page, &db, &config, &draft.import, draft.record).await?;
    if found.is_empty() {
        return Ok(reply::redirect(&page.req, &format!("/imports/{id}/rules"), None));
    }
    let groups = found.iter().map(|unknown| group(&page, &draft, &mapping, &known, unknown)).collect();
    let view = ValuesPage { shell: page.shell("imports"), head: Head::of(&draft.import, "values"), groups };
    reply::page(&page.req, &view)
}

fn group(page: &Page, draft: &Draft, mapping: &Mapping, known: &Known, unknown: &Unknown) -> Group {
    let choice = draft.import.options().columns.into_iter().nth(unknown.index).unwrap_or_default();
    let column = mapping.columns.iter().find(|c| c.index == unknown.index);
    let meanings = column.map(|c| known.meanings(mapping, c)).unwrap_or_default();
    let (keep, empty, hint) = match unknown.kind {
        Kind::Stage => ("Make this stage", "The pipeline's first stage", "Stages that no pipeline here has."),
        Kind::Owner => ("Report the rows as errors", "No owner", "Nobody here goes by these names or addresses."),
        Kind::Choice => {
            ("Report the rows as errors", "Leave the field empty", "Words that are none of the field's choices.")
        }
    };
    let soft = column.is_some_and(|c| c.treatment.notes == Notes::Unreadable);
    let keep = if soft { "Keep it in the description" } else { keep };
    let line = |(n, word): (usize, &scan::Word)| {
        let now = choice.values.get(&text::fold(&word.text)).map(String::as_str);
        let mut options =
            vec![SelectOption::new("", keep, now.is_none()), SelectOption::new(EMPTY, empty, now == Some(""))];
        options
            .extend(meanings.iter().map(|(value, label)| SelectOption::new(value, label, now == Some(value.as_str()))));
        Line {
            name: format!("value-{}-{n}", unknown.index),
            cell: format!("cell-{}-{n}", unknown.index),
            text: word.text.chars().take(200).collect(),
            count: page.actor.locale.integer(i64::try_from(word.count).unwrap_or(i64::MAX)),
            options,
        }
    };
    let lines = unknown.words.iter().enumerate().map(line).collect();
    Group { label: unknown.label.clone(), heading: choice.heading, hint, lines, cut: unknown.cut }
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
    let id = draft.import.id;
    let mut options = draft.import.options();
    for (index, column) in options.columns.iter_mut().enumerate() {
        take(index, column, &form);
    }
    db.org(&page, move |tx| commands::choose(tx, id, &options)).await?;
    Ok(reply::redirect(&page.req, &format!("/imports/{id}/rules"), None))
}

/// The meanings posted for the words of one column.
fn take(index: usize, column: &mut ColumnPlan, form: &Form) {
    for n in 0.. {
        let cell = form.get(&format!("cell-{index}-{n}"));
        if cell.is_empty() {
            break;
        }
        let cell = text::fold(cell);
        match form.get(&format!("value-{index}-{n}")) {
            "" => column.values.remove(&cell),
            EMPTY => column.values.insert(cell, String::new()),
            value => column.values.insert(cell, value.chars().take(255).collect()),
        };
    }
}
