//! Step "Rules": by what records are known again, and what becomes of rows whose record exists, of companies nobody has, of owners.

use super::{
    Draft, Found, Head, draft,
    required::{self, Asked},
    scan::Known,
};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    features::{
        imports::{
            commands,
            options::{MatchBy, OnMatch, Options, OwnerChoice, Related, UnknownProducts},
            templates,
        },
        tags,
    },
    kernel::RecordType,
    web::{Form, FormErrors, Page, SelectOption, Shell, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

struct Rule {
    name: String,
    label: String,
    options: Vec<SelectOption>,
}

struct Choice {
    key: &'static str,
    label: &'static str,
    hint: &'static str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "imports/rules.html")]
struct RulesPage {
    shell: Shell,
    head: Head,
    rules: Vec<Rule>,
    on_match: Vec<Choice>,
    missing: Asked,
    deals: bool,
    companies: bool,
    create_related: bool,
    /// What becomes of products the catalogue lacks, where the file has any.
    products: Vec<SelectOption>,
    owners: Vec<SelectOption>,
    leave_unknown_owners: bool,
    pipeline: String,
    template: String,
    tags: String,
    errors: FormErrors,
}

impl RulesPage {
    fn error(&self, name: &str) -> &str {
        self.errors.get(name).unwrap_or_default()
    }
}

pub async fn show(page: Page, db: Data<Db>, config: Data<Config>, path: Path<String>) -> AppResult<HttpResponse> {
    let draft = match draft(&page, &db, &config, &path).await? {
        Found::Draft(draft) => draft,
        Found::Elsewhere(reply) => return Ok(reply),
    };
    let options = draft.import.options();
    view(&page, &db, &draft, &options, None).await
}

/// `posted` is what was wrong.
async fn view(
    page: &Page,
    db: &Db,
    draft: &Draft,
    options: &Options,
    posted: Option<(&Form, FormErrors)>,
) -> AppResult<HttpResponse> {
    let (actor, record, chosen) = (page.actor.clone(), draft.record, options.clone());
    let missing = required::missing(&draft.headings, &options.columns);
    let again = posted.as_ref().map(|(form, errors)| ((*form).clone(), errors.clone()));
    let (known, tags, missing) = db
        .org(page, move |tx| {
            let asked = required::asked(tx, &actor, record, missing, &chosen, again)?;
            Ok((Known::load(tx, &actor)?, tags::all(tx)?, asked))
        })
        .await?;
    let status = if posted.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (form, errors) = posted.map_or((None, FormErrors::default()), |(form, errors)| (Some(form), errors));
    let chosen = tags.iter().filter(|tag| options.tags.contains(&tag.id.0)).map(|tag| tag.name.as_str());
    let on_match = OnMatch::ALL.into_iter().map(|(key, on, label, hint)| Choice {
        key,
        label,
        hint,
        chosen: options.on_match == on,
    });
    let view = RulesPage {
        shell: page.shell("imports"),
        head: Head::of(&draft.import, "rules"),
        rules: rules(record, options),
        on_match: on_match.collect(),
        missing,
        deals: record == RecordType::Deal,
        companies: record != RecordType::Lead,
        create_related: options.related == Related::Create,
        products: products(draft, options),
        owners: owners(page, &known, options),
        leave_unknown_owners: options.leave_unknown_owners,
        pipeline: options.pipeline.clone().unwrap_or_default(),
        template: form.map_or("", |form| form.get("template")).to_owned(),
        tags: form.map_or_else(|| chosen.collect::<Vec<_>>().join(", "), |form| form.get("tags").to_owned()),
        errors,
    };
    reply::page_with(&page.req, status, &view)
}

const ORDER: [&str; 4] = ["First by", "then by", "then by", "then by"];

fn rules(record: RecordType, options: &Options) -> Vec<Rule> {
    let chosen = options.rules(record);
    let all = MatchBy::all(record);
    let rule = |n: usize| {
        let now = chosen.get(n);
        let nothing = if n == 0 { "the usual ways" } else { "nothing else" };
        let mut options = vec![SelectOption::new("none", nothing, now.is_none())];
        options.extend(all.iter().map(|by| SelectOption::new(by.key(), by.label(record), now == Some(by))));
        Rule { name: format!("match_{}", n + 1), label: ORDER[n.min(3)].to_owned(), options }
    };
    (0..all.len()).map(rule).collect()
}

fn products(draft: &Draft, options: &Options) -> Vec<SelectOption> {
    if !options.columns.iter().any(|plan| plan.key.as_deref() == Some("product")) || draft.record != RecordType::Deal {
        return Vec::new();
    }
    let all = UnknownProducts::ALL.into_iter();
    all.map(|(key, choice, label)| SelectOption::new(key, label, options.products == choice)).collect()
}

fn owners(page: &Page, known: &Known, options: &Options) -> Vec<SelectOption> {
    let mut owners = vec![SelectOption::new("me", "Me", options.owner == OwnerChoice::Importer)];
    if page.actor.visible_owners().is_none() {
        owners.push(SelectOption::new("nobody", "Nobody", options.owner == OwnerChoice::Nobody));
    }
    let others = known.people.iter().filter(|(id, _)| *id != page.actor.id.0);
    owners.extend(
        others.map(|(id, name)| SelectOption::new(id.to_string(), name, options.owner == OwnerChoice::Member(*id))),
    );
    owners
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
    let (id, record) = (draft.import.id, draft.record);
    let mut options = draft.import.options();
    let name = match parse(&form, record, &mut options) {
        Ok(name) => name,
        Err(errors) => return view(&page, &db, &draft, &options, Some((&form, errors))).await,
    };
    let (actor, names) = (page.actor.clone(), tags::parse(form.get("tags")));
    let (told, given) = (options.clone(), form.clone());
    let missing = required::missing(&draft.headings, &options.columns);
    let saved = db.org(&page, move |tx| {
        options.tags = tags::resolve(tx, &actor, &names, "tags")?.into_iter().map(|tag| tag.id.0).collect();
        options.fixed = required::read(tx, &actor, record, &missing, &given)?;
        commands::choose(tx, id, &options)?;
        if let Some(name) = name {
            templates::keep(tx, record, &name, &options)?;
        }
        commands::try_out(tx, id)
    });
    match saved.await {
        Err(AppError::Invalid(errors)) => view(&page, &db, &draft, &told, Some((&form, errors))).await,
        Err(error) => Err(error),
        Ok(()) => Ok(reply::redirect(&page.req, &format!("/imports/{id}/check"), None)),
    }
}

/// Reads the posted rules into the options; returns the name to keep them under.
fn parse(form: &Form, record: RecordType, options: &mut Options) -> Result<Option<String>, FormErrors> {
    let mut parser = form.parser();
    let mut rules: Vec<MatchBy> = Vec::new();
    for n in 1..=MatchBy::all(record).len() {
        let read = |key: &str| match key {
            "none" => Ok(None),
            key => MatchBy::parse(record, key).map(Some).ok_or("is not one of the choices"),
        };
        let by = parser.optional(&format!("match_{n}"), read).flatten();
        if let Some(by) = by.filter(|by| !rules.contains(by)) {
            rules.push(by);
        }
    }
    options.match_by = if rules == MatchBy::usual(record) { Vec::new() } else { rules };
    let on_match = parser.optional("on_match", |key| OnMatch::parse(key).ok_or("is not one of the choices"));
    options.on_match = on_match.unwrap_or_default();
    options.related = if form.get("related") == "link" { Related::LinkOnly } else { Related::Create };
    options.products = UnknownProducts::parse(form.get("products"));
    options.owner = match form.get("owner") {
        "" | "me" => OwnerChoice::Importer,
        "nobody" => OwnerChoice::Nobody,
        _ => parser.id::<Uuid>("owner").map_or(OwnerChoice::Importer, OwnerChoice::Member),
    };
    options.leave_unknown_owners = parser.checkbox("leave_unknown_owners");
    options.pipeline = parser.text("pipeline", 100);
    let name = parser.text("template", 100);
    parser.finish().map(|()| name)
}
