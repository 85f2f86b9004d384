//! Home: the day of whoever may see what, the worthiest first, and numbers that open what they count.

use crate::support::{Client, Org, Page, TestApp};

/// Plans something of a type for someone; its id.
async fn plan(app: &TestApp, org: &Org, by: &Client, kind: &str, subject: &str, more: &[(&str, &str)]) -> String {
    let kind = format!("SELECT id FROM activity_types WHERE org_id = '{}' AND key = '{kind}'", org.id);
    let mut form = vec![("subject", subject.to_owned()), ("type_id", app.value(&kind).await)];
    form.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let made = by.post("/activities", &form).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    app.value(&format!("SELECT id FROM activities WHERE subject = '{subject}' ORDER BY created_at DESC LIMIT 1")).await
}

async fn deal(app: &TestApp, org: &Org, by: &Client, name: &str, owner: &str, amount: &str) -> String {
    let stage =
        app.value(&format!("SELECT id FROM stages WHERE org_id = '{}' ORDER BY position LIMIT 1", org.id)).await;
    let said = [("name", name), ("stage_id", &stage), ("amount", amount), ("currency", "EUR"), ("owner_id", owner)];
    let made = by.post("/deals/new", &said).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    app.value(&format!("SELECT id FROM deals WHERE name = '{name}'")).await
}

async fn day(app: &TestApp, days: i32) -> String {
    app.value(&format!("SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::date + {days}")).await
}

