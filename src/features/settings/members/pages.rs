//! `/settings/members`: the list, and one member's page.

use super::{
    access,
    hand_over::{self, Begun},
    invitations::{self, Open},
    queries::{self, Filter, Member},
    records::{self, HandOver, Owned},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    kernel::{MemberId, TeamId},
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::Administer, reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, Query},
};
use askama::Template;
use serde::Deserialize;

/// More rows, and the foot that leads to the next ones.
#[derive(Template)]
#[template(path = "settings/_members_more.html")]
struct MoreMembers {
    actor: Actor,
    me: MemberId,
    members: Vec<Member>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "settings/members.html")]
struct MembersPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    me: MemberId,
    actor: Actor,
    q: String,
    active: bool,
    active_count: i64,
    deactivated_count: i64,
    members: Vec<Member>,
    next: Option<String>,
    invitations: Vec<Open>,
}

#[derive(Deserialize, Default)]
pub struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    after: Option<String>,
}

pub async fn index(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    query: Query<ListQuery>,
) -> AppResult<HttpResponse> {
    let ListQuery { q, status, after } = query.into_inner();
    let filter = Filter { active: status != "deactivated", text: q.trim().chars().take(100).collect(), after };
    let wanted = filter.clone();
    let (list, counts, open) =
        db.org(&by, move |tx| Ok((queries::list(tx, &wanted)?, queries::counts(tx)?, invitations::open(tx)?))).await?;
    let status = if filter.active { "" } else { "deactivated" };
    let next = list.next.map(|cursor| next_link(&filter.text, status, &cursor));
    let (actor, me, members) = (page.actor.clone(), page.actor.id, list.rows);
    if reply::is_partial(&page.req) {
        return reply::fragment(&MoreMembers { actor, me, members, next });
    }
    let template = MembersPage {
        shell: page.shell("settings"),
        nav: nav(&page),
        section: "members",
        me,
        actor,
        next,
        q: filter.text,
        active: filter.active,
        active_count: counts.0,
        deactivated_count: counts.1,
        members,
        invitations: open,
    };
    reply::page(&page.req, &template)
}

fn next_link(q: &str, status: &str, cursor: &str) -> String {
    let query = serde_urlencoded::to_string([("q", q), ("status", status), ("after", cursor)]).unwrap_or_default();
    format!("/settings/members?{query}")
}

#[derive(Template)]
#[template(path = "settings/member.html")]
struct MemberPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    member: Member,
    itself: bool,
    last_seen: Option<(String, String)>,
    deactivated: Option<String>,
    roles: Vec<SelectOption>,
    teams: Vec<(TeamId, String)>,
    owned: Owned,
    /// A job is handing over what is left.
    handing_over: bool,
    others: Vec<SelectOption>,
    input: FormView,
}

pub async fn show(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<MemberId>) -> AppResult<HttpResponse> {
    answer(&page, &by, &db, *id, StatusCode::OK, FormView::default()).await
}

async fn answer(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    id: MemberId,
    status: StatusCode,
    input: FormView,
) -> AppResult<HttpResponse> {
    let (member, roles, teams, owned, handing_over, others) = db
        .org(by, move |tx| {
            let member = queries::find(tx, id)?;
            let (roles, teams) = (queries::roles(tx)?, queries::teams_of(tx, id)?);
            let (owned, under_way) = (records::owned(tx, id)?, hand_over::is_under_way(tx, id)?);
            Ok((member, roles, teams, owned, under_way, queries::others(tx, id)?))
        })
        .await?;
    let template = MemberPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "members",
        itself: page.actor.id == id,
        last_seen: member.last_seen_at.map(|at| (page.moment(at), page.exact(at))),
        deactivated: member.deactivated_at.map(|at| page.moment(at)),
        roles: roles.into_iter().map(|r| SelectOption::new(r.id.to_string(), r.name, r.id == member.role_id)).collect(),
        member,
        teams,
        owned,
        handing_over,
        others: others
            .into_iter()
            .map(|(id, name)| {
                let chosen = input.is("hand_over_to", &id.to_string());
                SelectOption::new(id.to_string(), name, chosen)
            })
            .collect(),
        input,
    };
    reply::page_with(&page.req, status, &template)
}

pub async fn change_role(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<MemberId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let mut p = form.parser();
    let role = p.id("role_id");
    p.finish()?;
    let role = role.ok_or_else(|| AppError::field("role_id", "is required"))?;
    let (who, id) = (by.clone(), *id);
    db.org(&by, move |tx| access::change_role(tx, &who, id, role)).await?;
    done(&page, id, "Role changed. It holds from their next click.")
}

/// Deactivates, and hands over when the form says to whom, in one transaction.
pub async fn deactivate(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<MemberId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    let result = match hand_over_of(&form) {
        Err(errors) => Err(AppError::Invalid(errors)),
        Ok(how) => db.org(&by, move |tx| leave(tx, &who, id, how)).await,
    };
    match result {
        Ok(None) => done(&page, id, "Deactivated and signed out. Their records stay theirs until you hand them over."),
        Ok(Some(begun)) => done(&page, id, &format!("Deactivated and signed out. {}", begun_words(&page, begun))),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, id, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors)).await
        }
        Err(error) => Err(error),
    }
}

fn leave(tx: &mut OrgTx, by: &Allow<Administer>, id: MemberId, how: Option<HandOver>) -> AppResult<Option<Begun>> {
    access::deactivate(tx, by, id)?;
    how.map(|how| hand_over::begin(tx, by, id, how)).transpose()
}

fn begun_words(page: &Page, begun: Begun) -> String {
    match begun {
        Begun::Done(moved) => format!("Handed over {}.", moved.words()),
        Begun::Enqueued(count) => {
            let count = page.actor.locale.integer(count);
            format!("{count} records are being handed over in the background; this page shows what is left.")
        }
    }
}

pub async fn give(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<MemberId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    let result = match hand_over_of(&form) {
        Err(errors) => Err(AppError::Invalid(errors)),
        Ok(None) => Err(AppError::field("hand_over_to", "is required")),
        Ok(Some(how)) => {
            db.org(&by, move |tx| {
                queries::find(tx, id)?;
                hand_over::begin(tx, &who, id, how)
            })
            .await
        }
    };
    match result {
        Ok(begun) => done(&page, id, &begun_words(&page, begun)),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, id, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors)).await
        }
        Err(error) => Err(error),
    }
}

fn hand_over_of(form: &Form) -> Result<Option<HandOver>, FormErrors> {
    let mut p = form.parser();
    let to = p.id("hand_over_to");
    let closed_deals = p.checkbox("closed_deals");
    p.finish()?;
    Ok(to.map(|to| HandOver { to, closed_deals }))
}

pub async fn reactivate(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<MemberId>,
) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    db.org(&by, move |tx| access::reactivate(tx, &who, id)).await?;
    done(&page, id, "Reactivated: they can sign in again.")
}

fn done(page: &Page, id: MemberId, text: &str) -> AppResult<HttpResponse> {
    Ok(reply::redirect(&page.req, &format!("/settings/members/{id}"), Some(Flash::success(text))))
}
