//! A filter as SQL finds what a plain reading of it finds, over random records.

use crate::support::TestApp;
use chrono::{DateTime, Days, NaiveDate, Utc};
use pipewright::{
    features::{
        fields::{Catalogue, Kind},
        records::{
            filter::{self, Filter, Op},
            list::Selection,
        },
    },
    kernel::{RecordType, calendar, text},
    web::Actor,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use rust_decimal::Decimal;
use std::{collections::BTreeMap, fmt::Write as _};
use uuid::Uuid;

const TEXTS: &[&str] = &["Ghent", "gent", "Élan", "elan 2", "100%", "a_b", "it's", "\\x", "Zeta"];
const COUNTRIES: &[&str] = &["BE", "NL", "DE"];
const CURRENCIES: &[&str] = &["EUR", "USD"];
const STATUSES: &[&str] = &["open", "won", "lost"];

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Number(Decimal),
    Money(Decimal, String),
    Date(NaiveDate),
    At(DateTime<Utc>),
    Bool(bool),
    Id(Uuid),
}

#[derive(Clone, Debug)]
struct Record {
    kind: RecordType,
    id: Uuid,
    live: bool,
    values: BTreeMap<&'static str, Value>,
}

struct World {
    records: Vec<Record>,
    deal_contacts: Vec<(Uuid, Uuid)>,
    actor: Actor,
}

impl World {
    fn related(&self, of: &Record, relation: &str) -> Vec<&Record> {
        let id = |r: &Record, key: &str| match r.values.get(key) {
            Some(Value::Id(id)) => Some(*id),
            _ => None,
        };
        let fits = |other: &&Record| match (of.kind, relation, other.kind) {
            (RecordType::Company, "deals", RecordType::Deal)
            | (RecordType::Company, "contacts", RecordType::Contact) => id(other, "company_id") == Some(of.id),
            (RecordType::Contact | RecordType::Deal, "company", RecordType::Company) => {
                id(of, "company_id") == Some(other.id)
            }
            (RecordType::Contact, "deals", RecordType::Deal) => self.deal_contacts.contains(&(other.id, of.id)),
            (RecordType::Deal, "contacts", RecordType::Contact) => self.deal_contacts.contains(&(of.id, other.id)),
            _ => false,
        };
        self.records.iter().filter(|r| r.live).filter(fits).collect()
    }

    fn holds(&self, filter: &Filter, of: &Record) -> bool {
        match filter {
            // An empty group says nothing, wherever it stands.
            Filter::All(parts) => parts.iter().filter(|p| !p.is_empty()).all(|p| self.holds(p, of)),
            Filter::Any(parts) => {
                let mut real = parts.iter().filter(|p| !p.is_empty()).peekable();
                real.peek().is_none() || real.any(|p| self.holds(p, of))
            }
            Filter::Rule { key, op, values } => self.rule(of, key, *op, values),
            Filter::Related { relation, has, filter } => {
                self.related(of, relation).iter().any(|r| self.holds(filter, r)) == *has
            }
        }
    }

    fn rule(&self, of: &Record, key: &str, op: Op, values: &[String]) -> bool {
        let value = of.values.get(key);
        match op {
            Op::Empty => value.is_none(),
            Op::NotEmpty => value.is_some(),
            Op::IsNot => !self.rule(of, key, Op::Is, values),
            Op::NoneOf => !self.rule(of, key, Op::AnyOf, values),
            Op::NotContains => !self.rule(of, key, Op::Contains, values),
            Op::AnyOf => values.iter().any(|v| self.rule(of, key, Op::Is, std::slice::from_ref(v))),
            _ => match value {
                None => *values.first().unwrap() == "false" && matches!(key, "do_not_contact"),
                Some(value) => self.compared(key, value, op, values),
            },
        }
    }

