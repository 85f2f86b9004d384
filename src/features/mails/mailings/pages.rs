//! `/mailings`: those there are; one of them, how far it is, what came of it.

use super::{
    model::{Mailing, find},
    run,
};
use crate::{
    db::{Db, OrgTx, Tx, kept, paging},
    error::AppResult,
    features::{
        accounts::members,
        mails::{
            attachments::{self, Bearer},
            standing::Why,
        },
    },
    kernel::MailingId,
    schema::mailings,
    web::{
        Actor, Allow, Form, Page, Shell,
        flash::Flash,
        permission::mails::{Bulk, View},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};

/// How many of its messages came to what.
#[derive(QueryableByName, Clone, Copy, Debug, Default)]
struct Counts {
    #[diesel(sql_type = t::BigInt)]
    total: i64,
    #[diesel(sql_type = t::BigInt)]
    sent: i64,
    /// There was no mail server to send them.
    #[diesel(sql_type = t::BigInt)]
    kept: i64,
    #[diesel(sql_type = t::BigInt)]
    waiting: i64,
    #[diesel(sql_type = t::BigInt)]
    failed: i64,
    #[diesel(sql_type = t::BigInt)]
    cancelled: i64,
    #[diesel(sql_type = t::BigInt)]
    opened: i64,
    #[diesel(sql_type = t::BigInt)]
    clicked: i64,
}

impl Counts {
    fn load(tx: &mut OrgTx, id: MailingId) -> AppResult<Self> {
        let sql = "SELECT count(*) AS total, count(*) FILTER (WHERE m.status = 'sent') AS sent, count(*) FILTER (WHERE m.status = 'kept') AS kept, count(*) FILTER (WHERE m.folder = 'scheduled') AS waiting,
             count(*) FILTER (WHERE m.folder = 'failed') AS failed, count(*) FILTER (WHERE m.folder = 'cancelled') AS cancelled,
             count(*) FILTER (WHERE r.opens > 0) AS opened, count(*) FILTER (WHERE r.clicks > 0) AS clicked
           FROM mail_messages m LEFT JOIN mail_recipients r ON r.org_id = m.org_id AND r.message_id = m.id WHERE m.mailing_id = $1";
        Ok(kept(diesel::sql_query(sql).bind::<t::Uuid, _>(id)).get_result(tx.conn())?)
    }

    fn percent(self) -> i64 {
        if self.total == 0 { 0 } else { (self.total - self.waiting) * 100 / self.total }
    }
}

/// Words and tone of a status; `kept`: none were sent, because there is no mail server.
fn state(status: &str, kept: bool) -> (&'static str, &'static str) {
    match status {
        "done" if kept => ("Kept, not sent", "warn"),
        "scheduled" => ("Scheduled", "info"),
        "running" => ("Being sent", "info"),
        "done" => ("Sent", "good"),
        "cancelled" => ("Stopped", "warn"),
        _ => ("Failed", "bad"),
    }
}

struct Line {
    mailing: Mailing,
    state: (&'static str, &'static str),
    by: String,
    when: String,
    exact: String,
}

#[derive(Template)]
#[template(path = "mails/mailings/index.html")]
struct Index {
    shell: Shell,
    lines: Vec<Line>,
    next: Option<String>,
}

/// `GET /mailings`
pub(in crate::features::mails) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let after = Some(query.get("after")).filter(|cursor| !cursor.is_empty()).map(paging::decode).transpose()?;
    let actor = page.actor.clone();
    let rows = db.org(&page, move |tx| list(tx, &actor, after)).await?;
    let next = rows.next.map(|cursor| format!("/mailings?after={cursor}"));
    reply::page(&page.req, &Index { shell: page.shell("mails"), lines: rows.rows, next })
}

