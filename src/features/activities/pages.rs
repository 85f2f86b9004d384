//! The pages of one activity: the form, new and edited, and what is known of it.

use super::{
    commands, forms,
    lines::{self, Line},
    model::{Activity, Class, OPEN, PRIORITIES},
    parts::{self, Parts},
    plan, queries,
    returning::{self, Back},
    series::{self, Intent, RepeatView, Repeats, Scope},
    taking, templates,
    types::{self, ActivityType},
    when::SNOOZES,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        calendar::Guests,
        comments, files,
        notifications::{FollowMenu, reminders},
        records::{Saved, Subject},
    },
    kernel::ActivityId,
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell,
        flash::Flash,
        permission::{
            Permission,
            activities::{Create, Delete, Edit, View},
        },
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

#[derive(Template)]
#[template(path = "activities/form.html")]
struct FormPage {
    shell: Shell,
    title: String,
    action: String,
    cancel: String,
    input: FormView,
    /// With how long each usually lasts.
    types: Vec<(SelectOption, String)>,
    owners: Vec<SelectOption>,
    /// It can be nobody's: offered to those who would still see it.
    nobody: bool,
    priorities: Vec<SelectOption>,
    /// Of whoever plans something new.
    reminders: Vec<SelectOption>,
    repeat: RepeatView,
    /// To begin with, with what it is to be about.
    templates: Vec<(String, String)>,
    is_new: bool,
    /// Who may take part in something new, and whether somebody is named.
    colleagues: Vec<SelectOption>,
    contacts: [(&'static str, &'static str); 3],
    taking: bool,
    /// Someone else saved meanwhile.
    stale: bool,
}

/// What the form offers to choose from.
struct Choices {
    types: Vec<ActivityType>,
    people: Vec<Person>,
    templates: Vec<templates::Choice>,
    /// How long before it one may be reminded: keys and labels.
    leads: Vec<(String, String)>,
}

impl Choices {
    fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Self> {
        Ok(Self {
            types: types::all(tx)?,
            people: members::directory(tx)?,
            templates: templates::choices(tx)?,
            leads: reminders::offered(tx, actor)?,
        })
    }
}

fn form_page(
    page: &Page,
    id: Option<ActivityId>,
    form: Form,
    errors: FormErrors,
    choices: &Choices,
    stale: bool,
) -> FormPage {
    let chosen = form.get("type_id").to_owned();
    let kind = choices.types.iter().find(|kind| kind.id.to_string() == chosen);
    let class = kind.map(ActivityType::class).unwrap_or_default();
    let offered = choices.types.iter().filter(|t| t.retired_at.is_none() || t.id.to_string() == chosen);
    let priority = Some(form.get("priority")).filter(|p| !p.is_empty()).unwrap_or("normal").to_owned();
    let lead = form.get("reminder").to_owned();
    let at = id.map(|id| format!("/activities/{id}"));
    let back = Some(form.get("back").to_owned()).filter(|path| returning::is_local(path));
    FormPage {
        shell: page.shell(class.noun()),
        title: format!("{} {}", if id.is_some() { "Edit" } else { "New" }, class.label().to_lowercase()),
        action: at.clone().unwrap_or_else(|| "/activities".into()),
        cancel: back.or(at).unwrap_or_else(|| format!("/{}", class.noun())),
        types: offered
            .map(|t| (SelectOption::new(t.id.to_string(), &t.name, t.id.to_string() == chosen), t.usual()))
            .collect(),
        nobody: page.actor.visible_owners().is_none() || id.is_some() && form.get("owner_id").is_empty(),
        owners: plan::owners(&page.actor, &choices.people, form.get("owner_id")),
        priorities: PRIORITIES.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == priority)).collect(),
        reminders: choices.leads.iter().map(|(key, label)| SelectOption::new(key, label, *key == lead)).collect(),
        repeat: RepeatView::of(&form, page.locale),
        templates: if id.is_none() && form.get("step_id").is_empty() {
            template_links(&choices.templates, &form)
        } else {
            vec![]
        },
        is_new: id.is_none(),
        colleagues: taking::colleagues(&choices.people, &form),
        contacts: taking::CONTACTS,
        taking: taking::anybody(&form),
        input: form.view(errors),
        stale,
    }
}