    fn compared(&self, key: &str, value: &Value, op: Op, asked: &[String]) -> bool {
        let first = asked.first().unwrap().as_str();
        let order = |mine: Decimal| {
            let side = |n: usize| asked[n].parse::<Decimal>().unwrap();
            match op {
                Op::Lt => mine < side(0),
                Op::Le => mine <= side(0),
                Op::Gt => mine > side(0),
                Op::Ge => mine >= side(0),
                Op::Between => side(0) <= mine && mine <= side(1),
                _ => mine == side(0),
            }
        };
        match value {
            Value::Text(mine) => {
                let fold = |t: &str| if key == "name" { text::fold(t) } else { t.to_lowercase() };
                let (mine, first) = match key {
                    "country" | "status" | "lifecycle" | "currency" => (mine.clone(), first.to_owned()),
                    _ => (fold(mine), fold(first)),
                };
                match op {
                    Op::Contains => mine.contains(&first),
                    Op::Begins => mine.starts_with(&first),
                    _ => mine == first,
                }
            }
            Value::Number(mine) => order(*mine),
            Value::Money(mine, currency) => asked.last() == Some(currency) && order(*mine),
            Value::Bool(mine) => first == mine.to_string(),
            Value::Id(mine) => match first {
                "me" => *mine == self.actor.id.0,
                "team" => self.actor.team().contains(mine),
                id => mine.to_string() == id,
            },
            Value::Date(mine) => self.on(*mine, op, asked),
            Value::At(mine) => self.on(mine.with_timezone(&self.actor.zone).date_naive(), op, asked),
        }
    }

    fn on(&self, day: NaiveDate, op: Op, asked: &[String]) -> bool {
        let today = self.actor.today();
        let date = |n: usize| asked[n].parse::<NaiveDate>().unwrap();
        let days = || Days::new(asked[0].parse().unwrap());
        match op {
            Op::Before => day < date(0),
            Op::After => day > date(0),
            Op::Between => date(0) <= day && day <= date(1),
            Op::Period => {
                let span = filter::period(&asked[0], today, self.actor.org.fiscal_year_start).unwrap();
                span.from <= day && day < span.to
            }
            Op::LastDays => today - days() <= day && day <= today,
            Op::NextDays => today <= day && day <= today + days(),
            Op::DaysAgo => day < today - days(),
            _ => day == date(0),
        }
    }
}

/// The fields that records of these tests have.
fn fields(kind: RecordType) -> &'static [&'static str] {
    match kind {
        RecordType::Company => {
            &["name", "industry", "employees", "annual_revenue", "country", "owner_id", "updated_at"]
        }
        RecordType::Contact => {
            &["name", "title", "lifecycle", "do_not_contact", "owner_id", "company_id", "created_at"]
        }
        _ => &[
            "name",
            "source",
            "amount",
            "currency",
            "status",
            "expected_close_on",
            "owner_id",
            "company_id",
            "created_at",
        ],
    }
}

/// Draws the choices of one run.
struct Draw<'a>(&'a mut TestRunner);

