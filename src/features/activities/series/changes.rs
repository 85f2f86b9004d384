//! Beginning a series, and changing it: this occurrence, this and later ones, or all of them.

use super::{
    Columns, End, Repeat, Schedule, Series, except, finished, forms, plan,
    rule::{Pattern, Rule},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::activities::{
        commands,
        model::{Activity, NewActivity},
        queries,
    },
    kernel::{ActivityId, ActivitySeriesId, calendar},
    schema::{activities, activity_series, activity_series_exceptions as exceptions},
    web::{Actor, Allow, Form, permission::activities::Edit},
};
use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};
use diesel::prelude::*;
use serde_json::json;

/// A series begins at most so long ago: it is for what is to come.
const LATEST_START: Days = Days::new(31);

/// Which occurrences a change is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    This,
    Later,
    All,
}

impl Scope {
    pub const ALL: [Scope; 3] = [Scope::This, Scope::Later, Scope::All];

    pub fn key(self) -> &'static str {
        match self {
            Scope::This => "this",
            Scope::Later => "later",
            Scope::All => "all",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Scope::This => "Only this one",
            Scope::Later => "This and later ones",
            Scope::All => "All of them",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.key() == text)
    }
}

/// Makes an activity the first occurrence of a new series. It moves to the rule's first day.
pub fn start(tx: &mut OrgTx, by: &Actor, id: ActivityId, repeat: Repeat) -> AppResult<NaiveDate> {
    let first = queries::lock(tx, by, id)?;
    let slot = first.fields.slot();
    let day = slot.day(by.zone).ok_or_else(|| AppError::field("on", "is needed for what repeats"))?;
    if day + LATEST_START < by.today() {
        return Err(AppError::field("on", "is too long ago for what repeats: a month at most"));
    }
    let unknown = || AppError::field("repeat", "names no day that ever comes");
    let starts_on = repeat.rule.first_from(day, day).ok_or_else(unknown)?;
    let schedule = Schedule { rule: repeat.rule, starts_on, time: slot.time(by.zone), zone: by.zone, end: repeat.end };
    schedule
        .days()
        .next()
        .ok_or_else(|| AppError::field("repeat_until", "The last day comes before the first day of the rule."))?;
    let series = insert(tx, by, schedule)?;
    let slot = series.schedule.slot(starts_on);
    diesel::update(activities::table.filter(activities::id.eq(id)))
        .set((
            (
                activities::series_id.eq(series.id.0),
                activities::occurs_on.eq(starts_on),
                activities::occurrence.eq("next"),
            ),
            (activities::start_at.eq(slot.start_at), activities::due_on.eq(slot.due_on)),
        ))
        .execute(tx.conn())?;
    plan::follow(tx, &series, starts_on, None, id)?;
    tell(tx, "activity_series.created", &series, id, None)?;
    Ok(starts_on)
}

fn insert(tx: &mut OrgTx, by: &Actor, schedule: Schedule) -> AppResult<Series> {
    let id = ActivitySeriesId::new();
    let made_until = schedule.starts_on;
    diesel::insert_into(activity_series::table)
        .values((
            activity_series::id.eq(id),
            activity_series::created_by.eq(by.id.0),
            Columns::of(&schedule, made_until),
        ))
        .execute(tx.conn())?;
    Ok(Series { id, schedule, made_until })
}

/// What a save of an occurrence means to change.
#[derive(Debug)]
pub struct Intent {
    series: Series,
    new: NewActivity,
    fields: bool,
    /// It repeats no more.
    stops: bool,
    /// On other days by a choice of the form, or with another end.
    repeat: Option<Repeat>,
    other_days: bool,
    other_end: bool,
    /// From one day to another, by the form's day.
    moved: Option<(NaiveDate, NaiveDate)>,
    time: Option<NaiveTime>,
    other_time: bool,
    open: bool,
}

impl Intent {
    /// What the form says, beside what is there.
    pub fn read(before: &Activity, series: Series, form: &Form, new: NewActivity) -> AppResult<Self> {
        let zone = series.schedule.zone;
        let (old_slot, new_slot) = (before.fields.slot(), new.slot());
        let day = new_slot.day(zone).ok_or_else(|| AppError::field("on", "is needed for what repeats"))?;
        let was = old_slot.day(zone).unwrap_or(day);
        let (same_days, same_end) = match form.has("repeat") {
            true => forms::same_choices(form, &forms::fill_in(Form::default(), &series.schedule)),
            false => (true, true),
        };
        let stops = form.has("repeat") && matches!(form.get("repeat"), "" | "none");
        let repeat = if stops || same_days && same_end { None } else { forms::read(form, Some(day))? };
        let untimed = |fields: &NewActivity| NewActivity { start_at: None, due_on: None, ..fields.clone() };
        let (old_time, time) = (old_slot.time(zone), new_slot.time(zone));
        Ok(Self {
            fields: untimed(&before.fields) != untimed(&new),
            stops,
            repeat,
            other_days: !stops && !same_days,
            other_end: !stops && !same_end,
            moved: (was != day).then_some((was, day)),
            time,
            other_time: old_time != time,
            open: before.is_open(),
            series,
            new,
        })
    }

