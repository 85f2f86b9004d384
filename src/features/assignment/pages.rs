//! `/settings/assignment`: the rules in their order, and one to make or change.

use super::{
    choice, commands, forms,
    model::{COVERED, Rule, SHARES, Terms},
    people,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        settings::{self, SettingsNav, nav},
        web_forms,
    },
    kernel::{AssignmentRuleId, TeamId, WebFormId, countries, text},
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

const HOME: &str = "/settings/assignment";

#[derive(Template)]
#[template(path = "assignment/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    rules: Vec<Line>,
    people: Vec<people::Line>,
    parts: Parts,
}

#[derive(Template)]
#[template(path = "assignment/show.html")]
struct Show {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    id: AssignmentRuleId,
    title: String,
    parts: Parts,
}

/// A rule in words.
struct Line {
    id: AssignmentRuleId,
    /// Of a territory.
    name: String,
    which: String,
    who: String,
    /// Nobody gets what fits: the member or everyone in the team has left.
    idle: bool,
}

/// The form of a rule.
struct Parts {
    input: FormView,
    forms: Vec<SelectOption>,
    countries: Vec<SelectOption>,
    covers: Vec<SelectOption>,
    shares: Vec<SelectOption>,
    to: Vec<OptionGroup>,
}

/// Choices under a heading.
struct OptionGroup {
    label: &'static str,
    options: Vec<SelectOption>,
}

/// What rules may name.
struct Known {
    forms: Vec<(WebFormId, String)>,
    teams: Vec<(TeamId, String)>,
    people: Vec<Person>,
}

impl Known {
    fn load(tx: &mut OrgTx) -> AppResult<Self> {
        let (forms, teams) = (web_forms::choices(tx)?, settings::team_choices(tx)?);
        Ok(Self { forms, teams, people: members::directory(tx)? })
    }

    fn line(&self, rule: &Rule) -> Line {
        let terms = &rule.terms;
        let person = self.people.iter().find(|p| Some(p.id) == terms.member_id);
        let team = self.teams.iter().find(|(id, _)| Some(*id) == terms.team_id);
        let who = match (person, team) {
            (Some(person), _) => person.name.clone(),
            (None, Some((_, name))) if terms.share == "load" => format!("{name}, whoever has least to do"),
            (None, Some((_, name))) => format!("{name}, in turn"),
            (None, None) => String::new(),
        };
        let form = self.forms.iter().find(|(id, _)| Some(*id) == terms.form_id).map(|(_, name)| name.as_str());
        let name = terms.name.clone().unwrap_or_default();
        Line { id: rule.id, name, which: which(terms, form), who, idle: person.is_some_and(|p| !p.active) }
    }

    fn parts(&self, form: Form, errors: FormErrors) -> Parts {
        let chosen = |name: &str, value: &str| form.get(name) == value;
        let option = |name: &str, value: String, label: &str| {
            let selected = chosen(name, &value);
            SelectOption::new(value, label, selected)
        };
        let people = self.people.iter().filter(|p| p.may_own || chosen("to", &format!("member:{}", p.id)));
        let members = people.map(|p| option("to", format!("member:{}", p.id), &p.name)).collect();
        let teams = self.teams.iter().map(|(id, name)| option("to", format!("team:{id}"), name)).collect();
        let chosen_countries: Vec<String> =
            form.all("country").filter_map(|code| countries::parse(code).ok()).collect();
        let covered = |key: &str| form.all("covers").any(|one| one == key) || !form.has("covers") && key == "lead";
        Parts {
            forms: self.forms.iter().map(|(id, name)| option("form_id", id.to_string(), name)).collect(),
            countries: countries::all()
                .into_iter()
                .map(|(code, name)| SelectOption::new(code, name, chosen_countries.iter().any(|c| c == code)))
                .collect(),
            covers: COVERED.iter().map(|r| SelectOption::new(r.key(), r.plural(), covered(r.key()))).collect(),
            shares: SHARES
                .iter()
                .map(|(key, label)| SelectOption::new(*key, *label, form.get("share") == *key))
                .collect(),
            to: [("Teams", teams), ("Members", members)]
                .into_iter()
                .map(|(label, options): (_, Vec<SelectOption>)| OptionGroup { label, options })
                .filter(|group| !group.options.is_empty())
                .collect(),
            input: form.view(errors),
        }
    }
}

/// What a rule is called in lists.
pub(super) fn short(rule: &Rule) -> String {
    rule.terms.name.clone().unwrap_or_else(|| which(&rule.terms, None))
}