impl Draw<'_> {
    fn below(&mut self, n: usize) -> usize {
        (0..n).new_tree(self.0).unwrap().current()
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn filter(&mut self, kind: RecordType, depth: usize, ids: &[Uuid], today: NaiveDate) -> Filter {
        let group = |parts, any| if any { Filter::Any(parts) } else { Filter::All(parts) };
        match self.below(if depth < 3 { 8 } else { 5 }) {
            0..5 => self.rule(kind, ids, today),
            5 => {
                let relations = filter::relations(kind);
                let relations: Vec<_> = relations.iter().filter(|r| !matches!(r.key, "parent" | "children")).collect();
                let relation = self.of(&relations);
                let inner = self.filter(relation.target, depth + 1, ids, today);
                let (has, any) = (self.below(2) == 0, self.below(2) == 0);
                Filter::Related { relation: relation.key.to_owned(), has, filter: Box::new(group(vec![inner], any)) }
            }
            _ => {
                let parts = (0..self.below(4)).map(|_| self.filter(kind, depth + 1, ids, today)).collect();
                group(parts, self.below(2) == 0)
            }
        }
    }

    fn rule(&mut self, kind: RecordType, ids: &[Uuid], today: NaiveDate) -> Filter {
        let key = self.of(fields(kind));
        let entry = Catalogue::built_in(kind).get(key).unwrap().clone();
        let op = self.of(Op::of(&entry.kind));
        let value = |draw: &mut Self| draw.value(&entry.kind, key, op, ids, today);
        let mut values = match op {
            Op::Empty | Op::NotEmpty => vec![],
            Op::Between => {
                let (a, b) = (value(self), value(self));
                vec![a, b]
            }
            Op::AnyOf | Op::NoneOf => (0..1 + self.below(3)).map(|_| value(self)).collect(),
            _ => vec![value(self)],
        };
        if entry.kind == Kind::Money && !values.is_empty() {
            values.push(if kind == RecordType::Company { "EUR".to_owned() } else { self.of(CURRENCIES).to_owned() });
        }
        Filter::Rule { key: key.to_owned(), op, values }
    }

    fn value(&mut self, kind: &Kind, key: &str, op: Op, ids: &[Uuid], today: NaiveDate) -> String {
        match (kind, op) {
            (_, Op::LastDays | Op::NextDays | Op::DaysAgo) => self.below(60).to_string(),
            (_, Op::Period) => self.of(filter::PERIODS).0.to_owned(),
            (Kind::Date | Kind::DateTime, _) => (today - Days::new(40) + Days::new(self.below(80) as u64)).to_string(),
            (Kind::Integer | Kind::Money, _) => (self.below(6) * 10).to_string(),
            (Kind::Bool, _) => self.of(&["true", "false"]).to_owned(),
            (Kind::Member, _) => match self.below(4) {
                0 => "me".to_owned(),
                1 => "team".to_owned(),
                _ => self.of(&ids[..2]).to_string(),
            },
            (Kind::Record(_), _) => self.of(&ids[2..]).to_string(),
            (Kind::Country, _) => self.of(COUNTRIES).to_owned(),
            (Kind::Currency, _) => self.of(CURRENCIES).to_owned(),
            (Kind::Choice(choices), _) => self.of(choices).key,
            _ if key == "name" || self.below(3) > 0 => self.of(TEXTS).to_owned(),
            _ => self.of(TEXTS).chars().take(1 + self.below(2)).collect(),
        }
    }

    fn record(&mut self, kind: RecordType, people: &[Uuid], companies: &[Uuid], now: DateTime<Utc>) -> Record {
        let mut values = BTreeMap::new();
        let currency = self.of(CURRENCIES);
        for key in fields(kind) {
            let drawn = match *key {
                "name" => Value::Text(self.of(TEXTS).to_owned()),
                "lifecycle" => Value::Text(self.of(&["lead", "customer"]).to_owned()),
                "status" => Value::Text(self.of(STATUSES).to_owned()),
                "currency" => Value::Text(currency.to_owned()),
                "do_not_contact" => Value::Bool(self.below(2) == 0),
                "created_at" | "updated_at" => Value::At(now - chrono::Duration::hours(self.below(1000) as i64)),
                _ if self.below(4) == 0 => continue,
                "country" => Value::Text(self.of(COUNTRIES).to_owned()),
                "employees" => Value::Number(Decimal::from(self.below(6) * 10)),
                "annual_revenue" => Value::Money(Decimal::from(self.below(6) * 10), "EUR".to_owned()),
                "amount" => Value::Money(Decimal::from(self.below(6) * 10), currency.to_owned()),
                "owner_id" => Value::Id(self.of(people)),
                "company_id" => Value::Id(self.of(companies)),
                "expected_close_on" => Value::Date(now.date_naive() - Days::new(40) + Days::new(self.below(80) as u64)),
                _ => Value::Text(self.of(TEXTS).to_owned()),
            };
            values.insert(*key, drawn);
        }
        Record { kind, id: Uuid::now_v7(), live: self.below(8) > 0, values }
    }
}