/// Templates to begin with, with what the form is about.
fn template_links(choices: &[templates::Choice], form: &Form) -> Vec<(String, String)> {
    let kept = form.pairs().filter(|(name, value)| {
        (name.ends_with("_id") && LINKS.contains(name) || *name == "back") && !value.is_empty()
    });
    let about = serde_urlencoded::to_string(kept.collect::<Vec<_>>()).unwrap_or_default();
    choices.iter().map(|choice| (choice.name.clone(), choice.about(&about))).collect()
}

const LINKS: [&str; 4] = ["deal_id", "contact_id", "company_id", "lead_id"];

/// `GET /activities/new`: `class`, `type_id`, `on`, and what it is about (`deal_id`, …)
pub(super) async fn new(page: Page, _: Allow<Create>, db: Data<Db>) -> AppResult<HttpResponse> {
    let mut form = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let (mut form, choices) = db
        .org(&page, move |tx| {
            templates::prefill(tx, &actor, &mut form)?;
            forms::name_links(tx, &actor, &mut form)?;
            Ok((form, Choices::load(tx, &actor)?))
        })
        .await?;
    let class = Class::parse(form.get("class")).unwrap_or_default();
    let given = form.get("type_id").to_owned();
    let fits = |kind: &&ActivityType| match given.as_str() {
        "" => kind.class() == class && kind.retired_at.is_none(),
        id => kind.id.to_string() == id,
    };
    if let Some(kind) = choices.types.iter().find(fits) {
        form.set("type_id", kind.id.to_string());
        if !form.has("minutes") {
            form.set("minutes", kind.usual());
        }
    }
    // Chosen now, so that the form sent twice plans one thing.
    form.set("id", ActivityId::new().to_string());
    for (name, value) in [("owner_id", page.id.to_string()), ("on", page.today().to_string())] {
        if !form.has(name) {
            form.set(name, value);
        }
    }
    reply::page(&page.req, &form_page(&page, None, form, FormErrors::default(), &choices, false))
}

/// `POST /activities`: the form of the page, and the quick one of a record's page.
pub(super) async fn create(page: Page, by: Allow<Create>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let planned = db.org(&page, move |tx| plan_form(tx, &by, &posted)).await;
    match planned {
        Ok((id, day, subject)) => {
            let warning = day.and_then(|day| page.org.working_days.warning(day, page.locale));
            let flash = match warning {
                Some(warning) => Flash::info(format!("{subject} planned. {warning}")),
                None => Flash::success(format!("{subject} planned")),
            };
            let to = Back::asked(&form).unwrap_or_else(|| format!("/activities/{id}"));
            Ok(reply::redirect(&page.req, &to, Some(flash)))
        }
        Err(AppError::Invalid(errors)) => {
            let actor = page.actor.clone();
            let choices = db.org(&page, move |tx| Choices::load(tx, &actor)).await?;
            let again = form_page(&page, None, form, errors, &choices, false);
            reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &again)
        }
        Err(other) => Err(other),
    }
}