    /// Whether it would change anything that occurrences share.
    pub fn changes_anything(&self) -> bool {
        self.fields || self.stops || self.other_days || self.other_end || self.other_time || self.moved.is_some()
    }

    /// Whether it is to repeat no more.
    pub fn stops(&self) -> bool {
        self.stops
    }

    /// For whom it can be meant.
    pub fn scopes(&self) -> Vec<Scope> {
        // One that is done is its own.
        if !self.open && !self.stops && !self.other_days && !self.other_end {
            return vec![Scope::This];
        }
        if self.stops {
            return vec![Scope::This, Scope::Later];
        }
        if self.other_days || self.other_end {
            return vec![Scope::Later, Scope::All];
        }
        if let Some((from, to)) = self.moved
            && self.series.schedule.rule.moved(from, to).is_none()
        {
            return vec![Scope::This];
        }
        Scope::ALL.into()
    }

    /// Does it. `before` is held, and of the version that the form was made from.
    pub fn apply(self, tx: &mut OrgTx, by: &Allow<Edit>, before: &Activity, scope: Scope) -> AppResult<()> {
        if !self.scopes().contains(&scope) {
            return Err(AppError::field("scope", "is not one of the choices"));
        }
        let day = before.occurs_on.unwrap_or_default();
        if self.stops {
            return self.stop(tx, by, before, day, scope);
        }
        match scope {
            Scope::This => commands::update(tx, by, before.id, before.version, self.new).map(drop),
            _ => self.spread(tx, by, before, day, scope),
        }
    }

    /// Takes the occurrence out of its series, or ends the series with it; it stays, as an activity that does not repeat.
    fn stop(self, tx: &mut OrgTx, by: &Allow<Edit>, before: &Activity, day: NaiveDate, scope: Scope) -> AppResult<()> {
        except(tx, self.series.id, day, true)?;
        diesel::update(activities::table.filter(activities::id.eq(before.id)))
            .set((
                activities::series_id.eq(None::<uuid::Uuid>),
                activities::occurs_on.eq(None::<NaiveDate>),
                activities::occurrence.eq(None::<String>),
            ))
            .execute(tx.conn())?;
        if scope == Scope::Later {
            super::removal::end(tx, by, &self.series, day)?;
            tell(tx, "activity_series.ended", &self.series, before.id, Some(day))?;
        }
        commands::update(tx, by, before.id, before.version, self.new).map(drop)
    }

    /// The change for later ones, or for all.
    fn spread(
        self,
        tx: &mut OrgTx,
        by: &Allow<Edit>,
        before: &Activity,
        day: NaiveDate,
        scope: Scope,
    ) -> AppResult<()> {
        let whole = scope == Scope::All || !earlier(tx, self.series.id, day)?;
        let deal = self.new.deal_id;
        let changed = commands::spread(tx, by, before, &self.new, |tx, diff| {
            let of = activities::table
                .filter(activities::series_id.eq(self.series.id))
                .filter(activities::deleted_at.is_null())
                .filter(activities::closed_at.is_null())
                .filter(activities::occurrence.ne("own"))
                .filter(activities::occurs_on.ge(if whole { lowest() } else { day }))
                .filter(activities::id.ne(before.id));
            Ok(diesel::update(of).set(diff).execute(tx.conn())?)
        })?;
        let other_schedule = self.other_days || self.other_end || self.other_time || self.moved.is_some();
        let series = if other_schedule { self.reschedule(tx, by, before, day, whole)? } else { self.series };
        tracing::debug!(series = %series.id, changed, "a series was changed");
        let event = told("activity_series.updated", &series, before.id, None, other_schedule);
        events::record(tx, event)?;
        super::tell_guests(tx, series.id)?;
        commands::announce(tx, before.id, &[before.fields.deal_id, deal])
    }

    /// The schedule from the occurrence on, or of the whole series; what is past stays where it was.
    fn reschedule(
        &self,
        tx: &mut OrgTx,
        by: &Allow<Edit>,
        before: &Activity,
        day: NaiveDate,
        whole: bool,
    ) -> AppResult<Series> {
        let old = &self.series.schedule;
        let (was, now) = self.moved.unwrap_or((day, day));
        let rule = self.rule(was, now)?;
        let other_days = self.other_days || self.moved.is_some();
        let today = calendar::today(old.zone);
        let base = if whole { old.starts_on } else { day };
        let earlier_by = (now - was).min(TimeDelta::zero());
        let from = (base + earlier_by).max(today);
        // Other days are counted anew, and the first one they name is then the series' first.
        let (starts_on, cut) = match (other_days, whole) {
            (true, true) => (rule.first_from(now, from), from),
            (true, false) => (rule.first_from(now, from), from.max(day)),
            (false, true) => (Some(old.starts_on), old.starts_on),
            (false, false) => (rule.first_from(old.starts_on, day), day),
        };
        let starts_on = starts_on.ok_or_else(|| AppError::field("repeat", "names no day that ever comes"))?;
        let gone = old.days().take_while(|gone| *gone < cut).count();
        let end = self.end(i32::try_from(gone).unwrap_or(i32::MAX), starts_on)?;
        let time = if self.other_time { self.time } else { old.time };
        let schedule = Schedule { rule, starts_on, time, zone: old.zone, end };
        let series = if whole {
            Series { id: self.series.id, schedule, made_until: self.series.made_until }
        } else {
            self.split(tx, by, day, schedule)?
        };
        let placed = self.settle(tx, before, &series, day, from)?;
        plan::follow(tx, &series, from, placed.then_some((before.id, now)), before.id)?;
        Ok(series)
    }

