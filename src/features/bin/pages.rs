//! The page of the bin, its buttons, and the question before anything goes for good.

use super::{
    commands::{self, Chosen},
    queries::{self, Deleted},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        records::require_delete,
        settings::{SettingsNav, nav},
    },
    kernel::RecordType,
    web::{Actor, Form, FormErrors, FormView, Page, Shell, flash::Flash, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use chrono::{Duration, Utc};
use uuid::Uuid;

/// What is to be typed before anything goes for good.
const WORD: &str = "delete";
/// Most records of one request; the page shows fewer.
const MOST: usize = 1_000;

struct Line {
    id: Uuid,
    name: String,
    owner: String,
    by: String,
    means: String,
    when: String,
    exact: String,
    /// "28 days", "today".
    left: String,
    soon: bool,
}

struct Tab {
    record: RecordType,
    count: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "bin/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    record: RecordType,
    tabs: Vec<Tab>,
    sub: String,
    lines: Vec<Line>,
    more: Option<String>,
    total: i64,
}

#[derive(Template)]
#[template(path = "bin/_rows.html")]
struct Rows {
    lines: Vec<Line>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "bin/confirm.html")]
struct Confirm {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    record: RecordType,
    ids: Vec<Uuid>,
    all: bool,
    what: String,
    input: FormView,
}

/// The types whose bin the actor may look into.
fn open_to(actor: &Actor) -> Vec<RecordType> {
    RecordType::ALL.into_iter().filter(|record| require_delete(actor, *record).is_ok()).collect()
}

/// Refuses with 403 whoever may delete nothing.
fn require(actor: &Actor) -> AppResult<Vec<RecordType>> {
    let types = open_to(actor);
    if types.is_empty() {
        return Err(AppError::Forbidden("Your role does not let you delete records. Ask an administrator."));
    }
    Ok(types)
}

/// `GET /bin`
pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let types = require(&page.actor)?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let asked = RecordType::parse(query.get("type")).filter(|record| types.contains(record));
    let after = Some(query.get("after").to_owned()).filter(|after| !after.is_empty());
    let (actor, shell, more) = (page.actor.clone(), page.shell("settings"), after.is_some());
    let whole = db.org(&page, move |tx| Index::load(tx, &actor, shell, &types, asked, after.as_deref())).await?;
    if more && reply::is_partial(&page.req) {
        return reply::fragment(&Rows { lines: whole.lines, more: whole.more });
    }
    reply::page(&page.req, &whole)
}

impl Index {
    /// Without a word on which type: the first in whose bin there is anything.
    fn load(
        tx: &mut OrgTx,
        actor: &Actor,
        shell: Shell,
        types: &[RecordType],
        asked: Option<RecordType>,
        after: Option<&str>,
    ) -> AppResult<Self> {
        let mut counts = Vec::new();
        for record in types {
            counts.push((*record, queries::count(tx, actor, *record)?));
        }
        let first = counts.iter().find(|(_, (n, _))| *n > 0).or(counts.first()).map(|(record, _)| *record);
        let record = asked.or(first).ok_or(AppError::NotFound)?;
        let days = queries::keep_days(tx)?;
        let page = queries::page(tx, actor, record, after)?.map(|row| line(actor, days, row));
        let total = counts.iter().find(|(r, _)| *r == record).map_or(0, |(_, (n, _))| *n);
        Ok(Self {
            nav: nav(actor),
            section: "bin",
            tabs: counts.into_iter().map(|(r, (_, count))| Tab { record: r, count, current: r == record }).collect(),
            more: page.next.map(|next| format!("/bin?type={}&after={next}", record.key())),
            lines: page.rows,
            shell,
            record,
            sub: format!(
                "Deleted records wait here for {} before they go for good.",
                if days == 1 { "a day".to_owned() } else { format!("{days} days") }
            ),
            total,
        })
    }
}

fn line(actor: &Actor, days: i64, row: Deleted) -> Line {
    let left = (row.deleted_at + Duration::days(days) - Utc::now()).num_hours();
    Line {
        id: row.id,
        name: if row.name.is_empty() { "Without a name".to_owned() } else { row.name },
        owner: row.owner.unwrap_or_default(),
        by: row.by.unwrap_or_else(|| "Pipewright".to_owned()),
        means: row.means.unwrap_or_default(),
        when: actor.moment(row.deleted_at),
        exact: actor.exact(row.deleted_at),
        left: match left {
            ..0 => "today".to_owned(),
            0..24 => "1 day".to_owned(),
            hours => format!("{} days", (hours + 23) / 24),
        },
        soon: left < 72,
    }
}