/// What a form of a new activity asks for, with the colleagues who are to take part (`with`…): its id, day and subject.
pub fn plan_form(
    tx: &mut OrgTx,
    by: &Allow<Create>,
    form: &Form,
) -> AppResult<(ActivityId, Option<chrono::NaiveDate>, String)> {
    let new = forms::parse(tx, by, form, None)?;
    let (mut day, subject) = (new.due_on, new.subject.clone());
    let repeat = series::read(form, new.slot().day(by.zone))?;
    let mut contacts = taking::contacts(tx, by, form)?;
    contacts.retain(|contact| Some(*contact) != new.contact_id.map(|id| id.0));
    let id = commands::create(tx, by, form.get("id").parse().ok(), new)?;
    parts::bring(tx, by, id, &contacts)?;
    parts::invite(tx, id, form.all("with").filter_map(|id| id.parse().ok()))?;
    reminders::choose_new(tx, by, id, form)?;
    templates::attach(tx, by, form, id)?;
    // Sent twice, it is a series already.
    if let Some(repeat) = repeat
        && queries::find(tx, by, id)?.series_id.is_none()
    {
        series::start(tx, by, id, repeat)?;
        day = None;
    }
    Ok((id, day, subject))
}

/// `GET /activities/{id}/edit`
pub(super) async fn edit(page: Page, by: Allow<Edit>, id: Path<ActivityId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    let (form, choices) = db
        .org(&page, move |tx| {
            let activity = queries::find(tx, &by, id)?;
            let mut form = forms::to_form(tx, &by, &activity)?;
            if let Some(series) = activity.series_id {
                form = series::fill_in(form, &series::find(tx, series)?.schedule);
            }
            Ok((form, Choices::load(tx, &by)?))
        })
        .await?;
    reply::page(&page.req, &form_page(&page, Some(id), form, FormErrors::default(), &choices, false))
}

/// `POST /activities/{id}`
pub(super) async fn save(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let saved = db.org(&page, move |tx| save_as(tx, &by, id, &posted)).await;
    let (status, form, errors, stale) = match saved {
        Ok(Saving::Done) => {
            let to = Back::asked(&form).unwrap_or_else(|| format!("/activities/{id}"));
            return Ok(reply::redirect(&page.req, &to, Some(Flash::success("Saved"))));
        }
        Ok(Saving::Ask(asked)) => {
            let cancel = format!("/activities/{id}/edit");
            return series::ask(&page, &form, asked, format!("/activities/{id}"), cancel);
        }
        Ok(Saving::Stale(now)) => {
            let mut form = form;
            form.set("version", now.to_string());
            (StatusCode::CONFLICT, form, FormErrors::default(), true)
        }
        Err(AppError::Invalid(errors)) => (StatusCode::UNPROCESSABLE_ENTITY, form, errors, false),
        Err(other) => return Err(other),
    };
    let actor = page.actor.clone();
    let choices = db.org(&page, move |tx| Choices::load(tx, &actor)).await?;
    reply::page_with(&page.req, status, &form_page(&page, Some(id), form, errors, &choices, stale))
}

/// How a save ended.
enum Saving {
    Done,
    /// The version it has now.
    Stale(i32),
    /// It repeats, and the form does not say which ones are meant.
    Ask(series::Asked),
}

fn save_as(tx: &mut OrgTx, by: &Allow<Edit>, id: ActivityId, form: &Form) -> AppResult<Saving> {
    let before = queries::lock(tx, by, id)?;
    let version = form.get("version").parse().unwrap_or(0);
    if before.version != version {
        return Ok(Saving::Stale(before.version));
    }
    let new = forms::parse(tx, by, form, Some(&before.fields))?;
    let Some(series) = before.series_id.map(|id| series::find(tx, id)).transpose()? else {
        let repeat = series::read(form, new.slot().day(by.zone))?;
        let saved = commands::update(tx, by, id, version, new)?;
        if let Some(repeat) = repeat {
            series::start(tx, by, id, repeat)?;
        }
        return Ok(if saved == Saved::Stale { Saving::Stale(before.version) } else { Saving::Done });
    };
    let intent = Intent::read(&before, series.clone(), form, new)?;
    if !intent.changes_anything() {
        return Ok(Saving::Done);
    }
    let scopes = intent.scopes();
    let chosen = Scope::parse(form.get("scope")).or(if scopes == [Scope::This] { Some(Scope::This) } else { None });
    let Some(scope) = chosen else {
        let stops = intent.stops();
        let asked = series::Asked::of(tx, by, &before, &series, scopes)?;
        return Ok(Saving::Ask(series::Asked { stops, ..asked }));
    };
    intent.apply(tx, by, &before, scope)?;
    Ok(Saving::Done)
}