    fn rule(&self, was: NaiveDate, now: NaiveDate) -> AppResult<Rule> {
        let old = &self.series.schedule.rule;
        match (&self.repeat, self.other_days) {
            (Some(repeat), true) => Ok(repeat.rule.clone()),
            _ if was == now || old.pattern() == Pattern::Daily => Ok(old.clone()),
            _ => old.moved(was, now).ok_or_else(|| AppError::field("on", "can be changed for this one only")),
        }
    }

    /// The end of the schedule that begins on `starts_on`, when so many of the old one's days are not counted any more.
    fn end(&self, gone: i32, starts_on: NaiveDate) -> AppResult<End> {
        let wanted =
            self.repeat.as_ref().filter(|_| self.other_end).map_or(self.series.schedule.end, |repeat| repeat.end);
        match wanted {
            End::Count(n) if n > gone => Ok(End::Count(n - gone)),
            End::Count(_) if self.other_end => {
                Err(AppError::field("repeat_count", format!("must be more than the {gone} there have been")))
            }
            // All of them are past: it ends before it would go on.
            End::Count(_) => Ok(End::Until(starts_on - Days::new(1))),
            other => Ok(other),
        }
    }

    /// From that day on it is another series: the old one ends the day before.
    fn split(&self, tx: &mut OrgTx, by: &Actor, day: NaiveDate, schedule: Schedule) -> AppResult<Series> {
        let old = self.series.id;
        let series = insert(tx, by, schedule)?;
        let ended = Schedule { end: End::Until(day - Days::new(1)), ..self.series.schedule.clone() };
        diesel::update(activity_series::table.filter(activity_series::id.eq(old)))
            .set(Columns::of(&ended, finished()))
            .execute(tx.conn())?;
        let of = activities::table.filter(activities::series_id.eq(old));
        diesel::update(of.filter(activities::occurs_on.ge(day)))
            .set(activities::series_id.eq(series.id.0))
            .execute(tx.conn())?;
        let of = exceptions::table.filter(exceptions::series_id.eq(old));
        diesel::update(of.filter(exceptions::occurs_on.ge(day)))
            .set(exceptions::series_id.eq(series.id.0))
            .execute(tx.conn())?;
        Ok(series)
    }

    /// Where the plan does not reach, the occurrence itself goes to the day and time that the form says: when it was changed on its own, or
    /// is past. Returns whether the plan reaches it.
    fn settle(
        &self,
        tx: &mut OrgTx,
        before: &Activity,
        series: &Series,
        day: NaiveDate,
        from: NaiveDate,
    ) -> AppResult<bool> {
        let own = before.occurrence.as_deref() == Some("own");
        if !before.is_open() || !own && day >= from {
            return Ok(!own && before.is_open());
        }
        let slot = self.new.slot();
        let follows = !own && slot == series.schedule.slot(day);
        diesel::update(activities::table.filter(activities::id.eq(before.id)))
            .set((
                (activities::start_at.eq(slot.start_at), activities::due_on.eq(slot.due_on)),
                activities::occurrence.eq(if follows { "next" } else { "own" }),
            ))
            .execute(tx.conn())?;
        Ok(false)
    }
}

fn lowest() -> NaiveDate {
    NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default()
}

/// Whether anything of the series lies before that day.
fn earlier(tx: &mut OrgTx, id: ActivitySeriesId, day: NaiveDate) -> AppResult<bool> {
    let of = activities::table
        .filter(activities::series_id.eq(id))
        .filter(activities::deleted_at.is_null())
        .filter(activities::occurs_on.lt(day));
    Ok(diesel::select(diesel::dsl::exists(of)).get_result(tx.conn())?)
}

/// What became of the series, beside the occurrence through which it was changed.
pub(super) fn tell(
    tx: &mut OrgTx,
    kind: &'static str,
    series: &Series,
    through: ActivityId,
    until: Option<NaiveDate>,
) -> AppResult<()> {
    events::record(tx, told(kind, series, through, until, false))
}

/// `other_times`: people who take part have to know.
pub(super) fn told(
    kind: &'static str,
    series: &Series,
    through: ActivityId,
    until: Option<NaiveDate>,
    other_times: bool,
) -> Event {
    let mut changes = Changes::new();
    changes.set("rule", &series.schedule.rule.text());
    changes.set("until", &until);
    let data = json!({
        "activity": through, "starts_on": series.schedule.starts_on, "zone": series.schedule.zone.name(),
        "other_times": other_times,
    });
    Event::of(kind, "activity_series", series.id).changes(changes).data(data)
}
