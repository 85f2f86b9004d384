//! `/settings/deal-templates`: what new deals can be begun with.

use super::{contacts::ROLES, links};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        accounts::members,
        activities,
        fields::{self, Catalogue, InputSection, Kind, ParseContext},
        pipeline::{self, StageGroup},
        settings::{SettingsNav, nav},
    },
    kernel::{ActivityTemplateId, Currency, DealId, DealTemplateId, RecordType, StageId, money, text},
    schema::{deal_templates as templates, deals},
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::ManagePipelines, reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Map, Value};

const AT: &str = "/settings/deal-templates";
const RECORD: &str = "deal_template";
const MOST: i64 = 200;
/// What of the deal's form a template says, besides the organisation's own fields.
const FIELDS: &[&str] = &["name", "amount", "currency", "probability", "source", "description", "close_in"];

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = templates)]
pub(super) struct Template {
    pub id: DealTemplateId,
    pub name: String,
    pub stage_id: StageId,
    pub(super) fields: Value,
    pub tasks_id: Option<ActivityTemplateId>,
    pub contact_role: Option<String>,
    pub lines_from: Option<DealId>,
    pub retired_at: Option<DateTime<Utc>>,
}

impl Template {
    /// Fields of the form and what is typed into them.
    pub fn said(&self) -> Vec<(String, String)> {
        let all = self.fields.as_object().into_iter().flatten();
        all.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }
}

/// What its form says.
#[derive(Clone, Debug, PartialEq, Insertable, AsChangeset)]
#[diesel(table_name = templates, treat_none_as_null = true)]
struct Said {
    name: String,
    stage_id: StageId,
    fields: Value,
    tasks_id: Option<ActivityTemplateId>,
    contact_role: Option<String>,
    lines_from: Option<DealId>,
}

/// One that may be used.
pub(super) fn usable(tx: &mut OrgTx, id: DealTemplateId) -> AppResult<Template> {
    let one = templates::table.filter(templates::id.eq(id)).filter(templates::retired_at.is_null());
    Ok(one.select(Template::as_select()).first(tx.conn())?)
}

/// Those that may be used, by name.
pub fn choices(tx: &mut OrgTx) -> AppResult<Vec<(DealTemplateId, String)>> {
    let usable = templates::table.filter(templates::retired_at.is_null()).order(templates::name_key);
    Ok(usable.select((templates::id, templates::name)).load(tx.conn())?)
}

fn find(tx: &mut OrgTx, id: DealTemplateId) -> AppResult<Template> {
    Ok(templates::table.filter(templates::id.eq(id)).select(Template::as_select()).first(tx.conn())?)
}

