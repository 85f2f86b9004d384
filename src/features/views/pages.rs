//! The pages of views: the form in which one is kept, its own and everybody's parts, and the page of all of them.

use super::{
    commands::{self, NewView},
    kind::Kind,
    model::{Sharing, View},
    queries,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        pipeline::board,
        records::{
            list::{Columns, ListQuery, damaged},
            require_view,
        },
    },
    kernel::{RecordType, text},
    web::{Actor, Form, FormErrors, FormView, Page, SelectOption, Shell, csrf, flash::Flash, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "views/index.html")]
struct Index {
    shell: Shell,
    menu: Menu,
}

#[derive(Template)]
#[template(path = "views/_menu.html")]
struct MenuFragment {
    menu: Menu,
}

/// The views one may open, pinned ones first, to be put in order.
struct Menu {
    title: String,
    views: Vec<View>,
    me: Uuid,
    /// The list of one record type without a view.
    all: Option<(String, String)>,
    /// Where that list is saved as a view.
    new: Option<String>,
}

/// `GET /views`: all of them; with `record` and `list`, those of one type, and the list as it stands can be kept.
pub(super) async fn index(page: Page, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let record = RecordType::parse(form.get("record")).filter(|r| require_view(&page.actor, *r).is_ok());
    let actor = page.actor.clone();
    let views = db
        .org(&page, move |tx| match record {
            Some(record) => queries::all(tx, &actor, record),
            None => queries::everything(tx, &actor),
        })
        .await?;
    let query = page.req.query_string();
    let menu = Menu {
        title: record.map_or_else(|| "Views".to_owned(), |r| format!("Views of {}", r.noun())),
        views,
        me: page.actor.id.0,
        all: record.map(|r| (format!("All {}", r.noun()), format!("/{}?view=all", r.noun()))),
        new: record.map(|_| format!("/views/new?{query}")),
    };
    if reply::is_partial(&page.req) {
        return reply::fragment(&MenuFragment { menu });
    }
    reply::page(&page.req, &Index { shell: page.shell("views"), menu })
}

#[derive(Template)]
#[template(path = "views/form.html")]
struct FormPage {
    shell: Shell,
    sheet: Sheet,
}

#[derive(Template)]
#[template(path = "views/_form.html")]
struct FormFragment {
    sheet: Sheet,
}

/// The form of a view.
struct Sheet {
    title: String,
    action: String,
    csrf: String,
    input: FormView,
    /// Only pin and watch are the reader's to choose.
    personal: bool,
    owner: String,
    sharings: Vec<SelectOption>,
    roles: Vec<SelectOption>,
    /// What it may keep of how its records are shown; empty: nothing.
    keeps: &'static str,
    delete: Option<String>,
    back: String,
}

async fn form_page(page: &Page, status: StatusCode, sheet: Sheet) -> AppResult<HttpResponse> {
    if reply::is_partial(&page.req) {
        return reply::fragment_with(status, &FormFragment { sheet });
    }
    reply::page_with(&page.req, status, &FormPage { shell: page.shell("views"), sheet })
}

fn sheet(
    tx: &mut OrgTx,
    page: (&Actor, String),
    view: Option<&View>,
    form: Form,
    errors: FormErrors,
) -> AppResult<Sheet> {
    let (actor, csrf) = page;
    let chosen = form.get("sharing").to_owned();
    let mut sharings = vec![
        SelectOption::new("private", "Only me", matches!(chosen.as_str(), "" | "private")),
        SelectOption::new("all", "Everybody", chosen == "all"),
    ];
    let teams = queries::teams(tx, actor, chosen.parse().ok())?;
    sharings.extend(teams.into_iter().map(|t| SelectOption { label: format!("Team {}", t.label), ..t }));
    let roles = if actor.may("organisation.administer") { queries::roles(tx, view.map(|v| v.id))? } else { vec![] };
    let own = view.filter(|v| v.may_change(actor));
    let list = Form::decode(form.get("list").as_bytes())?;
    let keeps = match view.map_or_else(|| Kind::parse(list.get("kind")), View::kind) {
        Kind::List => "Everybody sees it with these columns",
        Kind::Board => "Everybody sees it with my cards and rows as they are now",
        _ => "",
    };
    Ok(Sheet {
        title: view.map_or_else(|| "Save as a view".to_owned(), |v| v.name.clone()),
        action: view.map_or_else(|| "/views".to_owned(), |v| format!("/views/{}", v.id)),
        csrf,
        personal: view.is_some() && own.is_none(),
        owner: view.map(|v| v.owner_name.clone()).unwrap_or_default(),
        sharings,
        roles,
        keeps,
        delete: own.map(|v| format!("/views/{}/deletion", v.id)),
        back: view.map_or_else(|| "/views".to_owned(), View::href),
        input: form.view(errors),
    })
}

