//! `/settings/teams`.

use super::{
    commands::{self, Saved},
    queries::{self, Candidate, Team, TeamRow},
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    kernel::{MemberId, TeamId},
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::Administer, reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

#[derive(Template)]
#[template(path = "settings/teams.html")]
struct TeamsPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    teams: Vec<TeamRow>,
}

pub async fn index(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let teams = db.org(&by, queries::list).await?;
    reply::page(&page.req, &TeamsPage { shell: page.shell("settings"), nav: nav(&page), section: "teams", teams })
}

#[derive(Template)]
#[template(path = "settings/team.html")]
struct TeamPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    /// `None` for a team to be.
    id: Option<TeamId>,
    title: String,
    managers: Vec<SelectOption>,
    /// E-mail beside the choice.
    people: Vec<(SelectOption, String)>,
    input: FormView,
    /// The team's fingerprint as this page shows it.
    seen: String,
    /// Somebody else's save, told beside what was typed.
    conflict: Option<Conflict>,
}

/// The team as it was saved meanwhile.
struct Conflict {
    name: String,
    manager: String,
    members: String,
}

pub async fn new(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    answer(&page, &by, &db, None, StatusCode::OK, FormView::default()).await
}

pub async fn show(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<TeamId>) -> AppResult<HttpResponse> {
    let id = *id;
    let team = db.org(&by, move |tx| queries::find(tx, id, false)).await?;
    let mut pairs = vec![("name".to_owned(), team.name)];
    pairs.extend(team.manager.map(|m| ("manager_id".to_owned(), m.to_string())));
    pairs.extend(team.members.iter().map(|m| ("members".to_owned(), m.to_string())));
    let input = Form::new(pairs).view(FormErrors::default());
    answer(&page, &by, &db, Some(id), StatusCode::OK, input).await
}

pub async fn create(page: Page, by: Allow<Administer>, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let who = by.clone();
    let saved = match parse(&form) {
        Ok(team) => db.org(&by, move |tx| commands::create(tx, &who, &team)).await,
        Err(errors) => Err(errors.into()),
    };
    match saved {
        Ok(_) => Ok(back(&page, "Team created")),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, None, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors)).await
        }
        Err(error) => Err(error),
    }
}

pub async fn update(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<TeamId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let (id, who, seen) = (*id, by.clone(), form.get("seen").to_owned());
    let saved = match parse(&form) {
        Ok(team) => db.org(&by, move |tx| commands::update(tx, &who, id, &seen, &team)).await,
        Err(errors) => Err(errors.into()),
    };
    match saved {
        Ok(Saved::Done) => Ok(back(&page, "Team saved")),
        Ok(Saved::Stale) => {
            answer(&page, &by, &db, Some(id), StatusCode::CONFLICT, form.view(FormErrors::default())).await
        }
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, Some(id), StatusCode::UNPROCESSABLE_ENTITY, form.view(errors)).await
        }
        Err(error) => Err(error),
    }
}

pub async fn delete(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<TeamId>) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    let name = db.org(&by, move |tx| commands::delete(tx, &who, id)).await?;
    Ok(back(&page, &format!("Team {name} deleted; its members stay.")))
}

fn parse(form: &Form) -> Result<Team, FormErrors> {
    let mut p = form.parser();
    let name = p.required("name", 80);
    let manager = p.id("manager_id");
    let mut members: Vec<MemberId> = Vec::new();
    for text in form.all("members") {
        match text.parse() {
            Ok(id) => members.push(id),
            Err(_) => p.error("", "Someone you chose is not an active member any more. Choose again."),
        }
    }
    p.finish()?;
    members.sort_unstable();
    members.dedup();
    Ok(Team { name, manager, members })
}

fn back(page: &Page, text: &str) -> HttpResponse {
    reply::redirect(&page.req, "/settings/teams", Some(Flash::success(text)))
}

async fn answer(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    id: Option<TeamId>,
    status: StatusCode,
    input: FormView,
) -> AppResult<HttpResponse> {
    let (team, candidates) = db
        .org(by, move |tx| {
            let team = id.map(|id| queries::find(tx, id, false)).transpose()?.unwrap_or_default();
            let keep: Vec<MemberId> = team.members.iter().copied().chain(team.manager).collect();
            let candidates = queries::candidates(tx, &keep)?;
            Ok((team, candidates))
        })
        .await?;
    let chosen = input.all("members");
    let conflict = (status == StatusCode::CONFLICT).then(|| Conflict::of(&team, &candidates));
    // Beside a conflict the form moves on: sent once more, it overwrites knowingly. Beside an error it does not.
    let typed = input.value("seen");
    let seen = if conflict.is_some() || typed.is_empty() { team.fingerprint() } else { typed.to_owned() };
    let template = TeamPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "teams",
        id,
        title: if id.is_some() { team.name } else { "New team".into() },
        managers: candidates.iter().map(|c| option(c, input.is("manager_id", &c.0.to_string()))).collect(),
        people: candidates
            .iter()
            .map(|c| (option(c, chosen.contains(&c.0.to_string().as_str())), c.2.clone()))
            .collect(),
        input,
        seen,
        conflict,
    };
    reply::page_with(&page.req, status, &template)
}

impl Conflict {
    fn of(team: &Team, candidates: &[Candidate]) -> Self {
        let name = |id: &MemberId| candidates.iter().find(|c| c.0 == *id).map_or("someone", |c| c.1.as_str());
        let members: Vec<&str> = team.members.iter().map(name).collect();
        Self {
            name: team.name.clone(),
            manager: team.manager.as_ref().map_or("nobody", name).to_owned(),
            members: if members.is_empty() { "nobody".into() } else { members.join(", ") },
        }
    }
}

fn option((id, name, _, active): &Candidate, chosen: bool) -> SelectOption {
    let label = if *active { name.clone() } else { format!("{name} (deactivated)") };
    SelectOption::new(id.to_string(), label, chosen)
}
