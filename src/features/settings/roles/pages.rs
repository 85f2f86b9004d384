//! `/settings/roles`.

use super::{
    commands::{self, Saved},
    grid::{self, Cell},
    queries::{self, Access, Role, RoleRow},
};
use crate::{
    db::Db,
    error::AppResult,
    features::{
        accounts::organisations::ROLES,
        settings::{SettingsNav, nav},
    },
    kernel::RoleId,
    web::{Allow, Form, Page, Shell, flash::Flash, permission, permission::organisation::Administer, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

#[derive(Template)]
#[template(path = "settings/roles.html")]
struct RolesPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    roles: Vec<RoleRow>,
}

impl RolesPage {
    fn sees(&self, visibility: &str) -> &'static str {
        grid::VISIBILITIES.iter().find(|(key, ..)| *key == visibility).map_or("", |(_, label, _)| label)
    }
}

pub async fn index(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let roles = db.org(&by, queries::list).await?;
    reply::page(&page.req, &RolesPage { shell: page.shell("settings"), nav: nav(&page), section: "roles", roles })
}

#[derive(Template)]
#[template(path = "settings/role.html")]
struct RolePage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    id: RoleId,
    name: String,
    own_role: bool,
    seen: String,
    /// Key, label, hint, chosen.
    visibilities: Vec<(&'static str, &'static str, &'static str, bool)>,
    rows: Vec<(&'static str, Vec<Cell>)>,
    others: Vec<Cell>,
    problem: &'static str,
}

pub async fn show(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<RoleId>) -> AppResult<HttpResponse> {
    let id = *id;
    let role = db.org(&by, move |tx| queries::find(tx, id, false)).await?;
    let access = role.access.clone();
    answer(&page, StatusCode::OK, id, &role, &access, "")
}

pub async fn save(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<RoleId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let id = *id;
    let choices = grid::VISIBILITIES.map(|(key, label, _)| (key, label));
    let mut p = form.parser();
    let visibility = p.choice("visibility", &choices);
    if p.finish().is_err() || form.all("permissions").any(|key| permission::ALL.iter().all(|(known, _)| *known != key))
    {
        let role = db.org(&by, move |tx| queries::find(tx, id, false)).await?;
        let mine = wanted(&role, &form, None);
        const TOLD: &str = "The form contained a choice that does not exist; nothing was saved.";
        return answer(&page, StatusCode::UNPROCESSABLE_ENTITY, id, &role, &mine, TOLD);
    }
    let (who, posted) = (by.clone(), form.clone());
    let (saved, role) = db
        .org(&by, move |tx| {
            let wanted = |role: &Role| wanted(role, &posted, visibility);
            let saved = commands::update(tx, &who, id, Some(posted.get("seen")), wanted)?;
            Ok((saved, queries::find(tx, id, false)?))
        })
        .await?;
    match saved {
        Saved::Done => Ok(done(&page, &format!("{} saved. It holds from everyone's next click.", role.name))),
        Saved::Stale => {
            let mine = wanted(&role, &form, visibility);
            const TOLD: &str = "Someone else changed this role while you were editing, and nothing of yours was saved. \
                                Below are your choices: save again to replace theirs, or go back to keep them.";
            answer(&page, StatusCode::CONFLICT, id, &role, &mine, TOLD)
        }
    }
}

fn wanted(role: &Role, form: &Form, visibility: Option<&'static str>) -> Access {
    Access {
        permissions: grid::granted(&role.key, form.all("permissions")),
        visibility: visibility.map_or_else(|| role.access.visibility.clone(), str::to_owned),
    }
}

/// Back to what the role started with.
pub async fn reset(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<RoleId>) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    db.org(&by, move |tx| {
        commands::update(tx, &who, id, None, |role| {
            let mut permissions = permission::defaults(&role.key);
            permissions.sort_unstable();
            let visibility = ROLES.iter().find(|(key, ..)| *key == role.key).map_or("all", |(.., v)| v);
            Access { permissions, visibility: visibility.to_owned() }
        })
    })
    .await?;
    Ok(done(&page, "Back to what the role started with"))
}

fn done(page: &Page, text: &str) -> HttpResponse {
    reply::redirect(&page.req, "/settings/roles", Some(Flash::success(text)))
}

fn answer(
    page: &Page,
    status: StatusCode,
    id: RoleId,
    role: &Role,
    access: &Access,
    problem: &'static str,
) -> AppResult<HttpResponse> {
    let template = RolePage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "roles",
        id,
        name: role.name.clone(),
        own_role: page.role == role.key,
        seen: role.access.fingerprint(),
        visibilities: grid::VISIBILITIES.map(|(k, label, hint)| (k, label, hint, k == access.visibility)).into(),
        rows: grid::rows(&access.permissions),
        others: grid::others(&role.key, &access.permissions),
        problem,
    };
    reply::page_with(&page.req, status, &template)
}
