//! The pipeline as of any past day, and what changed between two, against a plain replay of the events of random histories.

mod replay;

use crate::support::{Client, Org, Page, TestApp, plain, table};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use replay::{Filter, History, Shown, amounts};
use std::collections::BTreeMap;

/// Days of a history; the last is today.
const DAYS: u32 = 6;
const STEPS_A_DAY: usize = 11;

struct Draw(TestRunner);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        (0..most).new_tree(&mut self.0).unwrap().current()
    }

    fn of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

struct World {
    app: TestApp,
    org: Org,
    admin: Client,
    pipelines: Vec<String>,
    stages: Vec<String>,
    deals: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let org = app.org("aurelia").await;
        let admin = app.signed_in(&org, "admin").await;
        admin.post("/settings/pipelines", &[("name", "Renewals")]).await;
        let mut pipelines = Vec::new();
        let mut stages = Vec::new();
        for line in app.texts(&format!(
            "SELECT s.pipeline_id || ' ' || s.id AS value FROM stages s JOIN pipelines p ON p.id = s.pipeline_id
             WHERE s.org_id = '{}' ORDER BY p.position, s.position",
            org.id
        )) {
            let (pipeline, stage) = line.split_once(' ').unwrap();
            if pipelines.last().map(String::as_str) != Some(pipeline) {
                pipelines.push(pipeline.to_owned());
            }
            stages.push(stage.to_owned());
        }
        Self { app, org, admin, pipelines, stages, deals: Vec::new() }
    }

    fn one(&self, query: &str) -> String {
        self.app.texts(query).remove(0)
    }

    /// Something that somebody does; what the house refuses changes nothing.
    async fn step(&mut self, draw: &mut Draw) {
        let stage = draw.of(&self.stages).clone();
        let amount = *draw.of::<&str>(&["", "10", "25.50", "100", "900"]);
        let owner = draw.of(&[self.org.admin, self.org.rep]).to_string();
        let what = draw.below(26);
        if what < 4 || self.deals.is_empty() {
            let name = format!("Deal {}", self.deals.len());
            let currency = *draw.of::<&str>(&["EUR", "EUR", "EUR", "USD"]);
            let more = [("amount", amount), ("currency", currency), ("owner_id", owner.as_str())];
            let made = self.admin.add_deal(&stage, &name, &more).await;
            self.deals.push(made);
            return;
        }
        let deal = draw.of(&self.deals).clone();
        let version = self.one(&format!("SELECT version::text AS value FROM deals WHERE id = '{deal}'"));
        let at = |rest: &str| format!("/deals/{deal}/{rest}");
        let answer = match what {
            4 | 5 => {
                let currency = *draw.of::<&str>(&["EUR", "EUR", "USD"]);
                let typed = [("version", version.as_str()), ("amount", amount), ("currency", currency)];
                self.admin.post_partial(&at("fields/amount"), &typed).await
            }
            6 => {
                let typed = [("version", version.as_str()), ("owner_id", owner.as_str())];
                self.admin.post_partial(&at("fields/owner_id"), &typed).await
            }
            7 | 8 => self.admin.post_partial(&at("position"), &[("stage_id", &stage)]).await,
            9 => self.admin.post_partial(&at("pipeline"), &[("stage_id", &stage)]).await,
            10 => self.admin.post_partial(&at("closure"), &[("outcome", "won")]).await,
            11 => self.admin.post_partial(&at("closure"), &[("outcome", "lost"), ("lost_reason", "Price")]).await,
            12 => self.admin.post_partial(&at("closure/undo"), &[]).await,
            13 => {
                let end = *draw.of::<&str>(&["archival", "deletion"]);
                self.admin.post(&at(end), &[]).await
            }
            14 => self.admin.post(&at("archival/undo"), &[]).await,
            15 => self.admin.post(&at("deletion/undo"), &[]).await,
            20 | 21 => self.split(&deal, &version).await,
            22 | 23 => {
                let chance = *draw.of::<&str>(&["", "0", "30", "85"]);
                let typed = [("version", version.as_str()), ("probability", chance)];
                self.admin.post_partial(&at("fields/probability"), &typed).await
            }
            24 | 25 => self.likelier(draw, &stage).await,
            16 | 17 => self.bulk(draw, &stage, &owner).await,
            _ => {
                let last = "SELECT id::text AS value FROM operations ORDER BY created_at DESC LIMIT 1";
                let Some(last) = self.app.texts(last).pop() else { return };
                self.admin.post(&format!("/operations/{last}/undo"), &[]).await
            }
        };
        assert!(answer.status() < 500, "{what} of {deal}: {}", answer.body);
    }

    /// A stage makes deals more or less likely from now on.
    async fn likelier(&self, draw: &mut Draw, stage: &str) -> Page {
        let kept = self.one(&format!(
            "SELECT json_build_array(name, color, version)::text AS value FROM stages WHERE id = '{stage}'"
        ));
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        let (version, chance) = (kept[2].to_string(), *draw.of::<&str>(&["5", "40", "90"]));
        let (name, color) = (kept[0].as_str().unwrap(), kept[1].as_str().unwrap());
        let form = [("name", name), ("color", color), ("version", &version), ("probability", chance)];
        let saved = self.admin.post(&format!("/settings/stages/{stage}"), &form).await;
        assert_eq!(saved.status(), 303, "{}", saved.body);
        saved
    }

    /// In two: two fifths are split off.
    async fn split(&mut self, deal: &str, version: &str) -> Page {
        let part =
            |of: &str| self.one(&format!("SELECT trim_scale({of})::text AS value FROM deals WHERE id = '{deal}'"));
        let (first, second) =
            (part("coalesce(round(amount * 0.6, 2), 0)"), part("coalesce(amount - round(amount * 0.6, 2), 0)"));
        let name = format!("Part {}", self.deals.len());
        let form = [("name_1", "Whole"), ("amount_1", &first), ("name_2", &name), ("amount_2", &second)];
        let form = form.into_iter().chain([("parts", "2"), ("version", version)]).collect::<Vec<_>>();
        let answer = self.admin.post(&format!("/deals/{deal}/split"), &form).await;
        let made = format!("SELECT id::text AS value FROM deals WHERE name = '{name}'");
        self.deals.extend(self.app.texts(&made));
        answer
    }

    async fn bulk(&self, draw: &mut Draw, stage: &str, owner: &str) -> Page {
        let mut ids: Vec<&str> = (0..4).map(|_| draw.of(&self.deals).as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut form = vec![("record_type", "deal")];
        form.extend(match draw.below(5) {
            0 => vec![("action", "edit"), ("field", "stage_id"), ("value", stage)],
            1 => vec![("action", "assign"), ("value", owner)],
            2 => vec![("action", "edit"), ("field", "amount"), ("value", "77")],
            3 => vec![("action", "archive")],
            _ => vec![("action", "delete")],
        });
        form.extend(ids.iter().map(|id| ("ids", *id)));
        self.admin.post("/operations", &form).await
    }

    /// A night passes: everything that was is a day older.
    fn sleep(&self) {
        for statement in [
            "UPDATE events SET at = at - interval '1 day' WHERE record_type IN ('deal', 'stage')",
            "UPDATE deals SET created_at = created_at - interval '1 day', updated_at = updated_at - interval '1 day', \
             closed_at = closed_at - interval '1 day', stage_entered_at = stage_entered_at - interval '1 day'",
            "UPDATE deal_states SET valid_from = valid_from - interval '1 day', valid_to = valid_to - interval '1 day', \
             began_at = began_at - interval '1 day'",
            "UPDATE deal_splits SET at = at - interval '1 day'",
        ] {
            self.app.alter(statement);
        }
    }

    fn day(&self, ago: u32) -> String {
        self.one(&format!("SELECT ((now() AT TIME ZONE 'Europe/Amsterdam')::date - {ago})::text AS value"))
    }

    /// What the board's page says of a day, by stage.
    async fn board(&self, client: &Client, pipeline: &str, day: &str, more: &str) -> BTreeMap<String, Shown> {
        let page = client.get(&format!("/pipeline/{pipeline}/history?on={day}{more}")).await;
        assert!(page.status() == 200 && page.contains("probabilities are those of that day"), "{}", page.body);
        let mut columns = BTreeMap::new();
        for part in page.body.split("class=\"past-column\" aria-label=\"").skip(1) {
            let stage = part.split('"').next().unwrap().to_owned();
            let between = |from: &str| part.split(from).nth(1).unwrap().split("</span>").next().unwrap().to_owned();
            let count: i64 = between("<span class=\"num\">").parse().unwrap();
            let mut names: Vec<String> = part
                .split("class=\"past-card-name\">")
                .skip(1)
                .map(|card| plain(card.split("</p>").next().unwrap()))
                .collect();
            names.sort();
            if count > 0 {
                let sums = [between("<span class=\"money\">"), between("weighted <span class=\"money\">")];
                columns.insert(stage, (count, sums, names));
            }
        }
        columns
    }

    /// The steps of a comparison that happened: deals, worth and change; and the totals before and after.
    async fn changes(
        &self,
        client: &Client,
        pipeline: &str,
        query: &str,
    ) -> (BTreeMap<String, [String; 3]>, [String; 2]) {
        let page = client.get(&format!("/pipeline/{pipeline}/changes?{query}")).await;
        assert_eq!(page.status(), 200, "{}", page.body);
        if page.contains("class=\"blank\"") {
            let zero = if query.contains("currency=USD") { "$0.00" } else { "€0.00" };
            return (BTreeMap::new(), [zero.to_owned(), zero.to_owned()]);
        }
        let rows = table(&page, "What changed");
        let (first, last) = (rows.first().unwrap()[3].clone(), rows.last().unwrap()[3].clone());
        let steps = rows[1..rows.len() - 1].iter().filter(|row| row[1] != "0");
        (steps.map(|row| (row[0].clone(), [row[1].clone(), row[2].clone(), row[3].clone()])).collect(), [first, last])
    }

    /// Every day and every pair of days, for whoever looks, as the replay has it.
    async fn check(&self, client: &Client, reader: Option<&str>, history: &History) {
        let filters = [Filter::default(), Filter { owner: Some(self.org.rep.to_string()), ..Filter::default() }];
        for (pipeline, filter) in self.pipelines.iter().flat_map(|p| filters.iter().map(move |f| (p, f))) {
            let filter = Filter { reader: reader.map(str::to_owned), ..filter.clone() };
            let owner = filter.owner.as_ref().map(|id| format!("&owner={id}")).unwrap_or_default();
            for ago in 0..=DAYS {
                let day = self.day(ago);
                let shown = self.board(client, pipeline, &day, &owner).await;
                assert_eq!(shown, history.board(pipeline, &day, &filter), "{pipeline} {day} {filter:?}\n{history:#?}");
            }
            for (before, after) in [(DAYS, 0), (4, 0), (3, 1), (1, 0)] {
                let (from, to) = (self.day(before), self.day(after));
                for currency in ["EUR", "USD"] {
                    let query = format!("from={from}&to={to}&currency={currency}{owner}");
                    let shown = self.changes(client, pipeline, &query).await;
                    let expected = history.changes(pipeline, (&from, &to), currency, &filter);
                    assert_eq!(shown, expected, "{pipeline} {query} {filter:?}\n{history:#?}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_day_and_any_two_days_are_as_a_replay_of_the_events_has_them() {
    let mut world = World::new().await;
    let other = world.app.org("borealis").await;
    let stranger = world.app.signed_in(&other, "admin").await;
    let (their_pipeline, their_stages) = world.app.stages(&other);
    let mut draw = Draw(TestRunner::new(proptest::test_runner::Config::default()));
    for day in 0..DAYS {
        for _ in 0..STEPS_A_DAY {
            world.step(&mut draw).await;
        }
        stranger.add_deal(&their_stages[0], "Theirs", &[("amount", "5000")]).await;
        if day + 1 < DAYS {
            world.sleep();
        }
    }
    // A stage goes, with whatever stands in it; and one deal for good, wherever it stood.
    let gone = world.stages[1].clone();
    world.admin.get(&format!("/settings/stages/{gone}/removal")).await;
    let removed = world.admin.post(&format!("/settings/stages/{gone}/removal"), &[("target", &world.stages[2])]).await;
    assert_eq!(removed.status(), 303, "{}", removed.body);
    let purged = world.deals[0].clone();
    world.admin.post(&format!("/deals/{purged}/archival/undo"), &[]).await;
    world.admin.post(&format!("/deals/{purged}/deletion"), &[]).await;
    let purge =
        world.admin.post("/bin/purge", &[("record_type", "deal"), ("ids", &purged), ("confirm", "delete")]).await;
    assert!(purge.status() < 400, "{}", purge.body);
    world.app.run_jobs().await;
    assert_eq!(
        world.one(&format!("SELECT count(*)::text AS value FROM deals WHERE id = '{purged}'")),
        "0",
        "{}",
        purge.body
    );

    let history = History::read(&world.app, &world.org.id.to_string());
    assert!(history.deals() > 5, "{history:?}");
    world.check(&world.admin, None, &history).await;
    // Who sees their own deals only sees the past of those that are theirs today.
    world.app.alter(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", world.org.id));
    let rep = world.app.signed_in(&world.org, "rep").await;
    world.check(&rep, Some(&world.org.rep.to_string()), &history).await;
    // Made anew from the events alone it is the same; folded, too.
    world.app.alter(&format!("SELECT app.replay_deals('{}')", world.org.id));
    world.app.alter(&format!("SELECT app.replay_splits('{}')", world.org.id));
    world.app.alter("SELECT app.fold_totals()");
    world.check(&world.admin, None, &history).await;
    assert_eq!(crate::targets::closings_differ(&world.app), Vec::<String>::new());
    let beginnings = "SELECT row_to_json(d)::text AS value FROM (
        (SELECT state, sum(deals) FROM deal_beginnings GROUP BY 1 HAVING sum(deals) <> 0
         EXCEPT SELECT status, count(*)::numeric FROM deals WHERE archived_at IS NULL AND deleted_at IS NULL GROUP BY 1)
        UNION ALL (SELECT status, count(*)::numeric FROM deals WHERE archived_at IS NULL AND deleted_at IS NULL GROUP BY 1
         EXCEPT SELECT state, sum(deals) FROM deal_beginnings GROUP BY 1)) d";
    assert_eq!(world.app.texts(beginnings), Vec::<String>::new());

    // Other people's pipelines, days to come and nonsense.
    let (today, pipeline) = (world.day(0), world.pipelines[0].clone());
    for path in ["history".to_owned(), format!("history/{}", world.stages[0]), "changes".into()] {
        assert_eq!(stranger.get(&format!("/pipeline/{pipeline}/{path}")).await.status(), 404, "{path}");
        assert_eq!(world.admin.get(&format!("/pipeline/{their_pipeline}/{path}")).await.status(), 404, "{path}");
    }
    for query in [
        "history?on=2999-01-01".to_owned(),
        "history?on=soon".into(),
        "history?owner=me%00".into(),
        format!("history?owner={}", other.admin),
        "changes?step=nothing".into(),
        "changes?currency=XYZ1".into(),
        format!("history/{}?after=x", world.stages[0]),
    ] {
        let status = world.admin.get(&format!("/pipeline/{pipeline}/{query}")).await.status();
        assert!(status == 422 || status == 400, "{query}: {status}");
    }
    // A day that cannot be is told at its field, on the page.
    for (query, told, field) in [
        ("history?on=2199-01-01", "lies in the future", "name=\"on\" value=\"2199-01-01\""),
        ("changes?from=soon", "must be a date", "name=\"from\" value=\"\""),
        ("changes?to=2199-01-01", "lies in the future", "name=\"to\" value=\"2199-01-01\""),
    ] {
        let page = world.admin.get(&format!("/pipeline/{pipeline}/{query}")).await;
        assert!(page.status() == 422 && page.contains(told) && page.contains(field), "{query}: {}", page.body);
    }
    let (from, to) = (world.day(DAYS), today);
    let yesterday = world.day(1);
    // Two days the wrong way round are the same comparison; one day is compared with the day before.
    for (wrong, right) in [((&to, &from), (&from, &to)), ((&to, &to), (&yesterday, &to))] {
        let ask = |(from, to): (&String, &String)| format!("from={from}&to={to}&currency=EUR");
        let asked = world.changes(&world.admin, &pipeline, &ask(wrong)).await;
        assert_eq!(asked, world.changes(&world.admin, &pipeline, &ask(right)).await);
    }
    // Each step opens to its deals.
    let (steps, _) = world.changes(&world.admin, &pipeline, &format!("from={from}&to={to}&currency=EUR")).await;
    let (label, [deals, ..]) = steps.iter().next().unwrap();
    let key = replay::KEYS.iter().find(|(_, name)| name == label).unwrap().0;
    let page =
        world.admin.get(&format!("/pipeline/{pipeline}/changes?from={from}&to={to}&currency=EUR&step={key}")).await;
    let listed = page.between("id=\"deals\"", "</table>").unwrap().matches("class=\"muted small\">D-").count();
    assert_eq!(listed.to_string(), *deals, "{}", page.body);
    assert_eq!(amounts(&[("EUR".into(), "1234.5".parse().unwrap())].into()), "€1,234.50");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_without_a_past_says_so_and_what_to_do() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (admin, (pipeline, stages)) = (app.signed_in(&org, "admin").await, app.stages(&org));
    let at = |rest: &str| format!("/pipeline/{pipeline}/{rest}");
    for rest in ["history", "changes"] {
        let page = admin.get(&at(rest)).await;
        assert!(page.status() == 200 && page.contains("No past yet"), "{rest}: {}", page.body);
        for bare in ["data-chart", "past-column", ">0 open deals<"] {
            assert!(!page.contains(bare), "{rest}: {bare}");
        }
    }
    let timeline = admin.get(&at("timeline")).await;
    assert!(timeline.contains("No open deals yet") && !timeline.contains("Show everything"), "{}", timeline.body);
    admin.add_deal(&stages[0], "First", &[("amount", "10")]).await;
    let early = admin.get(&at("history?on=2020-01-01")).await;
    assert!(early.contains("Nothing stood here yet") && early.contains("Look at that day"), "{}", early.body);
    let changes = admin.get(&at("changes?from=2020-01-01&to=2020-02-01")).await;
    assert!(changes.contains("Nothing stood here yet") && !changes.contains("data-chart"), "{}", changes.body);
    let today = app.value("SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::date").await;
    let theirs = admin.get(&at(&format!("history?on={today}&owner={}", org.rep))).await;
    assert!(theirs.contains("Nothing of theirs was open"), "{}", theirs.body);
    assert!(admin.get(&at(&format!("history?on={today}"))).await.contains("past-column"));
    let timeline = admin.get(&at("timeline?owner=none")).await;
    assert!(timeline.contains("Clear filters"), "{}", timeline.body);
    app.stop().await;
}
