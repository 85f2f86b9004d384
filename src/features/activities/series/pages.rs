//! The question that a save or a deletion of an occurrence asks, and what its page says about its series.

use super::{Scope, Series, find};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::activities::model::Activity,
    kernel::calendar,
    schema::activities,
    web::{Actor, Form, Page, Shell, reply},
};
use actix_web::HttpResponse;
use askama::Template;
use diesel::prelude::*;

#[derive(Template)]
#[template(path = "activities/scope.html")]
struct Question {
    shell: Shell,
    title: &'static str,
    subject: String,
    repeats: String,
    /// Where the answer is sent, and with what.
    action: String,
    fields: Vec<(String, String)>,
    choices: Vec<Choice>,
    /// Those that were changed on their own.
    own: i64,
    cancel: String,
    deletes: bool,
}

struct Choice {
    key: &'static str,
    label: &'static str,
    hint: &'static str,
}

/// What the question tells of the series.
#[derive(Clone, Debug)]
pub struct Asked {
    pub subject: String,
    pub repeats: String,
    pub own: i64,
    pub scopes: Vec<Scope>,
    pub stops: bool,
}

impl Asked {
    pub fn of(
        tx: &mut OrgTx,
        actor: &Actor,
        activity: &Activity,
        series: &Series,
        scopes: Vec<Scope>,
    ) -> AppResult<Self> {
        let own = activities::table
            .filter(activities::series_id.eq(series.id))
            .filter(activities::deleted_at.is_null())
            .filter(activities::closed_at.is_null())
            .filter(activities::occurrence.eq("own"))
            .filter(activities::id.ne(activity.id))
            .count()
            .get_result(tx.conn())?;
        let repeats = series.schedule.words(actor.locale, actor.today());
        Ok(Self { subject: activity.fields.subject.clone(), repeats, own, scopes, stops: false })
    }
}

/// Asks for whom it is meant; the answer sends the same form again, and `scope`.
pub fn ask(page: &Page, form: &Form, asked: Asked, action: String, cancel: String) -> AppResult<HttpResponse> {
    let deletes = action.ends_with("/deletion");
    let hint = |scope: Scope| match (scope, deletes, asked.stops) {
        (Scope::This, true, _) => "The others stay.",
        (Scope::Later, true, _) => "The series ends before it. Those done stay.",
        (Scope::All, true, _) => "Every one that is not done yet.",
        (Scope::This, false, true) => "It no longer belongs to the series, which goes on without it.",
        (_, false, true) => "The series ends here; later ones that are not done are deleted.",
        (Scope::This, false, _) => "It no longer follows changes of the series.",
        (Scope::Later, false, _) => "Earlier ones stay as they are.",
        (Scope::All, false, _) => "Every one that is not done yet.",
    };
    let choices =
        asked.scopes.iter().map(|scope| Choice { key: scope.key(), label: scope.label(), hint: hint(*scope) });
    let fields = form.pairs().filter(|(name, _)| !matches!(*name, "csrf_token" | "scope"));
    let question = Question {
        shell: page.shell("activities"),
        title: if deletes { "Delete which ones?" } else { "Change which ones?" },
        choices: choices.collect(),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        subject: asked.subject,
        repeats: asked.repeats,
        own: asked.own,
        action,
        cancel,
        deletes,
    };
    reply::page(&page.req, &question)
}

/// For the page of an occurrence.
#[derive(Clone, Debug)]
pub struct Repeats {
    pub words: String,
    /// The zone whose clock it goes by, where that is not the reader's.
    pub zone: Option<String>,
    /// It was changed on its own.
    pub own: bool,
    pub all_href: String,
}

impl Repeats {
    pub fn of(tx: &mut OrgTx, actor: &Actor, activity: &Activity) -> AppResult<Option<Self>> {
        let Some(id) = activity.series_id else { return Ok(None) };
        let series = find(tx, id)?;
        let zone = series.schedule.zone;
        Ok(Some(Self {
            words: series.schedule.words(actor.locale, calendar::today(actor.zone)),
            zone: (zone != actor.zone && series.schedule.time.is_some()).then(|| zone.name().replace('_', " ")),
            own: activity.occurrence.as_deref() == Some("own"),
            all_href: format!("/{}?who=all&series={id}", activity.class().noun()),
        }))
    }
}
