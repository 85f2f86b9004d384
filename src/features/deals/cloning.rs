//! A deal made after another: its fields, and whatever was chosen of what hangs on it.

use super::{
    commands, lines, links,
    model::{AmountFrom, Deal, DealFields, NewDeal},
    queries,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        activities,
        fields::Catalogue,
        files,
        pipeline::{self, StageGroup},
        records::{self, Subject, inline::owner_choices},
        tags,
    },
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{ActivityId, DealId, FileId, MemberId, RecordType, StageId, calendar},
    schema::activities as planned,
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell,
        flash::Flash,
        permission::{activities as may, deals::Create},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use chrono::NaiveDate;
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What may come along: key, label, and whether it does unless said otherwise.
const ALONG: &[(&str, &str, bool)] = &[
    ("contacts", "Contacts and their roles", true),
    ("lines", "Lines with products and prices", true),
    ("competitors", "Competitors, and what speaks for and against them", true),
    ("custom", "The organisation's own fields", true),
    ("tags", "Tags", true),
    ("activities", "Open activities and tasks", false),
    ("notes", "Notes", false),
    ("files", "Files", false),
    ("followers", "Followers", false),
];

/// Activities, notes and files that come along at most, and the largest of the files in bytes.
const MOST: i64 = 200;
const LARGEST: usize = 100 << 20;

/// What the form says.
struct Asked {
    id: DealId,
    name: String,
    stage_id: StageId,
    owner_id: Option<MemberId>,
    close: Option<NaiveDate>,
    along: Vec<String>,
}

impl Asked {
    fn brings(&self, what: &str) -> bool {
        self.along.iter().any(|key| key == what)
    }
}

fn parse(form: &Form) -> AppResult<Asked> {
    let mut p = form.parser();
    let (id, stage) = (p.id("id"), p.id("stage_id"));
    let name = p.required("name", 200);
    let owner_id = p.id("owner_id");
    let close = p.optional("expected_close_on", calendar::parse_date);
    if stage.is_none() {
        p.error("stage_id", "is required");
    }
    p.finish()?;
    let stage_id = stage.ok_or_else(|| AppError::field("stage_id", "is required"))?;
    let along = form.all("along").map(str::to_owned).collect();
    Ok(Asked { id: id.unwrap_or_else(DealId::new), name, stage_id, owner_id, close, along })
}

/// What of a deal another may begin with: not what tells it apart from others.
pub(super) fn fields_of(tx: &mut OrgTx, by: &Actor, source: &Deal, custom: bool) -> AppResult<DealFields> {
    let mut fields = DealFields::from(source);
    fields.external_id = None;
    // What follows lines does so once there are some.
    fields.amount_from = AmountFrom::Hand;
    if !custom {
        fields.custom = Default::default();
    }
    let catalogue = Catalogue::whole(tx, RecordType::Deal)?;
    for entry in catalogue.custom().filter(|entry| entry.unique) {
        fields.custom.set(&entry.key, serde_json::Value::Null);
    }
    // A company one may not name in a new deal stays behind.
    if let Some(company) = fields.company_id {
        match records::visible(tx, by, RecordType::Company, company.into()) {
            Ok(_) => {}
            Err(AppError::NotFound | AppError::Forbidden(_)) => fields.company_id = None,
            Err(other) => return Err(other),
        }
    }
    Ok(fields)
}

