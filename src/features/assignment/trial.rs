//! `/settings/assignment/trial`: who would get a record of which so much is known, and why.

use super::{
    bench::Bench,
    choice,
    model::{Arrival, COVERED, Rule},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        settings::{SettingsNav, nav},
    },
    kernel::{AssignmentRuleId, RecordType, countries},
    web::{Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, permission::organisation::Administer, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;

/// What became of a rule.
struct Line {
    id: AssignmentRuleId,
    name: String,
    verdict: &'static str,
    tone: &'static str,
    why: String,
}

#[derive(Template)]
#[template(path = "assignment/trial.html")]
struct Trial {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    input: FormView,
    records: Vec<SelectOption>,
    countries: Vec<SelectOption>,
    asked: bool,
    owner: String,
    lines: Vec<Line>,
}

fn parse(form: &Form) -> Result<Arrival, FormErrors> {
    let mut p = form.parser();
    let record = RecordType::parse(form.get("record")).filter(|record| COVERED.contains(record));
    let mut arrival = Arrival::of(record.unwrap_or(RecordType::Lead));
    arrival.source = p.text("source", 100);
    arrival.campaign = p.text("campaign", 100);
    arrival.country = p.optional("country", countries::parse);
    arrival.region = p.text("region", 100);
    arrival.industry = p.text("industry", 100);
    arrival.employees = p.integer("employees", 0, 10_000_000).and_then(|n| i32::try_from(n).ok());
    p.finish()?;
    Ok(arrival)
}

/// `GET`
pub(super) async fn show(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let (asked, read) = (form.has("record"), parse(&form));
    let (arrival, errors) = match read {
        Ok(arrival) => (Some(arrival).filter(|_| asked), FormErrors::default()),
        Err(errors) => (None, errors),
    };
    let (owner, lines) = db
        .org(&by, move |tx| match arrival {
            Some(arrival) => judge(tx, &arrival),
            None => Ok((String::new(), vec![])),
        })
        .await?;
    let asked = asked && errors.is_empty();
    let option =
        |record: &RecordType| SelectOption::new(record.key(), record.label(), form.get("record") == record.key());
    let country = countries::parse(form.get("country")).unwrap_or_default();
    let shown = Trial {
        shell: page.shell("settings"),
        nav: nav(&page),
        section: "assignment",
        records: COVERED.iter().map(option).collect(),
        countries: countries::all().into_iter().map(|(c, name)| SelectOption::new(c, name, c == country)).collect(),
        input: form.view(errors),
        asked,
        owner,
        lines,
    };
    reply::page(&page.req, &shown)
}

/// Every rule with why it decides or does not, and who would get it. Takes nobody's turn.
fn judge(tx: &mut OrgTx, arrival: &Arrival) -> AppResult<(String, Vec<Line>)> {
    let (mut owner, mut lines) = (String::new(), Vec::new());
    for rule in choice::rules(tx)? {
        let asked = rule.terms.asked(arrival);
        let misses: Vec<String> =
            asked.iter().filter(|one| !one.holds).map(|one| format!("{} is not {}", one.what, one.wanted)).collect();
        let (verdict, tone, why) = if !rule.terms.covers(arrival.record) {
            ("Not for these", "none", format!("It is not for {}", arrival.record.plural().to_lowercase()))
        } else if !misses.is_empty() {
            ("Does not fit", "none", misses.join("; "))
        } else if !owner.is_empty() {
            ("Fits, comes later", "none", "A rule before it decides".to_owned())
        } else {
            match next(tx, &rule, arrival.record)? {
                Some(name) => {
                    owner = name;
                    let holds: Vec<String> =
                        asked.iter().map(|one| format!("{} is {}", one.what, one.wanted)).collect();
                    let why = if holds.is_empty() { "It asks nothing".into() } else { holds.join("; ") };
                    ("Decides", "good", why)
                }
                None => ("Fits, nobody at work", "warn", "Everybody of it has left or is away".to_owned()),
            }
        };
        lines.push(Line { id: rule.id, name: super::pages::short(&rule), verdict, tone, why });
    }
    Ok((owner, lines))
}

fn next(tx: &mut OrgTx, rule: &Rule, record: RecordType) -> AppResult<Option<String>> {
    let mut found = None;
    // Holds the rule for the moment it takes, and lets go of it unchanged.
    let tried = tx.attempt(|tx| {
        found = Bench::of(tx, rule, record)?.and_then(|mut bench| bench.take(1).pop());
        Err::<(), _>(AppError::NotFound)
    });
    match (tried, found) {
        (_, Some(id)) => {
            Ok(members::directory(tx)?.into_iter().find(|person| person.id.0 == id).map(|person| person.name))
        }
        (Err(AppError::NotFound), None) | (Ok(()), None) => Ok(None),
        (Err(other), None) => Err(other),
    }
}
