//! What repeats: planned once, shown once, changed for one, for later ones or for all, ended and brought back.

use super::*;
use pipewright::features::activities::extend_all;

/// The days and subjects of what is open, in order.
const OPEN: &str = "SELECT string_agg(coalesce(due_on, (start_at AT TIME ZONE 'Europe/Amsterdam')::date) - (now() AT TIME ZONE 'Europe/Amsterdam')::date || ' ' || subject, ', ' ORDER BY at)
    FROM activities WHERE closed_at IS NULL AND deleted_at IS NULL";

struct Planner<'a> {
    app: &'a TestApp,
    client: Client,
    kind: String,
    owner: String,
}

impl<'a> Planner<'a> {
    async fn new(app: &'a TestApp, org: &Org) -> Planner<'a> {
        let client = enter(app, org, "rep").await;
        let kind = type_id(app, org, "call").await;
        Planner { app, client, kind, owner: org.rep.to_string() }
    }

    /// A day so many from today.
    async fn day(&self, ahead: i32) -> String {
        self.app.value(&format!("SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::date + {ahead}")).await
    }

    async fn plan(&self, subject: &str, fields: &[(&str, &str)]) -> Page {
        let mut all = vec![("type_id", self.kind.as_str()), ("subject", subject), ("owner_id", &self.owner)];
        all.extend_from_slice(fields);
        self.client.post("/activities", &all).await
    }

    /// The id of what stands for the nth day, from 0.
    async fn nth(&self, n: usize) -> String {
        self.app.value(&format!("SELECT id FROM activities WHERE series_id IS NOT NULL AND deleted_at IS NULL ORDER BY occurs_on OFFSET {n} LIMIT 1")).await
    }

    /// Saves an occurrence as its form is, but for `changes`.
    async fn save(&self, id: &str, changes: &[(&str, &str)]) -> Page {
        let of = |column: &str| format!("SELECT {column} FROM activities WHERE id = '{id}'");
        let version = self.app.value(&of("version")).await;
        let subject = self.app.value(&of("subject")).await;
        let on = self.app.value(&of("coalesce(due_on, (start_at AT TIME ZONE 'Europe/Amsterdam')::date)")).await;
        let time = self.app.value(&of("to_char(start_at AT TIME ZONE 'Europe/Amsterdam', 'HH24:MI')")).await;
        let mut all = vec![("version", version.as_str()), ("type_id", self.kind.as_str()), ("owner_id", &self.owner)];
        for (name, value) in [("subject", subject.as_str()), ("on", &on), ("time", &time)] {
            if !changes.iter().any(|(changed, _)| *changed == name) {
                all.push((name, value));
            }
        }
        all.extend_from_slice(changes);
        self.client.post(&format!("/activities/{id}"), &all).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planned_once_shown_once_and_done_one_by_one() {
    let app = TestApp::start().await;
    let org = app.org("again").await;
    let plan = Planner::new(&app, &org).await;
    let deal = deal(&plan.client, &app, &org, org.rep, "Lens order").await;
    let (id, today) = (app.value("SELECT gen_random_uuid()").await, plan.day(0).await);
    let fields = [
        ("id", id.as_str()),
        ("on", &today),
        ("repeat", "daily"),
        ("repeat_every", "1"),
        ("repeat_end", "count"),
        ("repeat_count", "5"),
        ("deal_id", &deal),
    ];
    assert_eq!(plan.plan("Ring them", &fields).await.status(), 303);
    assert_eq!(plan.plan("Ring them", &fields).await.status(), 303, "sent twice");
    assert_eq!(app.value(OPEN).await, "0 Ring them, 1 Ring them, 2 Ring them, 3 Ring them, 4 Ring them");
    assert_eq!(app.value("SELECT count(*) FROM activity_series").await, "1");

    // Lists show the next one, and on demand every one; days show what is on them.
    let shown = |page: &Page| page.body.matches("class=\"act\"").count();
    let list = plan.client.get("/activities").await;
    assert!(
        shown(&list) == 1 && list.contains("title=\"Repeats\"") && list.contains("Every occurrence"),
        "{}",
        list.body
    );
    assert_eq!(shown(&plan.client.get("/activities?every=1").await), 5);
    let series = app.value("SELECT id FROM activity_series").await;
    assert_eq!(shown(&plan.client.get(&format!("/activities?who=all&series={series}")).await), 5);
    assert_eq!(shown(&plan.client.get(&format!("/activities?who=all&deal={deal}&every=1")).await), 5);
    assert_eq!(shown(&plan.client.get("/activities?when=today").await), 1);
    let page = plan.client.get(&format!("/deals/{deal}")).await;
    assert_eq!(page.body.matches("/completion\">").count(), 2, "the next one, and it with an outcome: {}", page.body);
    let page = plan.client.get(&format!("/activities/{id}")).await;
    assert!(page.contains("Every day, 5 times"), "{}", page.body);
    assert_eq!(plan.client.get("/").await.body.matches(">Ring them<").count(), 1, "once on Home");

    // Done, the next one is next, also for the deal; taken back, it is first again.
    assert_eq!(plan.client.post(&format!("/activities/{id}/completion"), &[]).await.status(), 303);
    let next = "SELECT occurs_on - (now() AT TIME ZONE 'Europe/Amsterdam')::date || ' ' || (SELECT (next_activity_at AT TIME ZONE 'UTC')::date - (now() AT TIME ZONE 'Europe/Amsterdam')::date FROM deals) FROM activities WHERE occurrence = 'next' AND closed_at IS NULL";
    assert_eq!(app.value(next).await, "1 1");
    assert_eq!(plan.client.post(&format!("/activities/{id}/completion/undo"), &[]).await.status(), 303);
    assert_eq!(app.value(next).await, "0 0");

    // What is single becomes a series by its form, with those who take part.
    let single = last(&plan.plan("Write up", &[("on", &today)]).await);
    let member = org.manager.to_string();
    plan.client.post(&format!("/activities/{single}/participants"), &[("member_id", &member)]).await;
    plan.client.post(&format!("/activities/{single}/checklist"), &[("text", "Numbers")]).await;
    let until = plan.day(14).await;
    let saved = plan.save(&single, &[("repeat", "weekly"), ("repeat_end", "until"), ("repeat_until", &until)]).await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    assert_eq!(app.value("SELECT string_agg(occurs_on - (now() AT TIME ZONE 'Europe/Amsterdam')::date || '', ' ' ORDER BY occurs_on) FROM activities WHERE subject = 'Write up'").await, "0 7 14");
    assert_eq!(
        app.value("SELECT count(*) || ' ' || (SELECT count(*) FROM activity_checklist) FROM activity_participants")
            .await,
        "3 3"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_says_what_is_wrong_with_a_rule() {
    let app = TestApp::start().await;
    let org = app.org("rules").await;
    let plan = Planner::new(&app, &org).await;
    let (day, long_ago) = (plan.day(3).await, plan.day(-60).await);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("on", ""), ("repeat", "daily")], "is needed for what repeats"),
        (&[("on", &long_ago), ("repeat", "daily")], "is too long ago"),
        (&[("on", &day), ("repeat", "hourly")], "is not one of the choices"),
        (&[("on", &day), ("repeat", "daily"), ("repeat_every", "0")], "must be a whole number from 1 to 999"),
        (&[("on", &day), ("repeat", "daily"), ("repeat_end", "count")], "is needed: how many times?"),
        (&[("on", &day), ("repeat", "daily"), ("repeat_end", "count"), ("repeat_count", "5000")], "from 1 to 1000"),
        (
            &[("on", &day), ("repeat", "daily"), ("repeat_end", "until"), ("repeat_until", "2020-01-01")],
            "must not be before",
        ),
        (&[("on", &day), ("repeat", "custom")], "is needed, such as"),
        (&[("on", &day), ("repeat", "custom"), ("repeat_rule", "every other tuesday")], "must look like"),
        (&[("on", &day), ("repeat", "custom"), ("repeat_rule", "FREQ=SECONDLY")], "can repeat DAILY"),
        (&[("on", &day), ("repeat", "custom"), ("repeat_rule", "FREQ=DAILY;BYHOUR=9")], "cannot have BYHOUR"),
        (&[("on", &day), ("repeat", "custom"), ("repeat_rule", "FREQ=WEEKLY;BYDAY=NO")], "cannot be understood"),
        (&[("on", &day), ("repeat", "custom"), ("repeat_rule", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")], "names no day"),
        (&[("on", &day), ("repeat", "custom"), ("repeat_rule", &"FREQ=DAILY;".repeat(60))], "is too long"),
    ];
    for (fields, told) in cases {
        let page = plan.plan("Kept words", fields).await;
        assert_eq!(page.status(), 422, "{fields:?}");
        assert!(page.contains(told) && page.contains("Kept words"), "{fields:?} does not say {told:?}: {}", page.body);
    }
    assert_eq!(app.value("SELECT count(*) FROM activities").await, "0", "nothing half done");
    // The adept's own: the last working day of each month, and the form shows it as it was.
    let rule = "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3";
    let made = plan.plan("Close the month", &[("on", &day), ("repeat", "custom"), ("repeat_rule", rule)]).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    assert_eq!(
        app.value("SELECT count(*) || ' ' || count(*) FILTER (WHERE extract(isodow FROM due_on) < 6) FROM activities")
            .await,
        "3 3"
    );
    let first = plan.nth(0).await;
    let form = plan.client.get(&format!("/activities/{first}/edit")).await;
    assert!(form.contains("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"), "{}", form.body);
    // A day of such a rule can only be changed for one.
    let later = plan.day(200).await;
    assert_eq!(plan.save(&first, &[("on", &later)]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE occurrence = 'own'").await, "1");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_later_ones_or_all_are_changed() {
    let app = TestApp::start().await;
    let org = app.org("scopes").await;
    let plan = Planner::new(&app, &org).await;
    let day = plan.day(1).await;
    let repeat = [("repeat", "daily"), ("repeat_every", "2"), ("repeat_end", "count"), ("repeat_count", "5")];
    let made = plan.plan("Stand-up", &[&[("on", day.as_str()), ("time", "09:00")], &repeat[..]].concat()).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    assert_eq!(app.value(OPEN).await, "1 Stand-up, 3 Stand-up, 5 Stand-up, 7 Stand-up, 9 Stand-up");

    // Nothing differs, so nothing is asked; something does, so it is, and what was typed goes along.
    let second = plan.nth(1).await;
    assert_eq!(plan.save(&second, &repeat).await.status(), 303);
    let asked = plan.save(&second, &[&[("subject", "Sit-down")], &repeat[..]].concat()).await;
    assert_eq!(asked.status(), 200);
    assert!(
        ["Change which ones?", "Only this one", "This and later ones", "All of them", "value=\"Sit-down\""]
            .iter()
            .all(|told| asked.contains(told)),
        "{}",
        asked.body
    );
    assert!(app.value(OPEN).await.matches("Stand-up").count() == 5, "asking changes nothing");

    let change = async |id: &str, changes: &[(&str, &str)]| {
        let page = plan.save(id, &[changes, &repeat[..]].concat()).await;
        assert_eq!(page.status(), 303, "{changes:?}: {}", page.body);
    };
    change(&second, &[("subject", "Sit-down"), ("scope", "this")]).await;
    change(&plan.nth(2).await, &[("subject", "Walk"), ("scope", "later")]).await;
    assert_eq!(app.value(OPEN).await, "1 Stand-up, 3 Sit-down, 5 Walk, 7 Walk, 9 Walk");
    // Only what differs goes to the others; the one of its own and the one that is done stay.
    plan.client.post(&format!("/activities/{}/completion", plan.nth(4).await), &[]).await;
    change(&plan.nth(0).await, &[("location", "Roof"), ("scope", "all")]).await;
    assert_eq!(
        app.value("SELECT string_agg(subject || coalesce(' ' || location, ''), ', ' ORDER BY at) FROM activities")
            .await,
        "Stand-up Roof, Sit-down, Walk Roof, Walk Roof, Walk"
    );

    // Later ones at another time: a series of its own, with what is left of the count.
    change(&plan.nth(2).await, &[("time", "10:30"), ("scope", "later")]).await;
    let series = "SELECT string_agg(concat_ws(' ', starts_on - (now() AT TIME ZONE 'Europe/Amsterdam')::date, at_time, count, until - (now() AT TIME ZONE 'Europe/Amsterdam')::date), ', ' ORDER BY starts_on) FROM activity_series";
    assert_eq!(app.value(series).await, "1 09:00:00 4, 5 10:30:00 3");
    let times = "SELECT string_agg(to_char(start_at AT TIME ZONE 'Europe/Amsterdam', 'HH24:MI'), ' ' ORDER BY at) FROM activities";
    assert_eq!(app.value(times).await, "09:00 09:00 10:30 10:30 09:00");
    // All of that one a day later: those that follow move, in step.
    let (third, next_day) = (plan.nth(2).await, plan.day(6).await);
    let left = [("repeat", "daily"), ("repeat_every", "2"), ("repeat_end", "count"), ("repeat_count", "3")];
    let moved = plan.save(&third, &[&[("on", next_day.as_str()), ("scope", "all")], &left[..]].concat()).await;
    assert_eq!(moved.status(), 303, "{}", moved.body);
    assert_eq!(app.value(OPEN).await, "1 Stand-up, 3 Sit-down, 6 Walk, 8 Walk, 10 Walk");
    // By other days, with another end; not for one alone.
    let weekly = [("repeat", "weekly"), ("repeat_end", "count"), ("repeat_count", "2")];
    let asked = plan.save(&third, &weekly).await;
    assert!(asked.status() == 200 && !asked.contains("Only this one"), "{}", asked.body);
    assert_eq!(plan.save(&third, &[&[("scope", "this")], &weekly[..]].concat()).await.status(), 422);
    assert_eq!(plan.save(&third, &[&[("scope", "all")], &weekly[..]].concat()).await.status(), 303);
    assert_eq!(app.value(OPEN).await, "1 Stand-up, 3 Sit-down, 6 Walk, 13 Walk");

    // Taken out of its series, it is single; ended with it, later ones go.
    assert_eq!(plan.save(&plan.nth(0).await, &[("repeat", "none"), ("scope", "this")]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE series_id IS NULL").await, "1");
    assert_eq!(plan.save(&third, &[("repeat", "none"), ("scope", "later")]).await.status(), 303);
    assert_eq!(app.value(OPEN).await, "1 Stand-up, 3 Sit-down, 6 Walk");
    // Somebody else's version is stale here too.
    let stale = plan.client.post(&format!("/activities/{second}"), &[("version", "0"), ("type_id", &plan.kind)]).await;
    assert_eq!(stale.status(), 409);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_and_brought_back() {
    let app = TestApp::start().await;
    let org = app.org("gone").await;
    let plan = Planner::new(&app, &org).await;
    let day = plan.day(0).await;
    plan.plan("Round", &[("on", &day), ("repeat", "daily"), ("repeat_end", "count"), ("repeat_count", "4")]).await;
    let delete = async |id: &str, scope: &str| {
        plan.client.post(&format!("/activities/{id}/deletion"), &[("scope", scope)]).await
    };
    let second = plan.nth(1).await;
    let asked = post_from(&plan.client, "/activities?when=today", &format!("/activities/{second}/deletion"), &[]).await;
    assert!(
        asked.status() == 200
            && asked.contains("Delete which ones?")
            && asked.contains("value=\"/activities?when=today\""),
        "{}",
        asked.body
    );
    assert_eq!(delete(&second, "this").await.status(), 303);
    assert_eq!(app.value(OPEN).await, "0 Round, 2 Round, 3 Round");
    // The nightly round does not bring it back.
    app.sql("UPDATE activity_series SET made_until = (now() AT TIME ZONE 'Europe/Amsterdam')::date - 1").await;
    let by = org.id;
    app.db.org(&by, extend_all).await.unwrap();
    assert_eq!(app.value(OPEN).await, "0 Round, 2 Round, 3 Round");
    assert_eq!(plan.client.post(&format!("/activities/{second}/deletion/undo"), &[]).await.status(), 303);
    assert_eq!(app.value(OPEN).await, "0 Round, 1 Round, 2 Round, 3 Round");

    let undo_of = async |page: Page| {
        assert_eq!(page.status(), 303, "{}", page.body);
        let next = plan.client.get("/activities").await;
        let at = next.body.find("/undo?").unwrap_or_else(|| panic!("{}", next.body));
        let start = next.body[..at].rfind('"').unwrap() + 1;
        next.body[start..].split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&")
    };
    plan.client.post(&format!("/activities/{}/completion", plan.nth(2).await), &[]).await;
    plan.client.get("/activities").await;
    let undo = undo_of(delete(&second, "later").await).await;
    assert_eq!(app.value(OPEN).await, "0 Round", "what is done stays, and is no more open");
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE status = 'done' AND deleted_at IS NULL").await, "1");
    assert!(undo.contains("series=1") && undo.contains("count=4"), "{undo}");
    assert_eq!(plan.client.post(&undo, &[]).await.status(), 303);
    assert_eq!(app.value(OPEN).await, "0 Round, 1 Round, 3 Round");
    plan.client.get("/activities").await;
    let undo = undo_of(delete(&second, "all").await).await;
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE deleted_at IS NULL").await, "1");
    assert_eq!(plan.client.post(&undo, &[]).await.status(), 303);
    assert_eq!(app.value(OPEN).await, "0 Round, 1 Round, 3 Round");
    // Put off, one is its own; taken back, it follows again.
    plan.client.get("/activities").await;
    let off = plan.client.post(&format!("/activities/{second}/snooze"), &[("until", &plan.day(30).await)]).await;
    let undo = undo_of(off).await;
    assert_eq!(app.value(&format!("SELECT occurrence FROM activities WHERE id = '{second}'")).await, "own");
    assert_eq!(plan.client.post(&undo, &[]).await.status(), 303);
    assert_eq!(app.value(&format!("SELECT occurrence FROM activities WHERE id = '{second}'")).await, "later");
    let viewer = enter(&app, &org, "viewer").await;
    assert_eq!(viewer.post(&format!("/activities/{second}/deletion"), &[("scope", "all")]).await.status(), 403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_that_never_ends_is_made_a_year_ahead_every_night() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("endless").await, app.org("elsewhere").await);
    let plan = Planner::new(&app, &org).await;
    let day = plan.day(0).await;
    plan.plan("Daily", &[("on", &day), ("time", "02:30"), ("repeat", "daily")]).await;
    plan.plan("Leap", &[("on", &day), ("repeat", "custom"), ("repeat_rule", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")])
        .await;
    let counts = "SELECT count(*) FILTER (WHERE subject = 'Daily') || ' ' || count(*) FILTER (WHERE subject = 'Leap') FROM activities WHERE deleted_at IS NULL";
    assert_eq!(app.value(counts).await, "367 1", "a year, and the next one however far it is");
    // As after weeks without a worker: the round makes what is missing, with the latest words, and only once.
    let latest =
        app.value("SELECT id FROM activities WHERE subject = 'Daily' ORDER BY occurs_on DESC OFFSET 100 LIMIT 1").await;
    assert_eq!(plan.save(&latest, &[("subject", "Daily, renamed"), ("scope", "later")]).await.status(), 303);
    app.sql(
        "DELETE FROM activities WHERE subject = 'Daily, renamed' AND occurs_on > (now() AT TIME ZONE 'Europe/Amsterdam')::date + 300;
        UPDATE activity_series SET made_until = (now() AT TIME ZONE 'Europe/Amsterdam')::date + 300 WHERE rule = 'FREQ=DAILY'",
    )
    .await;
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE subject LIKE 'Daily%'").await, "301");
    app.db.org(&other.id, extend_all).await.unwrap();
    assert_eq!(
        app.value("SELECT count(*) FROM activities WHERE subject LIKE 'Daily%'").await,
        "301",
        "each organisation its own"
    );
    let (first, second) = tokio::join!(app.db.org(&org.id, extend_all), app.db.org(&org.id, extend_all));
    first.unwrap();
    second.unwrap();
    assert_eq!(
        app.value("SELECT count(*) || ' ' || count(DISTINCT occurs_on) FROM activities WHERE subject LIKE 'Daily%'")
            .await,
        "367 367"
    );
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE subject = 'Daily, renamed'").await, "101");
    // At its time of day all year; where the clocks skip it, an hour later.
    let odd = "SELECT string_agg(DISTINCT to_char(start_at AT TIME ZONE 'Europe/Amsterdam', 'HH24:MI'), ' ') FROM activities WHERE subject LIKE 'Daily%'";
    assert_eq!(app.value(odd).await, "02:30 03:30");
    app.stop().await;
}