/// `GET /views/new?record=contact&list=…`
pub(super) async fn new(page: Page, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let mut form = Form::decode(page.req.query_string().as_bytes())?;
    let record = record_of(&page.actor, &form)?;
    form.set("record", record.key());
    let (actor, token) = (page.actor.clone(), csrf::token(&page.req));
    let sheet = db.org(&page, move |tx| sheet(tx, (&actor, token), None, form, FormErrors::default())).await?;
    form_page(&page, StatusCode::OK, sheet).await
}

fn record_of(actor: &Actor, form: &Form) -> AppResult<RecordType> {
    let Some(record) = RecordType::parse(form.get("record")) else {
        let first = RecordType::ALL.into_iter().find(|record| require_view(actor, *record).is_ok());
        return first.ok_or_else(damaged);
    };
    require_view(actor, record)?;
    Ok(record)
}

fn parse(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<NewView> {
    let mut p = form.parser();
    let name = p.required("name", 80);
    if text::is_turned(&name) {
        p.error("name", text::TURNED);
    }
    let sharing = Sharing::parse(form.get("sharing"));
    if sharing.is_none() {
        p.error("sharing", "is not one of the choices");
    }
    let roles: Result<Vec<Uuid>, _> = form.all("role").map(str::parse).collect();
    let (pinned, watched, keep) = (p.checkbox("pinned"), p.checkbox("watched"), p.checkbox("columns"));
    p.finish()?;
    let query = ListQuery::load(tx, actor, record, form.get("list"))?;
    let layout = match (query.kind, query.pipeline()) {
        _ if !keep => None,
        (Kind::List, _) => serde_json::to_value(Columns::of(tx, actor, &query)?).ok(),
        (Kind::Board, Some(pipeline)) => Some(board::look_to_keep(tx, actor, pipeline)?),
        _ => None,
    };
    Ok(NewView {
        name,
        sharing: sharing.unwrap_or(Sharing::Private),
        layout,
        roles: form.has("roles").then(|| roles.unwrap_or_default()),
        pinned,
        watched,
    })
}

/// `POST /views`: `record`, `list` and the form.
pub(super) async fn create(page: Page, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let record = record_of(&page.actor, &form)?;
    let (actor, posted) = (page.actor.clone(), form.clone());
    let made = db
        .org(&page, move |tx| {
            let new = parse(tx, &actor, record, &posted)?;
            let query = ListQuery::load(tx, &actor, record, posted.get("list"))?.query_string();
            let id = commands::create(tx, &actor, record, &query, &new)?;
            Ok(queries::find(tx, &actor, id)?.href())
        })
        .await;
    match made {
        Ok(href) => Ok(reply::redirect(&page.req, &href, Some(Flash::success("View saved")))),
        Err(AppError::Invalid(errors)) => again(&page, &db, None, form, errors).await,
        Err(other) => Err(other),
    }
}

async fn again(page: &Page, db: &Db, view: Option<View>, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let (actor, token) = (page.actor.clone(), csrf::token(&page.req));
    let sheet = db.org(page, move |tx| sheet(tx, (&actor, token), view.as_ref(), form, errors)).await?;
    form_page(page, StatusCode::UNPROCESSABLE_ENTITY, sheet).await
}

/// `GET /views/{id}/edit`
pub(super) async fn edit(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (actor, token) = (page.actor.clone(), csrf::token(&page.req));
    let sheet = db
        .org(&page, move |tx| {
            let view = found(tx, &actor, *id)?;
            let flag = |on: bool| if on { "true" } else { "" }.to_owned();
            let sharing = match (view.sharing.as_str(), view.team_id) {
                ("team", Some(team)) => team.to_string(),
                ("team", None) => "private".to_owned(),
                (other, _) => other.to_owned(),
            };
            let form = Form::new([
                ("name".to_owned(), view.name.clone()),
                ("sharing".to_owned(), sharing),
                ("pinned".to_owned(), flag(view.pinned)),
                ("watched".to_owned(), flag(view.watched)),
                ("columns".to_owned(), flag(view.layout.is_some())),
            ]);
            sheet(tx, (&actor, token), Some(&view), form, FormErrors::default())
        })
        .await?;
    form_page(&page, StatusCode::OK, sheet).await
}

/// A view of records that the reader may see.
fn found(tx: &mut OrgTx, actor: &Actor, id: Uuid) -> AppResult<View> {
    let view = queries::find(tx, actor, id)?;
    view.record().map_or(Err(AppError::NotFound), |record| require_view(actor, record))?;
    Ok(view)
}

/// `POST /views/{id}`
pub(super) async fn save(page: Page, id: web::Path<Uuid>, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let view = db.org(&page, move |tx| found(tx, &actor, id)).await?;
    let (actor, known, mut posted) = (page.actor.clone(), view.clone(), form.clone());
    let saved = db
        .org(&page, move |tx| {
            let record = known.record().ok_or(AppError::NotFound)?;
            if !known.may_change(&actor) {
                posted.set("name", known.name.clone());
            }
            posted.set("list", format!("view={}", known.id));
            let new = parse(tx, &actor, record, &posted)?;
            commands::update(tx, &actor, &known, &new)
        })
        .await;
    match saved {
        Ok(()) => Ok(reply::redirect(&page.req, &view.href(), Some(Flash::success("View saved")))),
        Err(AppError::Invalid(errors)) => again(&page, &db, Some(view), form, errors).await,
        Err(other) => Err(other),
    }
}

/// `POST /views/{id}/query`: from now on it lists what `list` says.
pub(super) async fn save_query(
    page: Page,
    id: web::Path<Uuid>,
    form: Form,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let href = db
        .org(&page, move |tx| {
            let view = found(tx, &actor, *id)?;
            let record = view.record().ok_or(AppError::NotFound)?;
            let query = ListQuery::load(tx, &actor, record, form.get("list"))?.query_string();
            commands::save_query(tx, &actor, &view, &query)?;
            Ok(view.href())
        })
        .await?;
    Ok(reply::redirect(&page.req, &href, Some(Flash::success("View saved"))))
}

/// `POST /views/{id}/deletion`
pub(super) async fn delete(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let view = db
        .org(&page, move |tx| {
            let view = found(tx, &actor, id)?;
            commands::delete(tx, &actor, &view)?;
            Ok(view)
        })
        .await?;
    let told = Flash::success(format!("{} deleted", view.name)).undo(format!("/views/{id}/deletion/undo"));
    let noun = view.record().map_or("", RecordType::noun);
    Ok(reply::redirect(&page.req, &format!("/{noun}?view=all"), Some(told)))
}

/// `POST /views/{id}/deletion/undo`
pub(super) async fn undelete(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let href = db
        .org(&page, move |tx| {
            commands::undelete(tx, &actor, id)?;
            Ok(found(tx, &actor, id)?.href())
        })
        .await?;
    Ok(reply::redirect(&page.req, &href, Some(Flash::success("The view is back"))))
}

/// `POST /views/order`: `order`, ids separated by commas.
pub(super) async fn order(page: Page, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let ids: Result<Vec<Uuid>, _> = form.get("order").split(',').filter(|id| !id.is_empty()).map(str::parse).collect();
    let ids = ids.map_err(|_| damaged())?;
    db.org(&page, move |tx| commands::order(tx, &actor, &ids)).await?;
    Ok(reply::redirect(&page.req, "/views", None))
}
