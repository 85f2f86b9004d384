//! What is planned with a record, as its page shows it over the timeline, and the quick form of its composer.

use super::{
    lines::Line,
    queries, templates,
    types::{self, ActivityType},
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        accounts::members::{self, Person},
        records::inline::member_choices,
    },
    kernel::{ActivityId, RecordType},
    web::{
        Actor, Form, SelectOption,
        permission::{Permission, activities as may},
    },
};
use uuid::Uuid;

/// Lines on a record's page; the list behind them has the rest.
const SHOWN: i64 = 10;

/// Planned activities of a record, for `activities/_plan.html` and `notes/_composer.html`.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub may_see: bool,
    pub may_edit: bool,
    pub lines: Vec<Line>,
    pub more: bool,
    pub quick: Option<Quick>,
    /// Templates to use with the record: name, address and icon.
    pub templates: Vec<(String, String, &'static str)>,
}

/// The quick form: two clicks plan something.
#[derive(Clone, Debug)]
pub struct Quick {
    /// Chosen now, so that the form sent twice plans one thing.
    pub id: String,
    pub types: Vec<ActivityType>,
    pub chosen: String,
    pub on: String,
    pub owners: Vec<SelectOption>,
    /// Whether the composer opens on it.
    pub open: bool,
    /// Something was just done: what comes next?
    pub after: bool,
}

impl Plan {
    /// Of a record that the caller has found visible. `compose=activity` in the query opens the quick form.
    pub fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid, query: &Form) -> AppResult<Self> {
        if !actor.may(may::View::KEY) {
            return Ok(Self::default());
        }
        let mut rows = queries::planned(tx, actor, record, id, SHOWN + 1)?;
        let more = i64::try_from(rows.len()).unwrap_or(0) > SHOWN;
        rows.truncate(usize::try_from(SHOWN).unwrap_or(0));
        let templates = if actor.may(may::Create::KEY) { templates::choices(tx)? } else { vec![] };
        let about = format!("{0}_id={id}&back=/{1}/{id}", record.key(), record.noun());
        let templates =
            templates.into_iter().map(|choice| (choice.name.clone(), choice.about(&about), choice.icon)).collect();
        let quick = if actor.may(may::Create::KEY) { Some(Quick::load(tx, actor, query)?) } else { None };
        Ok(Self {
            may_see: true,
            may_edit: actor.may(may::Edit::KEY),
            lines: Line::all(actor, rows),
            more,
            quick,
            templates,
        })
    }

    /// Whether the composer opens on the quick form.
    pub fn opens(&self) -> bool {
        self.quick.as_ref().is_some_and(|quick| quick.open)
    }

    /// What is next.
    pub fn next(&self) -> Option<&Line> {
        self.lines.first()
    }
}

impl Quick {
    fn load(tx: &mut OrgTx, actor: &Actor, query: &Form) -> AppResult<Self> {
        let types = types::current(tx)?;
        let people = members::directory(tx)?;
        let after = query.has("after_done");
        let today = actor.today();
        // What follows something done is for another day.
        let on = if after { actor.org.working_days.next(today + chrono::Days::new(1)) } else { today };
        Ok(Self {
            id: ActivityId::new().to_string(),
            chosen: types.first().map(|kind| kind.id.to_string()).unwrap_or_default(),
            types,
            on: on.to_string(),
            owners: owners(actor, &people, &actor.id.to_string()),
            open: query.get("compose") == "activity",
            after,
        })
    }
}

/// Whom something can be given to: active people whose records the actor sees.
pub(super) fn owners(actor: &Actor, people: &[Person], chosen: &str) -> Vec<SelectOption> {
    let seen: Vec<Person> = people.iter().filter(|p| actor.sees(Some(p.id.0))).cloned().collect();
    member_choices(&seen, chosen)
}