/// As an INSERT: contacts' names are last names, deals stand in the first stage.
fn insert(org: &str, n: usize, record: &Record) -> String {
    let quoted = |t: &str| format!("'{}'", t.replace('\'', "''"));
    let (mut columns, mut values) = (vec!["org_id", "id"], vec![quoted(org), quoted(&record.id.to_string())]);
    for (key, value) in &record.values {
        columns.push(if record.kind == RecordType::Contact && *key == "name" { "last_name" } else { key });
        values.push(match value {
            Value::Text(t) => quoted(t),
            Value::Number(n) | Value::Money(n, _) => n.to_string(),
            Value::Date(d) => quoted(&d.to_string()),
            Value::At(at) => quoted(&at.to_rfc3339()),
            Value::Bool(b) => b.to_string(),
            Value::Id(id) => quoted(&id.to_string()),
        });
    }
    if !record.live {
        columns.push("archived_at");
        values.push("now()".to_owned());
    }
    if record.kind == RecordType::Deal {
        columns.extend(["number", "position", "pipeline_id", "stage_id", "closed_at"]);
        let first =
            |what: &str| format!("(SELECT {what} FROM stages WHERE org_id = '{org}' ORDER BY position LIMIT 1)");
        let closed = if record.values["status"] == Value::Text("open".into()) { "NULL" } else { "now()" };
        values.extend([n.to_string(), format!("'a{n}'"), first("pipeline_id"), first("id"), closed.to_owned()]);
    }
    format!("INSERT INTO {} ({}) VALUES ({});", record.kind.noun(), columns.join(", "), values.join(", "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_find_what_they_say() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let actor = app.actor(&org, org.admin).await;
    let mut runner = TestRunner::new(Config::default());
    let mut draw = Draw(&mut runner);
    let people = [org.admin.0, org.rep.0];
    let now = Utc::now();
    let mut records: Vec<Record> = (0..25).map(|_| draw.record(RecordType::Company, &people, &[], now)).collect();
    let companies: Vec<Uuid> = records.iter().map(|r| r.id).collect();
    for kind in [RecordType::Contact, RecordType::Deal] {
        records.extend((0..40).map(|_| draw.record(kind, &people, &companies, now)).collect::<Vec<_>>());
    }
    let mut sql: String = records.iter().enumerate().map(|(n, r)| insert(&org.id.to_string(), n + 1, r)).collect();
    let of = |kind| records.iter().filter(move |r| r.kind == kind).map(|r| r.id).collect::<Vec<_>>();
    let (deals, contacts) = (of(RecordType::Deal), of(RecordType::Contact));
    let mut deal_contacts: Vec<(Uuid, Uuid)> = (0..40).map(|_| (draw.of(&deals), draw.of(&contacts))).collect();
    deal_contacts.sort_unstable();
    deal_contacts.dedup();
    for (deal, contact) in &deal_contacts {
        write!(
            sql,
            "INSERT INTO deal_contacts (org_id, deal_id, contact_id) VALUES ('{}', '{deal}', '{contact}');",
            org.id
        )
        .unwrap();
    }
    app.sql(&sql).await;
    let world = World { records, deal_contacts, actor: actor.clone() };
    let ids: Vec<Uuid> = people.iter().chain(&companies).copied().collect();
    let mut found = 0;
    for round in 0..400 {
        let kind = draw.of(&[RecordType::Company, RecordType::Contact, RecordType::Deal]);
        let filter = Filter::All(vec![draw.filter(kind, 1, &ids, calendar::today(actor.zone))]);
        let mut expected: Vec<Uuid> = world
            .records
            .iter()
            .filter(|r| r.kind == kind && r.live && world.holds(&filter, r))
            .map(|r| r.id)
            .collect();
        expected.sort_unstable();
        // What travels in addresses reads back as itself.
        assert!(filter.is_empty() || Filter::parse(&filter.json()).unwrap() == filter);
        let query = super::query(&filter.json());
        let by = actor.clone();
        let ids = app
            .db
            .org(&actor, move |tx| Selection::matching(tx, &by, kind, &query)?.next(tx, &by, None, 1000))
            .await
            .unwrap_or_else(|e| panic!("{e} in round {round}: {}", filter.json()));
        assert_eq!(ids, expected, "{kind} in round {round}: {}", filter.json());
        found += ids.len();
    }
    assert!(found > 1000, "the filters hardly ever match: {found}");
    app.stop().await;
}