/// Makes the copy. The same form sent twice makes one.
fn clone(tx: &mut OrgTx, by: &Allow<Create>, source: DealId, asked: &Asked) -> AppResult<Deal> {
    let source = queries::find(tx, by, source)?;
    if let Ok(there) = queries::find(tx, by, asked.id) {
        return Ok(there);
    }
    let mut fields = fields_of(tx, by, &source, asked.brings("custom"))?;
    (fields.name, fields.owner_id, fields.expected_close_on) = (asked.name.clone(), asked.owner_id, asked.close);
    // A step whose day has passed is planned anew.
    fields.next_step_on = fields.next_step_on.filter(|day| *day >= by.today());
    tx.because(json!({ "title": format!("Copied from {}", source.reference()) }));
    let new = NewDeal { id: Some(asked.id), stage_id: asked.stage_id, fields };
    let made = commands::create(tx, by, new)?;
    tx.because(json!({}));
    if asked.brings("lines") {
        lines::copy(tx, &source, made.id)?;
    }
    if asked.brings("contacts") {
        copy_contacts(tx, source.id, made.id)?;
    }
    if asked.brings("competitors") {
        copy_competitors(tx, source.id, made.id)?;
    }
    if asked.brings("tags") {
        let ids: Vec<_> = tags::of(tx, RecordType::Deal, source.id.0)?.into_iter().map(|tag| tag.id).collect();
        tags::change(tx, RecordType::Deal, &tags::each(&[made.id.0], &ids), &tags::Pairs::default(), None, false)?;
    }
    if asked.brings("activities") {
        copy_activities(tx, by, source.id, made.id)?;
    }
    if asked.brings("notes") {
        copy_notes(tx, source.id, made.id)?;
    }
    if asked.brings("followers") {
        let sql = "INSERT INTO follows (member_id, record_type, record_id, muted) \
            SELECT member_id, record_type, $2, muted FROM follows WHERE record_type = 'deal' AND record_id = $1 ON CONFLICT DO NOTHING";
        run(tx, sql, source.id, made.id)?;
    }
    if asked.brings("files") {
        let payload = CopyFiles { from: source.id, to: made.id, by: by.id };
        jobs::enqueue(tx, Job::new(FILES, &payload)?.key(format!("copy files {}", made.id)))?;
    }
    links::tell(tx, &source, format!("Copied to {}", made.reference()))?;
    Ok(made)
}

fn run(tx: &mut OrgTx, sql: &str, from: DealId, to: DealId) -> AppResult<()> {
    diesel::sql_query(sql).bind::<sql_types::Uuid, _>(from.0).bind::<sql_types::Uuid, _>(to.0).execute(tx.conn())?;
    Ok(())
}

/// With the parts they play; whatever else the row says of them comes along.
pub(super) fn copy_contacts(tx: &mut OrgTx, from: DealId, to: DealId) -> AppResult<()> {
    let sql = "INSERT INTO deal_contacts SELECT (jsonb_populate_record(c, jsonb_build_object('deal_id', $2, 'created_at', now()))).* \
        FROM deal_contacts c WHERE c.deal_id = $1 ON CONFLICT DO NOTHING";
    run(tx, sql, from, to)
}

/// Those that are retired stay behind: nobody names them anew.
fn copy_competitors(tx: &mut OrgTx, from: DealId, to: DealId) -> AppResult<()> {
    let sql = "INSERT INTO deal_competitors (deal_id, competitor_id, strengths, weaknesses) \
        SELECT $2, d.competitor_id, d.strengths, d.weaknesses FROM deal_competitors d \
        JOIN competitors c ON c.org_id = d.org_id AND c.id = d.competitor_id AND c.retired_at IS NULL \
        WHERE d.deal_id = $1 ORDER BY d.created_at ON CONFLICT DO NOTHING";
    run(tx, sql, from, to)
}

fn copy_activities(tx: &mut OrgTx, by: &Actor, from: DealId, to: DealId) -> AppResult<()> {
    let Ok(by) = Allow::<may::Create>::check(by) else { return Ok(()) };
    let open: Vec<ActivityId> = planned::table
        .filter(planned::deal_id.eq(from))
        .filter(planned::closed_at.is_null())
        .filter(planned::deleted_at.is_null())
        .filter(planned::series_id.is_null())
        .order((planned::at, planned::id))
        .limit(MOST)
        .select(planned::id)
        .load(tx.conn())?;
    for id in open {
        let mut new = activities::find(tx, &by, id)?.fields;
        new.deal_id = Some(to);
        activities::create(tx, &by, None, new)?;
    }
    Ok(())
}

/// As their writers wrote them.
fn copy_notes(tx: &mut OrgTx, from: DealId, to: DealId) -> AppResult<()> {
    let sql = format!(
        "WITH copied AS (INSERT INTO notes (id, deal_id, author_id, body_html, created_at) \
           SELECT app.uuid7(), $2, author_id, body_html, created_at FROM notes WHERE deal_id = $1 AND deleted_at IS NULL \
           ORDER BY created_at LIMIT {MOST} RETURNING id, author_id) \
         INSERT INTO events (actor_id, kind, record_type, record_id, data) \
         SELECT author_id, 'note.added', 'deal', $2, jsonb_build_object('note_id', id) FROM copied"
    );
    run(tx, &sql, from, to)
}

pub(super) const FILES: &str = "deals.copy_files";

#[derive(Serialize, Deserialize)]
struct CopyFiles {
    from: DealId,
    to: DealId,
    by: MemberId,
}