/// The type and the records that a form of the page names.
fn chosen(actor: &Actor, form: &Form) -> AppResult<(RecordType, Chosen)> {
    let record = RecordType::parse(form.get("record_type"))
        .ok_or(AppError::Rejected(StatusCode::BAD_REQUEST, "It is not clear which records are meant."))?;
    require_delete(actor, record)?;
    if form.get("all") == "1" {
        return Ok((record, Chosen::All));
    }
    let ids: Result<Vec<Uuid>, _> = form.all("ids").take(MOST + 1).map(str::parse).collect();
    match ids {
        Ok(ids) if ids.len() <= MOST => Ok((record, Chosen::These(ids))),
        _ => Err(AppError::Rejected(StatusCode::BAD_REQUEST, "These are not records of the bin.")),
    }
}

fn back(page: &Page, record: RecordType, flash: Flash) -> HttpResponse {
    reply::redirect(&page.req, &format!("/bin?type={}", record.key()), Some(flash))
}

fn counted(actor: &Actor, record: RecordType, n: i64) -> String {
    let noun = if n == 1 { record.label() } else { record.plural() }.to_lowercase();
    format!("{} {noun}", actor.locale.integer(n))
}

/// `POST /bin/restoration`
pub(super) async fn restore(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    require(&page.actor)?;
    let (record, chosen) = chosen(&page.actor, &form)?;
    let Chosen::These(ids) = chosen else { return Ok(back(&page, record, Flash::danger("Select some records first"))) };
    if ids.is_empty() {
        return Ok(back(&page, record, Flash::danger("Select some records first")));
    }
    let actor = page.actor.clone();
    let restored = db.org(&page, move |tx| commands::restore(tx, &actor, record, &ids)).await?;
    let told = format!("{} restored", counted(&page.actor, record, restored.count));
    let flash = match restored.left.first() {
        None => Flash::success(told),
        Some(why) if restored.left.len() == 1 && restored.count == 0 => Flash::danger(format!("Not restored. {why}")),
        Some(why) => Flash::info(format!("{told}, {} left in the bin. {why}", restored.left.len())),
    };
    Ok(back(&page, record, flash))
}

/// `POST /bin/purge/new`: the question. Posted, because a selection is long.
pub(super) async fn confirm(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    require(&page.actor)?;
    ask(&page, &db, StatusCode::OK, form, FormErrors::default()).await
}

async fn ask(page: &Page, db: &Db, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let (record, chosen) = chosen(&page.actor, &form)?;
    let actor = page.actor.clone();
    let (ids, count, what) = db
        .org(page, move |tx| match chosen {
            Chosen::These(ids) => {
                let ids = queries::among(tx, &actor, record, &ids)?;
                let n = i64::try_from(ids.len()).unwrap_or(i64::MAX);
                Ok((ids, n, counted(&actor, record, n)))
            }
            Chosen::All => {
                let (n, shown) = queries::count(tx, &actor, record)?;
                let noun = if n == 1 { record.label() } else { record.plural() }.to_lowercase();
                Ok((vec![], n, format!("{shown} {noun}")))
            }
        })
        .await?;
    if count == 0 {
        return Ok(back(page, record, Flash::danger("Select some records first")));
    }
    let all = form.get("all") == "1";
    let (shell, nav) = (page.shell("settings"), nav(&page.actor));
    let template = Confirm { shell, nav, section: "bin", record, ids, all, what, input: form.view(errors) };
    reply::page_with(&page.req, status, &template)
}

/// `POST /bin/purge`
pub(super) async fn purge(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    require(&page.actor)?;
    let (record, chosen) = chosen(&page.actor, &form)?;
    if !form.get("confirm").eq_ignore_ascii_case(WORD) {
        let errors = FormErrors::one("confirm", format!("must be the word {WORD}: nothing was deleted"));
        return ask(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await;
    }
    let actor = page.actor.clone();
    let gone = db.org(&page, move |tx| commands::empty(tx, &actor, record, &chosen)).await?;
    let flash = match gone {
        Some(n) => Flash::success(format!("{} deleted for good", counted(&page.actor, record, n))),
        None => Flash::info("They are being deleted for good, one after the other"),
    };
    Ok(back(&page, record, flash))
}