fn list(tx: &mut OrgTx, actor: &Actor, after: Option<(DateTime<Utc>, uuid::Uuid)>) -> AppResult<paging::Page<Line>> {
    let mut query = mailings::table.select(Mailing::as_select()).into_boxed();
    if let Some(owners) = actor.visible_owners() {
        query = query.filter(mailings::author_id.eq_any(owners));
    }
    if let Some((at, id)) = after {
        query = query.filter(mailings::created_at.lt(at).or(mailings::created_at.eq(at).and(mailings::id.lt(id))));
    }
    let rows: Vec<Mailing> =
        query.order((mailings::created_at.desc(), mailings::id.desc())).limit(paging::PAGE + 1).load(tx.conn())?;
    let people = members::directory(tx)?;
    let unsent = run::unsent(tx, &rows.iter().map(|mailing| mailing.id).collect::<Vec<_>>())?;
    let page = paging::Page::new(rows, paging::PAGE, |mailing| (mailing.created_at, mailing.id));
    Ok(page.map(|mailing| Line {
        state: state(&mailing.status, unsent.contains(&mailing.id)),
        by: people.iter().find(|p| p.id == mailing.author_id).map(|p| p.name.clone()).unwrap_or_default(),
        when: actor.moment(mailing.send_at),
        exact: actor.exact(mailing.send_at),
        mailing,
    }))
}

#[derive(Template)]
#[template(path = "mails/mailings/show.html")]
struct Show {
    shell: Shell,
    mailing: Mailing,
    state: (&'static str, &'static str),
    by: String,
    when: (String, String),
    /// In words; the same numbers as the bar.
    facts: Vec<(&'static str, String)>,
    percent: i64,
    left_out: Vec<(String, &'static str)>,
    resumes: Option<String>,
    /// Name, size, where it is.
    files: Vec<(String, String, Option<String>)>,
    counted: bool,
    kept: bool,
    may_stop: bool,
}

/// `GET /mailings/{id}`
pub(in crate::features::mails) async fn show(page: Page, id: Path<MailingId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, id) = (page.actor.clone(), *id);
    let (mailing, counts, by, files) = db
        .org(&page, move |tx| {
            let mailing = find(tx, &actor, id)?;
            let people = members::directory(tx)?;
            let by = people.into_iter().find(|p| p.id == mailing.author_id).map(|p| p.name).unwrap_or_default();
            Ok((mailing, Counts::load(tx, id)?, by, attachments::of(tx, &actor, Bearer::Mailing(id))?))
        })
        .await?;
    let locale = page.locale;
    let number = |n: i64| locale.integer(n);
    let mut facts = vec![("Recipients", number(counts.total)), ("Sent", number(counts.sent))];
    if counts.kept > 0 {
        facts.push(("Kept, not sent", number(counts.kept)));
    }
    if mailing.is_open() {
        facts.push(("Waiting", number(counts.waiting)));
    }
    facts.push(("Not delivered", number(counts.failed)));
    if counts.cancelled > 0 {
        facts.push(("Not sent any more", number(counts.cancelled)));
    }
    if counts.opened + counts.clicked > 0 {
        facts.extend([("Opened", number(counts.opened)), ("Clicked", number(counts.clicked))]);
    }
    let left = |why: Why| {
        let n = mailing.left_out.get(why.key()).and_then(serde_json::Value::as_i64)?;
        Some((number(n), why.words()))
    };
    let template = Show {
        shell: page.shell("mails"),
        state: state(&mailing.status, counts.kept > 0 && counts.sent == 0),
        kept: counts.kept > 0,
        when: (page.moment(mailing.send_at), page.exact(mailing.send_at)),
        percent: counts.percent(),
        left_out: Why::ALL.into_iter().filter_map(left).collect(),
        resumes: mailing.resumes_at.filter(|at| *at > Utc::now() && mailing.is_open()).map(|at| page.within(at)),
        counted: counts.total > 0,
        may_stop: mailing.is_open() && mailing.author_id == page.id,
        by,
        files,
        facts,
        mailing,
    };
    reply::page(&page.req, &template)
}

/// `POST /mailings/{id}/cancellation`: undo of sending; later, what has not gone out yet does not
pub(in crate::features::mails) async fn cancel(
    page: Page,
    by: Allow<Bulk>,
    id: Path<MailingId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let (stopped, begun) = db
        .org(&page, move |tx| {
            let mailing = find(tx, &by, id)?;
            if mailing.author_id != by.id {
                return Err(crate::error::AppError::Forbidden("Only its author can stop a mailing."));
            }
            Ok((run::end(tx, &mailing, "cancelled", None)?, mailing.planned))
        })
        .await?;
    let flash = match (stopped, begun) {
        (true, false) => Flash::success("Taken back: nobody was written to"),
        (true, true) => Flash::success("Stopped: the rest is not sent"),
        (false, _) => Flash::info("It had ended already"),
    };
    Ok(reply::redirect(&page.req, &format!("/mailings/{id}"), Some(flash)))
}