/// Bytes are copied behind the page; a file whose name the copy has already came along on an earlier try.
pub(super) fn copy_files(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let CopyFiles { from, to, by } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let actor = ctx.db.system_now(crate::db::Reason::Jobs, |tx| Actor::load(tx, by.into(), org))?;
    let Some(actor) = actor else { return Ok(JobOutcome::Done) };
    let subject = |id: DealId| Subject::Record(RecordType::Deal, id.0);
    let wanted: Vec<FileId> = ctx.db.org_now(&actor, |tx| {
        queries::find(tx, &actor, from)?;
        queries::find(tx, &actor, to)?;
        let there: Vec<String> = files::list(tx, subject(to), false, MOST)?.into_iter().map(|file| file.name).collect();
        let all = files::list(tx, subject(from), false, MOST)?.into_iter().rev();
        Ok(all.filter(|file| !there.contains(&file.name)).map(|file| file.id).collect())
    })?;
    for id in wanted {
        let content = ctx.db.org_now(&actor, |tx| files::read(tx, id))?;
        if content.is_given_out() && usize::try_from(content.size).is_ok_and(|size| size <= LARGEST) {
            let bytes = ctx.files.bytes_now(org, content.blob, LARGEST)?;
            files::put(&ctx.db, &ctx.files, &actor, subject(to), &content.name, bytes)?;
        }
    }
    Ok(JobOutcome::Done)
}

struct Choice {
    key: &'static str,
    label: &'static str,
    ticked: bool,
}

#[derive(Template)]
#[template(path = "deals/clone.html")]
struct ClonePage {
    shell: Shell,
    deal: Deal,
    input: FormView,
    stages: Vec<StageGroup>,
    owners: Vec<SelectOption>,
    along: Vec<Choice>,
}

/// `GET /deals/{id}/clone`
pub async fn ask(page: Page, _: Allow<Create>, id: Path<DealId>, db: Data<Db>) -> AppResult<HttpResponse> {
    form(&page, &db, StatusCode::OK, *id, None, FormErrors::default()).await
}

async fn form(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: DealId,
    posted: Option<Form>,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (actor, shell) = (page.actor.clone(), page.shell("deals"));
    let shown = db
        .org(page, move |tx| {
            let deal = queries::find(tx, &actor, id)?;
            let ticked = |key: &str, usual: bool| match &posted {
                Some(form) => form.all("along").any(|ticked| ticked == key),
                None => usual,
            };
            let along = ALONG.iter().map(|&(key, label, usual)| Choice { key, label, ticked: ticked(key, usual) });
            let along: Vec<Choice> = along.collect();
            let form = posted.unwrap_or_else(|| {
                let pairs = [
                    ("id", DealId::new().to_string()),
                    ("name", format!("{} (copy)", deal.name).chars().take(200).collect()),
                    ("stage_id", deal.stage_id.to_string()),
                    ("owner_id", actor.id.to_string()),
                ];
                Form::new(pairs.map(|(name, value)| (name.to_owned(), value)))
            });
            let (pipelines, stages) = (pipeline::pipelines(tx)?, pipeline::stages(tx)?);
            let people: Vec<_> = members::directory(tx)?.into_iter().filter(|p| actor.sees(Some(p.id.0))).collect();
            let mut owners = vec![SelectOption::new("", "Nobody yet", form.get("owner_id").is_empty())];
            owners.extend(owner_choices(&people, form.get("owner_id")));
            let stages = StageGroup::all(&pipelines, &stages, form.get("stage_id"));
            Ok(ClonePage { shell, deal, stages, owners, along, input: form.view(errors) })
        })
        .await?;
    reply::page_with(&page.req, status, &shown)
}

/// `POST /deals/{id}/clone`: `id`, `name`, `stage_id`, `owner_id`, `expected_close_on`, `along` …
pub async fn make(
    page: Page,
    by: Allow<Create>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let made = db
        .org(&page, move |tx| {
            queries::find(tx, &by, id)?;
            clone(tx, &by, id, &parse(&posted)?)
        })
        .await;
    match made {
        Ok(deal) => {
            let to = format!("/deals/{}", deal.id);
            let flash = Flash::success(format!("{} added", deal.reference())).undo(format!("{to}/deletion"));
            Ok(reply::redirect(&page.req, &to, Some(flash)))
        }
        Err(AppError::Invalid(errors)) => {
            self::form(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}
