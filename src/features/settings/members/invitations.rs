//! Invitations: asking people to join, and those who have not answered yet.

use super::queries;
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        accounts::invitations,
        settings::{SettingsNav, nav, teams},
    },
    kernel::{InvitationId, RoleId, TeamId},
    web::{
        Allow, Form, FormErrors, FormView, Page, Routes, SelectOption, Shell,
        flash::Flash,
        paths::{get, post},
        permission::organisation::Administer,
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};

const BACK: &str = "/settings/members";

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/settings/invitations/new", get().to(new))
        .route("/settings/invitations", post().to(create))
        .route("/settings/invitations/{id}/resend", post().to(resend))
        .route("/settings/invitations/{id}/revocation", post().to(revoke));
}

#[derive(Template)]
#[template(path = "settings/invite.html")]
struct InvitePage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    has_server: bool,
    roles: Vec<SelectOption>,
    teams: Vec<SelectOption>,
    input: FormView,
}

async fn new(page: Page, by: Allow<Administer>, db: Data<Db>, config: Data<Config>) -> AppResult<HttpResponse> {
    answer(&page, &by, &db, &config, StatusCode::OK, FormView::default()).await
}

async fn create(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    config: Data<Config>,
    form: Form,
) -> AppResult<HttpResponse> {
    let who = by.clone();
    let made = match parse(&form) {
        Ok((email, role, team)) => {
            let to = email.clone();
            db.org(&by, move |tx| invitations::create(tx, &who, &to, role, team)).await.map(|_| email)
        }
        Err(errors) => Err(errors.into()),
    };
    match made {
        Ok(email) => Ok(sent(&page, &config, &email)),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, &config, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors)).await
        }
        Err(error) => Err(error),
    }
}

fn parse(form: &Form) -> Result<(String, RoleId, Option<TeamId>), FormErrors> {
    let mut p = form.parser();
    let email = p.required("email", 254);
    let role = p.id("role_id");
    let team = p.id("team_id");
    if role.is_none() {
        p.error("role_id", "is required");
    }
    p.finish()?;
    role.map(|role| (email, role, team)).ok_or_else(|| FormErrors::one("role_id", "is required"))
}

async fn resend(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    config: Data<Config>,
    id: Path<InvitationId>,
) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    db.org(&by, move |tx| invitations::resend(tx, &who, id)).await?;
    Ok(sent(&page, &config, "them again"))
}

async fn revoke(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<InvitationId>) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    db.org(&by, move |tx| invitations::revoke(tx, &who, id)).await?;
    Ok(reply::redirect(&page.req, BACK, Some(Flash::success("Invitation revoked: its link works no more."))))
}

/// Where there is no mail server, says how the link gets to the person.
fn sent(page: &Page, config: &Config, whom: &str) -> HttpResponse {
    let text = if config.smtp.is_some() {
        format!("Invited {whom} by mail.")
    } else {
        format!("Invited {whom}. There is no mail server: copy the link under Outgoing mail and pass it on.")
    };
    reply::redirect(&page.req, BACK, Some(Flash::success(text)))
}

async fn answer(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    config: &Config,
    status: StatusCode,
    input: FormView,
) -> AppResult<HttpResponse> {
    let (roles, teams) = db.org(by, |tx| Ok((queries::roles(tx)?, teams::choices(tx)?))).await?;
    let role = |r: queries::RoleChoice| {
        // Most people who are invited sell.
        let chosen =
            if input.value("role_id").is_empty() { r.key == "rep" } else { input.is("role_id", &r.id.to_string()) };
        SelectOption::new(r.id.to_string(), r.name, chosen)
    };
    let template = InvitePage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "members",
        has_server: config.smtp.is_some(),
        roles: roles.into_iter().map(role).collect(),
        teams: teams
            .into_iter()
            .map(|(id, name)| SelectOption::new(id.to_string(), name, input.is("team_id", &id.to_string())))
            .collect(),
        input,
    };
    reply::page_with(&page.req, status, &template)
}

/// An invitation neither accepted nor revoked.
#[derive(Clone, Debug, QueryableByName)]
pub struct Open {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: InvitationId,
    #[diesel(sql_type = sql_types::Text)]
    pub email: String,
    #[diesel(sql_type = sql_types::Text)]
    pub role: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub team: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub invited_by: Option<String>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

impl Open {
    pub fn has_expired(&self) -> bool {
        self.expires_at <= Utc::now()
    }
}

/// The newest first, the expired ones too: they can be sent again.
pub fn open(tx: &mut OrgTx) -> AppResult<Vec<Open>> {
    const SQL: &str = "
        SELECT i.id, i.email, r.name AS role, t.name AS team, m.name AS invited_by, i.expires_at
        FROM invitations i
        JOIN roles r ON r.org_id = i.org_id AND r.id = i.role_id
        LEFT JOIN teams t ON t.org_id = i.org_id AND t.id = i.team_id
        LEFT JOIN members m ON m.org_id = i.org_id AND m.id = i.invited_by
        WHERE i.org_id = app.org() AND i.accepted_at IS NULL AND i.revoked_at IS NULL
        ORDER BY i.created_at DESC, i.id DESC LIMIT 500";
    Ok(diesel::sql_query(SQL).load(tx.conn())?)
}