/// Links whose address begins so: address and what they are titled.
fn links(page: &Page, start: &str) -> Vec<(String, String)> {
    let of = |part: &str| {
        let (href, rest) = part.split_once('"')?;
        let title = rest.split_once("title=\"").map(|(_, title)| title.split('"').next().unwrap_or_default());
        let text = rest.split_once('>').and_then(|(_, text)| text.split('<').next()).unwrap_or_default();
        let tag = rest.split('>').next().unwrap_or_default();
        Some((href.replace("&#38;", "&"), title.filter(|_| tag.contains("title=")).unwrap_or(text).to_owned()))
    };
    page.body.split("href=\"").skip(1).filter(|part| part.starts_with(start)).filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_day_is_there_without_deals_and_says_no_more_than_the_reader_may_see() {
    let app = TestApp::start().await;
    let org = app.org("days").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let (own, boss, today) = (org.rep.to_string(), org.admin.to_string(), day(&app, 0).await);
    // A new organisation begins with what to do; what is due is not hidden by it.
    let home = rep.get("/").await;
    assert!(home.contains("Your pipeline starts here") && !home.contains("id=\"due\""), "{}", home.body);
    plan(&app, &org, &rep, "task", "Buy paper", &[("owner_id", &own), ("on", &today)]).await;
    let home = rep.get("/").await;
    assert!(home.contains("Your pipeline starts here") && home.contains("Buy paper"), "{}", home.body);

    // The worthiest first.
    let (small, large) =
        (deal(&app, &org, &rep, "Small", &own, "90").await, deal(&app, &org, &rep, "Large", &own, "9000").await);
    for (subject, deal) in [("Ring Small", small), ("Ring Large", large)] {
        plan(&app, &org, &rep, "call", subject, &[("owner_id", &own), ("on", &today), ("deal_id", &deal)]).await;
    }
    let home = rep.get("/").await;
    let due = home.between("id=\"due\"", "</section>").unwrap();
    let places = ["Ring Large", "Ring Small", "Buy paper"].map(|subject| due.find(subject));
    assert!(places.is_sorted() && places[0].is_some(), "{places:?} {due}");
    assert!(!home.contains("Your pipeline starts here") && home.contains("Open pipeline"));

    // Somebody else's deal: who takes part in the meeting about it sees its last note only if they see the deal.
    let theirs = deal(&app, &org, &admin, "Theirs", &boss, "1").await;
    let note = [("record_type", "deal"), ("record_id", theirs.as_str()), ("body", "<div>Their budget is secret</div>")];
    let noted = admin.post("/notes", &note).await;
    assert_eq!(noted.status(), 303, "{}", noted.body);
    let tomorrow = day(&app, 1).await;
    let meeting =
        [("owner_id", boss.as_str()), ("on", &tomorrow), ("time", "10:00"), ("deal_id", &theirs), ("with", &own)];
    plan(&app, &org, &admin, "meeting", "Kick-off", &meeting).await;
    let ahead = |home: &Page| home.between("id=\"ahead\"", "</section>").unwrap().to_owned();
    assert!(ahead(&rep.get("/").await).contains("Last note: Their budget"));
    app.sql("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").await;
    let shown = ahead(&rep.get("/").await);
    assert!(shown.contains("Kick-off") && !shown.contains("budget"), "{shown}");

    // A role without deals has a day, one without activities too has nothing.
    app.sql(
        "UPDATE roles SET visibility = 'all', permissions = array_remove(permissions, 'deals.view') WHERE key = 'rep'",
    )
    .await;
    let home = rep.get("/").await;
    assert!(
        home.contains("Buy paper") && home.contains("Kick-off") && !home.contains("Nothing to show"),
        "{}",
        home.body
    );
    assert!(!home.contains("budget") && !home.contains("Open pipeline"));
    app.sql("UPDATE roles SET permissions = array_remove(permissions, 'activities.view') WHERE key = 'rep'").await;
    assert!(rep.get("/").await.contains("Nothing to show here"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_of_the_day_are_those_of_the_lists_they_open() {
    let app = TestApp::start().await;
    let org = app.org("load").await;
    let (manager, rep) = (app.signed_in(&org, "manager").await, app.signed_in(&org, "rep").await);
    let (own, boss) = (org.rep.to_string(), org.manager.to_string());
    let (late, today, ahead) = (day(&app, -3).await, day(&app, 0).await, day(&app, 9).await);
    let given = |on: &str| [("owner_id".to_owned(), own.clone()), ("on".to_owned(), on.to_owned())];
    for (kind, subject, on) in [
        ("call", "A", &late),
        ("call", "B", &late),
        ("task", "C", &late),
        ("task", "D", &today),
        ("meeting", "E", &ahead),
    ] {
        let fields = given(on);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        plan(&app, &org, &rep, kind, subject, &fields).await;
    }
    // What they take part in is another's load.
    let theirs = [("owner_id", boss.as_str()), ("on", &late), ("with", &own)];
    plan(&app, &org, &manager, "call", "F", &theirs).await;
    // A daily one that nobody did counts once, as its list shows it.
    let daily = [
        ("owner_id", own.as_str()),
        ("on", &late),
        ("repeat", "daily"),
        ("repeat_end", "count"),
        ("repeat_count", "9"),
    ];
    plan(&app, &org, &rep, "task", "G", &daily).await;

    // Going on now, a meeting is not overdue.
    let running = plan(
        &app,
        &org,
        &rep,
        "meeting",
        "H",
        &[("owner_id", &own), ("on", &ahead), ("time", "10:00"), ("minutes", "60")],
    )
    .await;
    app.sql(&format!("UPDATE activities SET start_at = now() - interval '30 minutes' WHERE id = '{running}'")).await;
    let list = rep.get("/activities").await;
    let line = list.between(&format!("id=\"activity-{running}\""), "</li>").unwrap();
    assert!(line.contains("is-warn") && !line.contains("Overdue"), "{line}");

    let home = manager.get("/").await;
    let portions = links(&home, "/activities?who").into_iter().chain(links(&home, "/tasks?who")).collect::<Vec<_>>();
    assert_eq!(portions.len(), 2 * 7, "six numbers and a name for each of the two: {portions:?}");
    for told in [
        "2 activities overdue",
        "2 tasks overdue",
        "1 activity today",
        "1 task today",
        "4 activities open",
        "3 tasks open",
    ] {
        assert!(portions.iter().any(|(href, title)| title == told && href.contains(&own)), "{told}: {portions:?}");
    }
    for (href, title) in portions.iter().filter(|(_, title)| title.starts_with(|c: char| c.is_ascii_digit())) {
        let list = manager.get(href).await;
        let (many, _) = title.rsplit_once(' ').unwrap();
        assert!(list.contains(many), "{title} at {href}: {}", list.body);
    }
    // Everyone's and the team's lists hold them too.
    assert!(manager.get("/tasks?who=all").await.contains("3 tasks"));
    assert_eq!(manager.get("/tasks?who=team").await.status(), 200);

    // More than Home shows: where all of them are, and how many.
    for n in 0..12 {
        plan(&app, &org, &rep, "task", &format!("T{n}"), &[("owner_id", &own), ("on", &today)]).await;
    }
    let home = rep.get("/").await;
    let lists =
        links(&home, "/tasks?when").into_iter().chain(links(&home, "/activities?when=overdue")).collect::<Vec<_>>();
    for (href, told) in [
        ("/tasks?when=today", "14 tasks today"),
        ("/tasks?when=overdue", "2 tasks overdue"),
        ("/activities?when=overdue", "3 activities overdue"),
    ] {
        assert!(lists.contains(&(href.to_owned(), told.to_owned())), "{told}: {lists:?}");
        assert!(rep.get(href).await.contains(told.rsplit_once(' ').unwrap().0), "{told}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mentions_stand_on_home_as_long_as_the_reader_may_see_what_they_are_on() {
    let app = TestApp::start().await;
    let org = app.org("called").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let own = org.rep.to_string();
    let deal_id = deal(&app, &org, &rep, "Lens <order>", &own, "90").await;
    let lead = admin.post("/leads", &[("company_name", "Nameless Ltd"), ("owner_id", &own)]).await;
    let lead = lead.location.unwrap().rsplit('/').next().unwrap().to_owned();
    let comment = async |noun: &str, on: &str, body: &str| {
        let id = uuid::Uuid::now_v7().to_string();
        let said = [("on", noun), ("on_id", on), ("id", &id), ("body", body)];
        let done = admin.post("/comments", &said).await;
        assert_eq!(done.status(), 303, "{}", done.body);
    };
    assert!(!rep.get("/").await.contains("id=\"mentions\""));
    let note = "<div>Ask @rep called about <strong>the price</strong></div>";
    let said = [("record_type", "deal"), ("record_id", &deal_id), ("body", note)];
    assert_eq!(admin.post("/notes", &said).await.status(), 303);
    comment("leads", &lead, "@Rep called: is this one yours?").await;
    comment("deals", &deal_id, "@Manager called and nobody else").await;
    let home = rep.get("/").await;
    let mentions = home.between("id=\"mentions\"", "</section>").unwrap();
    let note = app.value("SELECT id FROM notes").await;
    assert!(mentions.contains(&format!("href=\"/deals/{deal_id}#note-{note}\"")), "{mentions}");
    assert!(mentions.contains("Lens &#60;order&#62;") && mentions.contains("Admin called: Ask"), "{mentions}");
    assert!(mentions.contains("the price") && !mentions.contains("<strong>"), "{mentions}");
    assert!(mentions.contains("Nameless Ltd") && mentions.contains("is this one yours?"), "{mentions}");
    assert!(!mentions.contains("nobody else"), "another's: {mentions}");
    assert!(rep.get(&format!("/deals/{deal_id}")).await.contains(&format!("id=\"note-{note}\"")), "where it leads");

    // Told at the bell, too; of what is not theirs to see any more, or was taken back, nothing is said.
    let notices = "SELECT count(*) FROM notices WHERE kind = 'mention' AND member_id = ";
    assert_eq!(app.value(&format!("{notices}'{own}'")).await, "2");
    app.sql("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").await;
    assert!(rep.get("/").await.contains("id=\"mentions\""), "both are theirs");
    app.sql(&format!("UPDATE deals SET owner_id = '{}' WHERE id = '{deal_id}'", org.admin)).await;
    app.sql("UPDATE comments SET deleted_at = now() WHERE lead_id IS NOT NULL").await;
    assert!(!rep.get("/").await.contains("id=\"mentions\""));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leads_others_sees_what_slipped_and_what_is_stuck() {
    let app = TestApp::start().await;
    let org = app.org("slid").await;
    let other = app.org("else").await;
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let (own, boss) = (org.rep.to_string(), org.admin.to_string());
    let ids = [
        deal(&app, &org, &rep, "Late one", &own, "900").await,
        deal(&app, &org, &rep, "Dear late one", &own, "9000").await,
        deal(&app, &org, &rep, "Early one", &own, "90").await,
        deal(&app, &org, &admin, "Never said", &boss, "90").await,
    ];
    let say = async |n: usize, on: &str| {
        let version = app.value(&format!("SELECT version FROM deals WHERE id = '{}'", ids[n])).await;
        let said = [("version", version.as_str()), ("expected_close_on", on)];
        let saved = admin.post_partial(&format!("/deals/{}/fields/expected_close_on", ids[n]), &said).await;
        assert_eq!(saved.status(), 200, "{}", saved.body);
    };
    for (n, first, then) in
        [(0, "2031-03-01", "2031-04-15"), (1, "2031-03-01", "2031-03-20"), (2, "2031-03-01", "2031-02-01")]
    {
        say(n, first).await;
        say(n, then).await;
    }
    say(3, "2031-05-05").await;
    let home = admin.get("/").await;
    let slips = home.between("id=\"slips\"", "</section>").unwrap().to_owned();
    let at = |name: &str| slips.find(name).unwrap_or_else(|| panic!("{name}: {slips}"));
    assert!(at("Dear late one") < at(">Late one"), "the worthiest first: {slips}");
    assert!(slips.contains("1 Mar 2031 → 15 Apr 2031") && slips.contains("1 Mar 2031 → 20 Mar 2031"), "{slips}");
    assert!(slips.contains("slipped 1 time, 45 days in all"), "{slips}");
    assert!(!slips.contains("Early one") && !slips.contains("Never said"), "{slips}");
    assert!(slips.contains("Rep slid") && slips.contains(&format!("/deals?status=open&#38;next=none&#38;owner={own}")));
    assert_eq!(slips.matches("next=none").count(), 2, "of each who has some: {slips}");
    // Not for those who lead nobody, nor for strangers; taken back, it did not slip; what is over slips no more.
    assert!(!rep.get("/").await.contains("id=\"slips\""));
    assert!(!app.signed_in(&other, "admin").await.get("/").await.contains("Late one"));
    say(0, "2031-03-01").await;
    app.sql(&format!("UPDATE deals SET archived_at = now() WHERE id = '{}'", ids[1])).await;
    assert!(admin.get("/").await.contains("No closing date moved later."));
    app.stop().await;
}
