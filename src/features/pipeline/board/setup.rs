//! The page on which a board's look is set up: which fields its cards show and in which order, the order of its columns, and whether
//! empty ones are left out. For oneself, or by an administrator for everybody who chose nothing; and a column folded with one click.

use super::{
    load,
    look::{self, LANES, Look},
    memory::Memory,
    order::Order,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        fields::Catalogue,
        pipeline::{Pipeline, queries},
    },
    kernel::{PipelineId, RecordType, StageId},
    live::{self, LiveMessage},
    schema::pipelines,
    web::{
        Actor, Allow, Form, Page, SelectOption, Shell, csrf,
        flash::Flash,
        permission::{Permission, deals::View, organisation::ManagePipelines},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use diesel::prelude::*;

#[derive(Template)]
#[template(path = "pipeline/look.html")]
struct LookPage {
    shell: Shell,
    setup: Setup,
}

#[derive(Template)]
#[template(path = "pipeline/_look.html")]
struct LookFragment {
    setup: Setup,
}

struct Setup {
    action: String,
    csrf: String,
    back: String,
    list: String,
    /// Key, label, chosen: the chosen ones first, in their order.
    fields: Vec<(String, String, bool)>,
    orders: Vec<SelectOption>,
    lanes: Vec<SelectOption>,
    hide_empty: bool,
    most: usize,
    /// The reader may set it up for everybody.
    may_share: bool,
    has_own: bool,
    /// The board shows a saved view, which keeps a look of its own.
    view: Option<String>,
}

/// `GET /pipeline/{pipeline}/look?list=…`
pub async fn show(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (actor, token) = (page.actor.clone(), csrf::token(&page.req));
    let setup = db.org(&page, move |tx| setup(tx, &actor, *id, &query, token)).await?;
    if reply::is_partial(&page.req) {
        return reply::fragment(&LookFragment { setup });
    }
    reply::page(&page.req, &LookPage { shell: page.shell("pipeline"), setup })
}

fn setup(tx: &mut OrgTx, actor: &Actor, id: PipelineId, query: &Form, csrf: String) -> AppResult<Setup> {
    let (asked, look) = load::dressed(tx, actor, id, &Form::decode(query.get("list").as_bytes())?)?;
    let catalogue = Catalogue::shared(tx, actor, RecordType::Deal)?;
    let label = |key: &str| catalogue.get(key).map(|entry| (key.to_owned(), entry.label.clone()));
    let chosen = look.fields.iter().filter_map(|key| label(key)).map(|(key, label)| (key, label, true));
    let rest = catalogue.entries.iter().filter(|entry| !look.shows(&entry.key));
    let rest = rest.filter(|entry| look::may_stand_on_card(&catalogue, &entry.key));
    let fields = chosen.chain(rest.map(|entry| (entry.key.clone(), entry.label.clone(), false))).collect();
    Ok(Setup {
        action: format!("/pipeline/{id}/look"),
        csrf,
        back: asked.href(&[]),
        list: query.get("list").to_owned(),
        fields,
        orders: Order::ALL.map(|o| SelectOption::new(o.key(), o.label(), o == look.order())).into(),
        lanes: LANES.map(|by| SelectOption::new(by.key(), by.label(), look.lanes() == Some(by))).into(),
        hide_empty: look.hide_empty,
        most: look::MOST_FIELDS,
        may_share: actor.may(ManagePipelines::KEY),
        has_own: Memory::load(tx, actor.id)?.look(id).is_some(),
        view: asked.view.map(|view| view.name),
    })
}

/// `POST /pipeline/{pipeline}/look`: `field` repeated in order, `order`, `lanes`, `hide_empty`; `do` says for whom.
pub async fn save(page: Page, id: Path<PipelineId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let actor = page.actor.clone();
    let (to, told) = db.org(&page, move |tx| keep(tx, &actor, *id, &form)).await?;
    Ok(reply::redirect(&page.req, &to, Some(Flash::success(told))))
}

fn keep(tx: &mut OrgTx, actor: &Actor, id: PipelineId, form: &Form) -> AppResult<(String, &'static str)> {
    let (asked, before) = load::dressed(tx, actor, id, &Form::decode(form.get("list").as_bytes())?)?;
    let to = asked.href(&[]);
    let mut memory = Memory::load(tx, actor.id)?;
    if form.get("do") == "reset" {
        memory.set_look(id, None);
        memory.save(tx, actor.id)?;
        return Ok((to, "Everybody’s cards are yours again"));
    }
    let catalogue = Catalogue::shared(tx, actor, RecordType::Deal)?;
    let mut look = Look::parse(form, &catalogue)?.folding(before.folded);
    if form.has("move") {
        look.shift(form.get("move"));
        memory.set_look(id, Some(look));
        memory.save(tx, actor.id)?;
        let list = url::form_urlencoded::Serializer::new(String::new()).append_pair("list", form.get("list")).finish();
        return Ok((format!("/pipeline/{id}/look?{list}"), "Moved"));
    }
    if form.get("do") == "everybody" {
        share(tx, &Allow::check(actor)?, id, &look)?;
        memory.set_look(id, None);
        memory.save(tx, actor.id)?;
        return Ok((to, "Saved for everybody who chose nothing else"));
    }
    memory.set_look(id, Some(look));
    memory.save(tx, actor.id)?;
    Ok((to, "Saved"))
}

/// For whoever chose no look of their own; which columns are folded is nobody else's.
fn share(tx: &mut OrgTx, _: &Allow<ManagePipelines>, id: PipelineId, look: &Look) -> AppResult<()> {
    let before = queries::lock_pipeline(tx, id)?;
    let look = look.clone().folding(vec![]).to_value()?;
    let mut changes = Changes::new();
    changes.track("board_look", &before.board_look, &Some(look.clone()));
    if changes.is_empty() {
        return Ok(());
    }
    diesel::update(pipelines::table.filter(pipelines::id.eq(id)))
        .set((pipelines::board_look.eq(look), pipelines::version.eq(pipelines::version + 1)))
        .execute(tx.conn())?;
    events::record_quietly(
        tx,
        Event::of("pipeline.updated", "pipeline", id).version(before.version + 1).changes(changes),
    )?;
    live::publish(tx, &LiveMessage::refresh())
}

/// `POST /pipeline/{pipeline}/stages/{stage}/fold`: `folded` 1 or 0.
pub async fn fold(page: Page, path: Path<(PipelineId, StageId)>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, folded) = (page.actor.clone(), form.get("folded") == "1");
    let (id, stage) = path.into_inner();
    db.org(&page, move |tx| {
        load::stage_of(tx, id, stage)?;
        let pipelines = queries::pipelines(tx)?;
        let pipeline: &Pipeline = pipelines.iter().find(|p| p.id == id).ok_or(AppError::NotFound)?;
        let mut memory = Memory::load(tx, actor.id)?;
        let mut look = Look::of(memory.look(id), pipeline, None);
        look.folded.retain(|other| *other != stage);
        if folded {
            look.folded.push(stage);
        }
        memory.set_look(id, Some(look));
        memory.save(tx, actor.id)
    })
    .await?;
    if reply::is_partial(&page.req) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(reply::redirect(&page.req, &format!("/pipeline/{id}"), None))
}