fn parse(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Said> {
    let mut p = form.parser();
    let name = p.required("title", 100);
    let stage: Option<StageId> = p.id("stage_id");
    let tasks_id = p.id("tasks_id");
    let contact_role = p.choice("contact_role", ROLES).filter(|_| !form.get("contact_role").is_empty());
    let currency = p.optional("currency", str::parse::<Currency>);
    let amount = p.optional("amount", |text| money::parse_amount_in(text, actor.locale.mark(), currency));
    p.integer("probability", 0, 100);
    p.integer("close_in", 0, 3_650);
    let mut kept = Map::new();
    for (key, max) in FIELDS.iter().map(|key| (*key, if *key == "description" { 10_000 } else { 200 })) {
        if let Some(text) = p.text(key, max) {
            kept.insert(key.to_owned(), text.into());
        }
    }
    // Whoever begins a deal with it may write with another mark.
    if let Some(amount) = amount {
        kept.insert("amount".to_owned(), money::typed(amount).into());
    }
    let context = ParseContext::load(tx, actor)?;
    for entry in Catalogue::load(tx, actor, RecordType::Deal)?.custom().filter(|entry| entry.editable) {
        let value = form.all(&entry.key).collect::<Vec<_>>().join("\n");
        if value.is_empty() || matches!(entry.kind, Kind::Record(_) | Kind::Formula(_)) {
            continue;
        }
        match fields::parse(entry, &value, &context) {
            Ok(read) => {
                kept.insert(entry.key.clone(), fields::canonical(entry, &value, &read).into());
            }
            Err(told) => p.error(&entry.key, told),
        }
    }
    match stage.map(|stage| pipeline::stage(tx, stage)) {
        Some(Ok(_)) => {}
        Some(Err(AppError::NotFound)) => p.error("stage_id", "is not one of the stages"),
        Some(Err(other)) => return Err(other),
        None => p.error("stage_id", "is required"),
    }
    if let Some(tasks) = tasks_id
        && !activities::usable_templates(tx)?.iter().any(|(id, _)| *id == tasks)
    {
        p.error("tasks_id", "is not one of the templates");
    }
    p.finish()?;
    let lines_from = if form.get("deal").is_empty() && form.get("deal_id").is_empty() {
        None
    } else {
        Some(links::meant(tx, actor, form)?)
    };
    let stage_id = stage.ok_or_else(|| AppError::field("stage_id", "is required"))?;
    Ok(Said {
        name,
        stage_id,
        fields: Value::Object(kept),
        tasks_id,
        contact_role: contact_role.map(str::to_owned),
        lines_from,
    })
}

fn to_form(tx: &mut OrgTx, one: &Template) -> AppResult<Form> {
    let mut form = Form::default();
    for (key, value) in one.said() {
        form.set(&key, value);
    }
    form.set("title", one.name.clone());
    form.set("stage_id", one.stage_id.to_string());
    form.set("tasks_id", one.tasks_id.map(|id| id.to_string()).unwrap_or_default());
    form.set("contact_role", one.contact_role.clone().unwrap_or_default());
    if let Some(deal) = one.lines_from {
        let name: Option<String> =
            deals::table.filter(deals::id.eq(deal)).select(deals::name).first(tx.conn()).optional()?;
        form.set("deal_id", deal.to_string());
        form.set("deal", name.unwrap_or_default());
    }
    Ok(form)
}

fn taken(error: AppError) -> AppError {
    match error {
        AppError::Conflict(why) if why == crate::error::VALUE_TAKEN => {
            AppError::field("title", "is the name of another template")
        }
        other => other,
    }
}

fn create(tx: &mut OrgTx, _: &Allow<ManagePipelines>, said: &Said) -> AppResult<DealTemplateId> {
    if templates::table.count().get_result::<i64>(tx.conn())? >= MOST {
        return Err(AppError::Conflict(format!("There are {MOST} templates already.")));
    }
    let id = DealTemplateId::new();
    let row = (templates::id.eq(id), said);
    diesel::insert_into(templates::table).values(row).execute(tx.conn()).map_err(AppError::from).map_err(taken)?;
    let mut changes = Changes::new();
    changes.set("name", &said.name).set("fields", &said.fields);
    events::record(tx, Event::of("deal_template.created", RECORD, id).changes(changes))?;
    Ok(id)
}

fn update(tx: &mut OrgTx, _: &Allow<ManagePipelines>, id: DealTemplateId, said: &Said) -> AppResult<()> {
    let before = find(tx, id)?;
    diesel::update(templates::table.filter(templates::id.eq(id)))
        .set(said)
        .execute(tx.conn())
        .map_err(AppError::from)
        .map_err(taken)?;
    let mut changes = Changes::new();
    changes.track("name", &before.name, &said.name).track("fields", &before.fields, &said.fields);
    events::record(tx, Event::of("deal_template.updated", RECORD, id).changes(changes))
}

fn retire(tx: &mut OrgTx, _: &Allow<ManagePipelines>, id: DealTemplateId, retired: bool) -> AppResult<Template> {
    let before = find(tx, id)?;
    diesel::update(templates::table.filter(templates::id.eq(id)))
        .set(templates::retired_at.eq(retired.then(Utc::now)))
        .execute(tx.conn())?;
    let kind = if retired { "deal_template.retired" } else { "deal_template.restored" };
    events::record(tx, Event::of(kind, RECORD, id))?;
    Ok(before)
}

/// A template in the list.
struct Line {
    id: DealTemplateId,
    name: String,
    stage: String,
    retired: bool,
}

#[derive(askama::Template)]
#[template(path = "deals/templates.html")]
struct Shown {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    /// The one that is edited; `None`: the list, with the form of a new one.
    one: Option<(DealTemplateId, String, bool)>,
    lines: Vec<Line>,
    input: FormView,
    stages: Vec<StageGroup>,
    currencies: Vec<SelectOption>,
    tasks: Vec<SelectOption>,
    roles: Vec<SelectOption>,
    custom: Vec<InputSection>,
}

async fn show(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: Option<DealTemplateId>,
    posted: Option<Form>,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (actor, shell, nav) = (page.actor.clone(), page.shell("settings"), nav(page));
    let shown = db
        .org(page, move |tx| {
            let one = id.map(|id| find(tx, id)).transpose()?;
            let form = match (posted, &one) {
                (Some(form), _) => form,
                (None, Some(one)) => to_form(tx, one)?,
                (None, None) => Form::default(),
            };
            let (pipelines, stages) = (pipeline::pipelines(tx)?, pipeline::stages(tx)?);
            let all: Vec<Template> = match id {
                Some(_) => vec![],
                None => templates::table
                    .order((templates::retired_at.is_not_null(), templates::name_key))
                    .select(Template::as_select())
                    .load(tx.conn())?,
            };
            let stage = |id: StageId| stages.iter().find(|s| s.id == id).map(|s| s.name.clone()).unwrap_or_default();
            let line = |t: Template| Line {
                stage: stage(t.stage_id),
                id: t.id,
                name: t.name,
                retired: t.retired_at.is_some(),
            };
            let lines = all.into_iter().map(line).collect();
            let option = |name: &str, key: String, label: &str| {
                let chosen = form.get(name) == key;
                SelectOption::new(key, label, chosen)
            };
            let tasks = activities::usable_templates(tx)?;
            let (catalogue, people) = (Catalogue::load(tx, &actor, RecordType::Deal)?, members::directory(tx)?);
            Ok(Shown {
                shell,
                nav,
                section: "deal-templates",
                one: one.map(|one| (one.id, one.name, one.retired_at.is_some())),
                lines,
                stages: StageGroup::all(&pipelines, &stages, form.get("stage_id")),
                currencies: fields::currencies(form.get("currency"), &actor.org.currency),
                tasks: tasks.iter().map(|(id, name)| option("tasks_id", id.to_string(), name)).collect(),
                roles: ROLES.iter().map(|(key, label)| option("contact_role", (*key).to_owned(), label)).collect(),
                custom: InputSection::of(&catalogue, &actor, &form, &errors, &people),
                input: form.view(errors),
            })
        })
        .await?;
    reply::page_with(&page.req, status, &shown)
}

/// `GET /settings/deal-templates`
pub async fn index(page: Page, _: Allow<ManagePipelines>, db: Data<Db>) -> AppResult<HttpResponse> {
    show(&page, &db, StatusCode::OK, None, None, FormErrors::default()).await
}

/// `POST /settings/deal-templates`
pub async fn add(page: Page, by: Allow<ManagePipelines>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let made = db
        .org(&page, move |tx| {
            let said = parse(tx, &by, &posted)?;
            create(tx, &by, &said)
        })
        .await;
    match made {
        Ok(_) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Template added")))),
        Err(AppError::Invalid(errors)) => {
            show(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, None, Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}

/// `GET /settings/deal-templates/{id}`
pub async fn edit(
    page: Page,
    _: Allow<ManagePipelines>,
    id: Path<DealTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    show(&page, &db, StatusCode::OK, Some(*id), None, FormErrors::default()).await
}

/// `POST /settings/deal-templates/{id}`
pub async fn save(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<DealTemplateId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let saved = db
        .org(&page, move |tx| {
            find(tx, id)?;
            let said = parse(tx, &by, &posted)?;
            update(tx, &by, id, &said)
        })
        .await;
    match saved {
        Ok(()) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Template saved")))),
        Err(AppError::Invalid(errors)) => {
            show(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, Some(id), Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/deal-templates/{id}/retirement`
pub async fn put_away(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<DealTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let one = db.org(&page, move |tx| retire(tx, &by, id, true)).await?;
    let flash = Flash::success(format!("{} retired", one.name)).undo(format!("{AT}/{id}/retirement/undo"));
    Ok(reply::redirect(&page.req, AT, Some(flash)))
}

/// `POST /settings/deal-templates/{id}/retirement/undo`
pub async fn bring_back(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<DealTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let one = db.org(&page, move |tx| retire(tx, &by, *id, false)).await?;
    Ok(reply::redirect(&page.req, AT, Some(Flash::success(format!("{} can be used again", one.name)))))
}

/// Templates whose name holds those words, for the palette.
pub fn named(tx: &mut OrgTx, words: &str) -> AppResult<Vec<(DealTemplateId, String)>> {
    let words: Vec<String> = text::fold(words).split_whitespace().map(str::to_owned).collect();
    let holds = |name: &str| {
        let name = format!("new deal {}", text::fold(name));
        !words.is_empty() && words.iter().all(|word| name.contains(word))
    };
    Ok(choices(tx)?.into_iter().filter(|(_, name)| holds(name)).take(3).collect())
}
