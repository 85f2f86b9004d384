//! Random series and random edits, against a plain reading of what they say: day by day, minute by minute, over the clock changes of
//! a year in three zones.

mod plain;
mod rows;

use super::*;
use chrono::{
    DateTime, Datelike, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use plain::{End, Rule, Series, instant, last_of_its_kind, number};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use rows::{Row, rows};
use std::collections::{BTreeMap, BTreeSet};

/// Series of each zone, and edits of each series.
const CASES: usize = 7;
const EDITS: usize = 5;

struct Law<'a> {
    app: &'a TestApp,
    client: Client,
    zone: Tz,
    today: NaiveDate,
    kind: String,
    owner: String,
    runner: TestRunner,
    model: BTreeMap<String, Series>,
    told: Vec<String>,
    instants: BTreeMap<NaiveDateTime, DateTime<Utc>>,
}

impl Law<'_> {
    fn pick(&mut self, below: usize) -> usize {
        (0..below.max(1)).new_tree(&mut self.runner).unwrap().current()
    }

    fn rule_of(&mut self, day: NaiveDate) -> (Rule, i32) {
        let rule = match self.pick(6) {
            0 => Rule::Daily,
            1 | 2 => {
                let more = self.pick(7) as u8;
                Rule::Weekly(BTreeSet::from([number(day), more]))
            }
            3 => Rule::MonthlyDay(day.day()),
            4 if last_of_its_kind(day) => Rule::MonthlyLast(number(day)),
            4 => Rule::MonthlyNth(day.day0() / 7 + 1, number(day)),
            _ => Rule::Yearly(day.month(), day.day()),
        };
        let every = if matches!(rule, Rule::Yearly(..)) { 1 } else { 1 + self.pick(3) as i32 };
        (rule, every)
    }

    fn end_of(&mut self, day: NaiveDate) -> End {
        match self.pick(3) {
            0 => End::Count(4 + self.pick(30)),
            1 => End::Until(day + Days::new(40 + self.pick(300) as u64)),
            _ => End::Never,
        }
    }

    fn local(&self, row: &Row) -> (NaiveDate, Option<NaiveTime>) {
        match row.at {
            Some(at) => (at.with_timezone(&self.zone).date_naive(), Some(at.with_timezone(&self.zone).time())),
            None => (row.due.unwrap(), None),
        }
    }

    async fn send(&mut self, path: &str, fields: &[(&str, String)]) -> Page {
        self.told.push(format!("{path} {fields:?}"));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.client.post(path, &fields).await
    }

    async fn create(&mut self) {
        let day = self.today + Days::new(1 + self.pick(60) as u64);
        let (rule, every) = self.rule_of(day);
        let end = self.end_of(day);
        let times = ["02:30", "02:15", "09:00", "23:45", "00:10", "01:45", ""];
        let time = times[self.pick(times.len())].to_owned();
        let series = Series {
            rule,
            every,
            anchor: day,
            from: day,
            end,
            time: format!("{time}:00").parse().ok(),
            out: BTreeSet::new(),
        };
        let mut fields = vec![
            ("type_id", self.kind.clone()),
            ("subject", "Law".to_owned()),
            ("owner_id", self.owner.clone()),
            ("on", day.to_string()),
            ("time", time),
        ];
        fields.extend(series.choices());
        let made = self.send("/activities", &fields).await;
        assert_eq!(made.status(), 303, "{:?} {}", self.told, made.body);
        let id = self.app.value("SELECT id FROM activity_series").await;
        self.model.insert(id, series);
    }

    /// One random edit, in the application and in the model.
    async fn edit(&mut self) {
        let before = rows(self.app).await;
        let free: Vec<&Row> = before.iter().filter(|row| row.open && row.kind != "own").collect();
        if free.is_empty() {
            return;
        }
        // Mostly early ones: much follows them.
        let reach = free.len().min(12);
        let row = free[self.pick(reach)].clone();
        let scope = ["this", "later", "all"][self.pick(3)];
        match self.pick(7) {
            0 => self.finish(&row).await,
            1 => self.delete(&row, scope).await,
            2 => self.rename(&row, scope, &before).await,
            choice => self.reschedule(&row, scope, choice, &before).await,
        }
        self.check(&before, &row).await;
    }

    async fn finish(&mut self, row: &Row) {
        let done = self.send(&format!("/activities/{}/completion", row.id), &[]).await;
        assert_eq!(done.status(), 303);
    }

    async fn delete(&mut self, row: &Row, scope: &'static str) {
        let gone = self.send(&format!("/activities/{}/deletion", row.id), &[("scope", scope.into())]).await;
        assert_eq!(gone.status(), 303, "{}", gone.body);
        let series = self.model.get_mut(&row.series).unwrap();
        match scope {
            "this" => {
                series.out.insert(row.day);
            }
            "later" => series.end = End::Until(row.day - Days::new(1)),
            _ => series.end = End::Until(series.from - Days::new(1)),
        }
    }

    async fn save(&mut self, row: &Row, series: &Series, changes: &[(&'static str, String)]) -> Page {
        let (day, time) = self.local(row);
        let version = self.app.value(&format!("SELECT version FROM activities WHERE id = '{}'", row.id)).await;
        let mut fields = vec![
            ("version", version),
            ("type_id", self.kind.clone()),
            ("owner_id", self.owner.clone()),
            ("subject", row.subject.clone()),
            ("on", day.to_string()),
            ("time", time.map(|time| time.format("%H:%M").to_string()).unwrap_or_default()),
        ];
        fields.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        fields.extend(changes.iter().cloned());
        if !changes.iter().any(|(name, _)| *name == "repeat") {
            fields.extend(series.choices());
        }
        self.send(&format!("/activities/{}", row.id), &fields).await
    }

    /// The others in scope are called the same, nobody else is.
    async fn rename(&mut self, row: &Row, scope: &'static str, before: &[Row]) {
        let name = format!("Law {}", self.told.len());
        let series = self.model[&row.series].clone();
        let saved = self.save(row, &series, &[("subject", name.clone()), ("scope", scope.into())]).await;
        assert_eq!(saved.status(), 303, "{:?} {}", self.told, saved.body);
        for now in rows(self.app).await {
            let was = before.iter().find(|was| was.id == now.id).unwrap();
            let reached = now.id == row.id
                || scope != "this"
                    && was.series == row.series
                    && was.open
                    && was.kind != "own"
                    && (scope == "all"
                        || was.day >= row.day
                        || !before.iter().any(|b| b.series == row.series && b.day < row.day));
            assert_eq!(now.subject == name, reached, "{now:?} {:?}", self.told);
        }
    }

    async fn reschedule(&mut self, row: &Row, scope: &'static str, choice: usize, before: &[Row]) {
        let old = self.model[&row.series].clone();
        let (day, time) = self.local(row);
        let mut new = old.clone();
        let mut changes: Vec<(&'static str, String)> = Vec::new();
        let mut to = day;
        let mut scope = scope;
        match choice {
            3 => {
                let at = ["02:30", "07:20", "01:30", "23:10"][self.pick(4)];
                let at: NaiveTime = format!("{at}:00").parse().unwrap();
                if time == Some(at) {
                    return;
                }
                changes.push(("time", at.format("%H:%M").to_string()));
                new.time = Some(at);
            }
            4 => {
                let shift = [-1i64, 1, 2][self.pick(3)];
                to = day + TimeDelta::days(shift);
                // Its occurrence may show another day than it stands for, beside a gap at midnight; those are not moved here.
                if to <= self.today || day != row.day {
                    return;
                }
                changes.push(("on", to.to_string()));
                new.rule = old.moved(day, to);
            }
            5 => {
                let (rule, every) = self.rule_of(day);
                if (&rule, every) == (&old.rule, old.every) || day != row.day {
                    return;
                }
                (new.rule, new.every) = (rule, every);
                scope = if scope == "this" { "later" } else { scope };
                changes.extend(new.choices());
            }
            _ => {
                new.end = self.end_of(day);
                if new.end == old.end {
                    return;
                }
                scope = if scope == "this" { "all" } else { scope };
                changes.extend(new.choices());
            }
        }
        changes.push(("scope", scope.into()));
        let other_days = matches!(choice, 4 | 5);
        let whole = scope == "all" || !before.iter().any(|b| b.series == row.series && b.day < row.day);
        let base = if whole { old.from } else { row.day };
        let from = base + (to - day).min(TimeDelta::zero());
        let from = from.max(self.today);
        let far = self.today + Days::new(2_000);
        if other_days {
            (new.anchor, new.from) = (to, from);
        } else if !whole {
            new.from = row.day;
        }
        let cut = match (other_days, whole) {
            (true, true) => from,
            (true, false) => from.max(row.day),
            (false, true) => old.from,
            (false, false) => row.day,
        };
        let gone = old.days(far).iter().filter(|day| **day < cut).count();
        let mut impossible = false;
        if scope != "this"
            && let End::Count(n) = new.end
        {
            impossible = n <= gone && choice > 5;
            new.end = if n > gone { End::Count(n - gone) } else { End::Until(from - Days::new(1)) };
        }
        // The first day that the new rule names is where it begins.
        let saved = self.save(row, &old, &changes).await;
        if impossible {
            assert_eq!(saved.status(), 422, "{:?}", self.told);
            return;
        }
        assert_eq!(saved.status(), 303, "{:?} {}", self.told, saved.body);
        if scope == "this" {
            return;
        }
        if whole {
            self.model.insert(row.series.clone(), new);
            return;
        }
        let split = self.app.value(&format!("SELECT series_id FROM activities WHERE id = '{}'", row.id)).await;
        assert_ne!(split, row.series, "{:?}", self.told);
        new.out = old.out.iter().copied().filter(|day| *day >= row.day).collect();
        let mut kept = old;
        kept.end = End::Until(row.day - Days::new(1));
        self.model.insert(row.series.clone(), kept);
        self.model.insert(split, new);
    }

    async fn check(&mut self, before: &[Row], edited: &Row) {
        let now = rows(self.app).await;
        let horizon = self.today + Days::new(366);
        for (id, series) in &self.model {
            let of: Vec<&Row> = now.iter().filter(|row| row.series == *id).collect();
            let taken: BTreeSet<NaiveDate> =
                of.iter().filter(|row| !row.open || row.kind == "own").map(|row| row.day).collect();
            let free: Vec<&&Row> = of.iter().filter(|row| row.open && row.kind != "own").collect();
            let found: Vec<NaiveDate> = free.iter().map(|row| row.day).collect();
            let mut wanted = series.days(horizon);
            // One ahead at least, however far.
            if !wanted.iter().any(|day| *day > self.today)
                && let Some(next) = series.days(horizon + Days::new(1_500)).into_iter().find(|day| *day > horizon)
            {
                wanted.push(next);
            }
            wanted.retain(|day| !series.out.contains(day) && !taken.contains(day));
            assert_eq!(found, wanted, "{series:?}\n{}", self.told.join("\n"));
            for row in &free {
                let local = series.time.map(|time| row.day.and_time(time));
                let expected =
                    local.map(|local| *self.instants.entry(local).or_insert_with(|| instant(local, self.zone)));
                assert_eq!(row.at, expected, "{row:?} {series:?}\n{}", self.told.join("\n"));
                assert_eq!(row.due, if expected.is_none() { Some(row.day) } else { None });
            }
            let next: Vec<bool> = free.iter().map(|row| row.kind == "next").collect();
            assert!(next.iter().enumerate().all(|(i, next)| *next == (i == 0)), "{free:?}");
        }
        // What is done or was changed on its own is as it was.
        for was in before.iter().filter(|was| was.id != edited.id && (!was.open || was.kind == "own")) {
            match now.iter().find(|row| row.id == was.id) {
                Some(row) => assert_eq!(
                    (row.day, row.at, row.due, row.open, &row.subject),
                    (was.day, was.at, was.due, was.open, &was.subject),
                    "{}",
                    self.told.join("\n")
                ),
                None => assert!(was.open, "a done one is gone: {was:?}"),
            }
        }
    }
}

async fn holds_in(zone: Tz) {
    let app = TestApp::start().await;
    let org = app.org("law").await;
    app.sql(&format!("UPDATE users SET time_zone = '{}'", zone.name())).await;
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut law = Law {
        client: enter(&app, &org, "rep").await,
        kind: type_id(&app, &org, "meeting").await,
        owner: org.rep.to_string(),
        today: Utc::now().with_timezone(&zone).date_naive(),
        runner: TestRunner::new(config),
        model: BTreeMap::new(),
        told: Vec::new(),
        instants: BTreeMap::new(),
        app: &app,
        zone,
    };
    // Each zone its own series.
    for _ in 0..zone.name().len() {
        law.pick(2);
    }
    for _ in 0..CASES {
        app.sql("DELETE FROM activities; DELETE FROM activity_series").await;
        law.model.clear();
        law.told.clear();
        law.create().await;
        for _ in 0..EDITS {
            law.edit().await;
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_of_a_series_are_a_plain_expansion_in_paris() {
    holds_in(chrono_tz::Europe::Paris).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_of_a_series_are_a_plain_expansion_in_new_york() {
    holds_in(chrono_tz::America::New_York).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_of_a_series_are_a_plain_expansion_on_lord_howe() {
    holds_in(chrono_tz::Australia::Lord_Howe).await;
}