#[derive(Template)]
#[template(path = "activities/show.html")]
struct Show {
    shell: Shell,
    follow: FollowMenu,
    /// When the reader is reminded, if it concerns them.
    reminder: Vec<SelectOption>,
    line: Line,
    activity: Activity,
    /// "Planned by Ada, 3 Mar": who put it here.
    made: String,
    length: String,
    repeats: Option<Repeats>,
    /// What its template offers to plan next.
    offer: Option<templates::Offer>,
    parts: Parts,
    guests: Guests,
    files: files::Panel,
    thread: comments::Thread,
    may_edit: bool,
    may_delete: bool,
    snoozes: &'static [(&'static str, &'static str)],
    statuses: Vec<SelectOption>,
    priority: &'static str,
    /// What was typed and refused.
    input: FormView,
}

/// `GET /activities/{id}`
pub(super) async fn show(page: Page, id: Path<ActivityId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, id) = (page.actor.clone(), *id);
    let shell = page.shell("activities");
    let shown = db.org(&page, move |tx| load(tx, &actor, id, shell)).await?;
    reply::page(&page.req, &shown)
}

fn load(tx: &mut OrgTx, actor: &Actor, id: ActivityId, mut shell: Shell) -> AppResult<Show> {
    let activity = queries::find(tx, actor, id)?;
    let row = queries::some(tx, actor, &[id.0])?.into_iter().next().ok_or(AppError::NotFound)?;
    let people = members::directory(tx)?;
    let by = people.iter().find(|p| Some(p.id.0) == activity.created_by).map(|p| p.name.as_str());
    let today = actor.today();
    let day = activity.created_at.with_timezone(&actor.zone).date_naive();
    shell.active = activity.class().noun();
    let files = files::Panel::load(tx, actor, Subject::Activity(id), shell.csrf.clone())?;
    let mine = queries::concerns(tx, actor, &activity)?;
    let thread = comments::of_subject(tx, actor, Subject::Activity(id))?;
    Ok(Show {
        files,
        thread,
        shell,
        line: Line::new(actor, row),
        follow: FollowMenu::load(tx, actor, id.into(), mine)?,
        reminder: reminders::choices(tx, actor, &activity)?,
        made: format!("Planned by {}, {}", by.unwrap_or("Pipewright"), actor.locale.day(day, today)),
        repeats: Repeats::of(tx, actor, &activity)?,
        offer: if activity.status == "done" { templates::offered(tx, actor, id)? } else { None },
        length: activity.fields.minutes.map(lines::length).unwrap_or_default(),
        parts: parts::load(tx, actor, &activity, &people)?,
        guests: Guests::load(tx, actor, &activity)?,
        may_edit: actor.may(Edit::KEY),
        may_delete: actor.may(Delete::KEY) && queries::is_removable(tx, actor, &activity)?,
        snoozes: SNOOZES,
        statuses: OPEN.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == activity.status)).collect(),
        priority: PRIORITIES.iter().find(|(key, _)| *key == activity.fields.priority).map_or("", |(_, label)| label),
        input: FormView::default(),
        activity,
    })
}

/// The page with what was typed, and what is wrong with it.
pub async fn show_refused(
    page: &Page,
    db: &Db,
    id: ActivityId,
    form: Form,
    status: StatusCode,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (actor, shell) = (page.actor.clone(), page.shell("activities"));
    let mut shown = db.org(page, move |tx| load(tx, &actor, id, shell)).await?;
    shown.input = form.view(errors);
    reply::page_with(&page.req, status, &shown)
}