/// `Leads and deals from Germany with 10 to 200 employees`.
fn which(terms: &Terms, form: Option<&str>) -> String {
    let many: Vec<String> =
        COVERED.iter().filter(|r| terms.covers(**r)).map(|record| record.plural().to_lowercase()).collect();
    let mut parts = Vec::new();
    parts.extend(form.map(|name| format!("through the form {name}")));
    parts.extend(terms.source.as_ref().map(|source| format!("with the source {source}")));
    parts.extend(terms.campaign.as_ref().map(|campaign| format!("of the campaign {campaign}")));
    let all = countries::all();
    let named: Vec<&str> = all
        .iter()
        .filter(|(c, _)| terms.countries.iter().flatten().any(|code| code == *c))
        .map(|(_, n)| n.as_str())
        .collect();
    if !named.is_empty() {
        parts.push(format!("from {}", named.join(", ")));
    }
    parts.extend(terms.region.as_ref().map(|region| format!("in {region}")));
    parts.extend(terms.industry.as_ref().map(|industry| format!("in the industry {industry}")));
    if terms.size_from.is_some() || terms.size_to.is_some() {
        parts.push(format!("with {} employees", terms.size()));
    }
    let many = match &many[..] {
        [one] if parts.is_empty() => return format!("Every other {}", singular(one)),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
        [] => String::new(),
    };
    let many = text::sentence(&many);
    if parts.is_empty() { format!("All other {}", many.to_lowercase()) } else { format!("{many} {}", parts.join(", ")) }
}

fn singular(many: &str) -> String {
    let record = COVERED.iter().find(|record| record.plural().to_lowercase() == many);
    record.map_or_else(|| many.to_owned(), |record| record.label().to_lowercase())
}

/// `GET /settings/assignment`
pub(super) async fn index(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    list(&page, &by, &db, StatusCode::OK, Form::default(), FormErrors::default()).await
}

async fn list(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    status: StatusCode,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (rules, known, people) =
        db.org(by, |tx| Ok((choice::rules(tx)?, Known::load(tx)?, people::lines(tx)?))).await?;
    let whole = Index {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "assignment",
        rules: rules.iter().map(|rule| known.line(rule)).collect(),
        people,
        parts: known.parts(form, errors),
    };
    reply::page_with(&page.req, status, &whole)
}

/// `POST /settings/assignment`
pub(super) async fn create(page: Page, by: Allow<Administer>, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let who = by.clone();
    let made = match forms::parse(&form) {
        Ok(terms) => db.org(&by, move |tx| commands::create(tx, &who, &terms)).await,
        Err(errors) => Err(errors.into()),
    };
    match made {
        Ok(_) => Ok(reply::redirect(&page.req, HOME, Some(Flash::success("Rule added")))),
        Err(AppError::Invalid(errors)) => list(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `GET /settings/assignment/{id}`
pub(super) async fn show(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<AssignmentRuleId>,
) -> AppResult<HttpResponse> {
    one(&page, &by, &db, StatusCode::OK, *id, None, FormErrors::default()).await
}

async fn one(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    status: StatusCode,
    id: AssignmentRuleId,
    form: Option<Form>,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (rule, known) = db.org(by, move |tx| Ok((commands::find(tx, id)?, Known::load(tx)?))).await?;
    let whole = Show {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "assignment",
        id,
        title: short(&rule),
        parts: known.parts(form.unwrap_or_else(|| forms::to_form(&rule.terms)), errors),
    };
    reply::page_with(&page.req, status, &whole)
}

/// `POST /settings/assignment/{id}`
pub(super) async fn update(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<AssignmentRuleId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let (id, who, read) = (*id, by.clone(), forms::parse(&form));
    let saved = db
        .org(&by, move |tx| {
            commands::find(tx, id)?;
            let terms: Terms = read?;
            commands::update(tx, &who, id, &terms)
        })
        .await;
    match saved {
        Ok(()) => Ok(reply::redirect(&page.req, HOME, Some(Flash::success("Rule saved")))),
        Err(AppError::Invalid(errors)) => {
            one(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, id, Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/assignment/{id}/place`: `to` is `up` or `down`
pub(super) async fn shift(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<AssignmentRuleId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let (id, who, up) = (*id, by.clone(), form.get("to") == "up");
    db.org(&by, move |tx| commands::shift(tx, &who, id, up)).await?;
    Ok(reply::redirect(&page.req, HOME, None))
}

/// `POST /settings/assignment/{id}/deletion`
pub(super) async fn delete(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<AssignmentRuleId>,
) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    db.org(&by, move |tx| commands::delete(tx, &who, id)).await?;
    Ok(reply::redirect(&page.req, HOME, Some(Flash::success("Rule deleted"))))
}
