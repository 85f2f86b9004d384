//! `/mails`: drafts, what is scheduled, what was sent, what nobody got; mine, my team's, everybody's.

use super::{
    model::Status,
    queries::{self, Asked, Line},
};
use crate::{
    db::{Db, paging},
    error::AppResult,
    kernel::MailingId,
    web::{
        Actor, Form, Page, Shell,
        permission::{
            Permission,
            mails::{Send, View},
        },
        reply,
    },
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use uuid::Uuid;

const PAGE: i64 = 50;

/// Key in the address, folder, label.
const FOLDERS: [(&str, &str, &str); 4] = [
    ("sent", "sent", "Sent"),
    ("scheduled", "scheduled", "Scheduled"),
    ("drafts", "draft", "Drafts"),
    ("failed", "failed", "Not delivered"),
];

struct Tab {
    href: String,
    label: &'static str,
    current: bool,
}

/// A line as the page shows it.
struct Shown {
    line: Line,
    status: Status,
    when: String,
    exact: String,
}

#[derive(Template)]
#[template(path = "mails/index.html")]
struct Index {
    shell: Shell,
    folders: Vec<Tab>,
    who: Vec<Tab>,
    folder: &'static str,
    mailing: Option<MailingId>,
    lines: Vec<Shown>,
    next: Option<String>,
    may_send: bool,
    narrowed: bool,
}

#[derive(Template)]
#[template(path = "mails/_more.html")]
struct More {
    lines: Vec<Shown>,
    next: Option<String>,
    folder: &'static str,
}

struct Wish {
    folder: (&'static str, &'static str, &'static str),
    who: &'static str,
    mailing: Option<MailingId>,
}

impl Wish {
    fn read(query: &Form) -> AppResult<Self> {
        let folder = match query.get("folder") {
            "" => FOLDERS[0],
            key => FOLDERS.into_iter().find(|(known, ..)| *known == key).ok_or_else(paging::unknown)?,
        };
        let who = match query.get("who") {
            "" | "mine" => "mine",
            "team" => "team",
            "all" => "all",
            _ => return Err(paging::unknown()),
        };
        let mailing = match query.get("mailing") {
            "" => None,
            id => Some(id.parse().map_err(|_| paging::unknown())?),
        };
        Ok(Self { folder, who, mailing })
    }

    fn href(&self, folder: &str, who: &str) -> String {
        let mut told = Vec::new();
        if let Some(mailing) = self.mailing {
            told.push(format!("mailing={mailing}"));
        }
        if folder != "sent" {
            told.push(format!("folder={folder}"));
        }
        if who != "mine" {
            told.push(format!("who={who}"));
        }
        if told.is_empty() { "/mails".to_owned() } else { format!("/mails?{}", told.join("&")) }
    }

    /// Whose; drafts are one's own.
    fn authors(&self, actor: &Actor) -> Option<Vec<Uuid>> {
        match (self.folder.1, self.who) {
            ("draft", _) | (_, "mine") => Some(vec![actor.id.0]),
            (_, "team") => Some(actor.team().iter().copied().filter(|id| actor.sees(Some(*id))).collect()),
            _ => actor.visible_owners(),
        }
    }
}

/// `GET /mails`: `folder`, `who`, `mailing`, `after`
pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let wish = Wish::read(&query)?;
    let after = Some(query.get("after")).filter(|cursor| !cursor.is_empty()).map(paging::decode).transpose()?;
    let asked =
        Asked { folder: wish.folder.1, authors: wish.authors(&page.actor), mailing: wish.mailing, after, limit: PAGE };
    let (actor, mailing) = (page.actor.clone(), wish.mailing);
    let rows = db
        .org(&page, move |tx| {
            if let Some(mailing) = mailing {
                super::mailings::find(tx, &actor, mailing)?;
            }
            queries::list(tx, &asked)
        })
        .await?;
    let rows = paging::Page::new(rows, PAGE, |line| (line.at, line.id));
    let here = wish.href(wish.folder.0, wish.who);
    let join = if here.contains('?') { '&' } else { '?' };
    let next = rows.next.map(|cursor| format!("{here}{join}after={cursor}"));
    let lines: Vec<Shown> = rows.rows.into_iter().map(|line| shown(&page.actor, line)).collect();
    if reply::is_partial(&page.req) && query.has("after") {
        return reply::fragment(&More { lines, next, folder: wish.folder.1 });
    }
    let tab = |(key, _, label): (&'static str, &'static str, &'static str)| Tab {
        href: wish.href(key, wish.who),
        label,
        current: key == wish.folder.0,
    };
    let whole = Index {
        shell: page.shell("mails"),
        folders: FOLDERS.into_iter().map(tab).collect(),
        who: who(&page.actor, &wish),
        folder: wish.folder.1,
        mailing: wish.mailing,
        narrowed: wish.who != "mine" || wish.folder.0 != "sent",
        may_send: page.may(Send::KEY),
        lines,
        next,
    };
    reply::page(&page.req, &whole)
}

fn shown(actor: &Actor, line: Line) -> Shown {
    Shown { status: Status::parse(&line.status), when: actor.moment(line.at), exact: actor.exact(line.at), line }
}

fn who(actor: &Actor, wish: &Wish) -> Vec<Tab> {
    let all: &[(&str, &'static str)] = match actor.visible_owners() {
        _ if wish.folder.1 == "draft" || wish.mailing.is_some() => &[],
        Some(owners) if owners.len() <= 1 => &[],
        _ => &[("mine", "Mine"), ("team", "My team"), ("all", "Everyone")],
    };
    let tab = |(key, label): &(&str, &'static str)| Tab {
        href: wish.href(wish.folder.0, key),
        label,
        current: wish.who == *key,
    };
    all.iter().map(tab).collect()
}
