//! Rules: which records go by themselves, as an administrator writes them down, looks at what they would do, and sets them to work.
//!
//! A rule is a list: its condition is a filter, so what it would take can be looked at before it takes anything. It acts in the name of
//! the administrator who set it to work, and as a bulk change of theirs: what it deletes lands in the bin and can be undone.

use super::anonymise::NAME;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        bin,
        records::{
            filter::{Filter, Op},
            list::Selection,
        },
    },
    kernel::{MemberId, OperationId, RecordType},
    schema::retention_rules::{self, dsl},
    web::{Actor, Allow, Form, permission::organisation::Administer},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// What a rule asks beside the days: key, words, of which types.
const CONDITIONS: &[(&str, &str, &[RecordType])] = &[
    ("disqualified", "disqualified", &[RecordType::Lead]),
    ("do_not_contact", "that asked not to be contacted", &[RecordType::Lead, RecordType::Contact]),
    ("lost", "lost", &[RecordType::Deal]),
    ("archived", "archived", &RecordType::ALL),
    ("any", "", &[RecordType::Lead, RecordType::Contact, RecordType::Company]),
];

/// A rule as it is kept.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = retention_rules)]
pub(super) struct Rule {
    pub id: Uuid,
    record_type: String,
    condition: String,
    pub days: i32,
    action: String,
    pub active: bool,
    pub activated_by: Option<MemberId>,
    pub ran_at: Option<DateTime<Utc>>,
    pub operation_id: Option<OperationId>,
}

/// A rule as it is asked for.
#[derive(Clone, Debug)]
pub(super) struct NewRule {
    record: RecordType,
    condition: &'static str,
    days: i32,
    action: &'static str,
}

/// What becomes of what a rule takes: key, words of a button.
pub(super) const ACTIONS: [(&str, &str); 2] = [("delete", "Delete"), ("anonymise", "Anonymise")];

impl NewRule {
    pub fn parse(form: &Form) -> AppResult<Self> {
        let chosen = choices().into_iter().find(|(key, ..)| key == form.get("what"));
        let mut p = form.parser();
        if chosen.is_none() {
            p.error("what", "is not one of the choices");
        }
        let days = p.integer("days", 1, 36_500).and_then(|n| i32::try_from(n).ok());
        if days.is_none() && form.get("days").is_empty() {
            p.error("days", "is required");
        }
        let action = p.choice("action", &ACTIONS).unwrap_or("delete");
        if action == "anonymise" && chosen.as_ref().is_some_and(|(_, record, _)| !bin::is_person(*record)) {
            p.error("what", "are no people: only contacts and leads can be anonymised");
        }
        p.finish()?;
        let (Some((_, record, condition)), Some(days)) = (chosen, days) else { return Err(AppError::NotFound) };
        Ok(Self { record, condition, days, action })
    }
}

/// What may be chosen: `lead:disqualified`.
pub(super) fn choices() -> Vec<(String, RecordType, &'static str)> {
    let of = |record: RecordType| {
        CONDITIONS
            .iter()
            .filter(move |(_, _, types)| types.contains(&record))
            .map(move |(key, ..)| (format!("{}:{key}", record.key()), record, *key))
    };
    [RecordType::Lead, RecordType::Contact, RecordType::Company, RecordType::Deal].into_iter().flat_map(of).collect()
}

/// "Leads disqualified".
pub(super) fn subject(record: RecordType, condition: &str) -> String {
    let words = CONDITIONS.iter().find(|(key, ..)| *key == condition).map_or("", |(_, words, _)| words);
    format!("{} {words}", record.plural()).trim().to_owned()
}

impl Rule {
    pub fn record(&self) -> AppResult<RecordType> {
        RecordType::parse(&self.record_type).ok_or(AppError::NotFound)
    }

    /// "Leads disqualified and not changed for 90 days".
    pub fn words(&self) -> String {
        let record = RecordType::parse(&self.record_type).unwrap_or(RecordType::Lead);
        let subject = subject(record, &self.condition);
        let joint = if self.condition == "any" { "" } else { " and" };
        let days = if self.days == 1 { "a day".to_owned() } else { format!("{} days", self.days) };
        format!("{subject}{joint} not changed for {days}")
    }

    /// "Leads disqualified and not changed for 90 days, anonymised".
    pub fn told(&self) -> String {
        format!("{}{}", self.words(), if self.anonymises() { ", anonymised" } else { "" })
    }

    pub fn anonymises(&self) -> bool {
        self.action == "anonymise"
    }

    /// What it would take now, as a list's query. What came of a converted lead lives on: the lead stays with it.
    pub fn query(&self) -> AppResult<String> {
        let mut rules = vec![Filter::rule("updated_at", Op::DaysAgo, &[&self.days.to_string()])];
        match self.condition.as_str() {
            "disqualified" => rules.push(Filter::rule("status", Op::Is, &["disqualified"])),
            "lost" => rules.push(Filter::rule("status", Op::Is, &["lost"])),
            "do_not_contact" => rules.push(Filter::rule("do_not_contact", Op::Is, &["true"])),
            _ => {}
        }
        if self.anonymises() {
            rules.push(Filter::rule("last_name", Op::IsNot, &[NAME]));
        }
        if self.record()? == RecordType::Lead {
            rules.push(Filter::rule("converted_at", Op::Empty, &[]));
        }
        let filter = serde_json::to_string(&Filter::All(rules)).map_err(anyhow::Error::from)?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("filter", &filter);
        if self.condition == "archived" {
            query.append_pair("archived", "1");
        }
        Ok(query.finish())
    }

    /// What it would take now.
    pub fn selection(&self, tx: &mut OrgTx, actor: &Actor) -> AppResult<Selection> {
        Selection::matching(tx, actor, self.record()?, &self.query()?)
    }
}

/// All rules, as they were written.
pub(super) fn all(tx: &mut OrgTx) -> AppResult<Vec<Rule>> {
    Ok(dsl::retention_rules.select(Rule::as_select()).order((dsl::created_at, dsl::id)).load(tx.conn())?)
}

pub(super) fn find(tx: &mut OrgTx, id: Uuid) -> AppResult<Rule> {
    Ok(dsl::retention_rules.filter(dsl::id.eq(id)).select(Rule::as_select()).first(tx.conn())?)
}

/// Writes a rule down. It does nothing yet.
pub(super) fn create(tx: &mut OrgTx, by: &Allow<Administer>, new: &NewRule) -> AppResult<Uuid> {
    let id = Uuid::now_v7();
    let added = diesel::insert_into(dsl::retention_rules)
        .values((
            (dsl::id.eq(id), dsl::record_type.eq(new.record.key()), dsl::condition.eq(new.condition)),
            (dsl::days.eq(new.days), dsl::action.eq(new.action), dsl::created_by.eq(by.id)),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    if added == 0 {
        return Err(AppError::field("what", "has a rule already: delete that one first"));
    }
    let rule = find(tx, id)?;
    tell(tx, "retention.created", &rule)?;
    Ok(id)
}

/// From now on it acts daily, in the name of whoever says so.
pub(super) fn activate(tx: &mut OrgTx, by: &Allow<Administer>, id: Uuid, active: bool) -> AppResult<Rule> {
    let changed = diesel::update(dsl::retention_rules.filter(dsl::id.eq(id)))
        .set((
            dsl::active.eq(active),
            dsl::activated_by.eq(Some(by.id)),
            dsl::activated_at.eq(diesel::dsl::now),
            dsl::version.eq(dsl::version + 1),
        ))
        .execute(tx.conn())?;
    if changed == 0 {
        return Err(AppError::NotFound);
    }
    let rule = find(tx, id)?;
    tell(tx, if active { "retention.activated" } else { "retention.paused" }, &rule)?;
    Ok(rule)
}

pub(super) fn delete(tx: &mut OrgTx, _: &Allow<Administer>, id: Uuid) -> AppResult<()> {
    let rule = find(tx, id)?;
    diesel::delete(dsl::retention_rules.filter(dsl::id.eq(id))).execute(tx.conn())?;
    tell(tx, "retention.deleted", &rule)
}

fn tell(tx: &mut OrgTx, kind: &'static str, rule: &Rule) -> AppResult<()> {
    events::record_quietly(tx, Event::of(kind, "retention", rule.id).data(json!({ "title": rule.told() })))
}

/// How long things are kept that no rule speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Keeping {
    pub bin_days: i16,
    /// `None`: for ever.
    pub import_days: Option<i16>,
}

impl Keeping {
    pub fn parse(form: &Form) -> AppResult<Self> {
        let mut p = form.parser();
        let bin_days = p.integer("bin_days", 1, 30).and_then(|n| i16::try_from(n).ok());
        if form.get("bin_days").is_empty() {
            p.error("bin_days", "is required");
        }
        let import_days = p.integer("import_days", 1, 3_650).and_then(|n| i16::try_from(n).ok());
        p.finish()?;
        Ok(Self { bin_days: bin_days.unwrap_or(30), import_days })
    }
}

pub(super) fn keeping(tx: &mut OrgTx) -> AppResult<Keeping> {
    use crate::schema::retention_settings::dsl;
    let kept: Option<(i16, Option<i16>)> =
        dsl::retention_settings.select((dsl::bin_days, dsl::import_days)).first(tx.conn()).optional()?;
    Ok(kept.map_or(Keeping { bin_days: 30, import_days: None }, |(bin_days, import_days)| Keeping {
        bin_days,
        import_days,
    }))
}

pub(super) fn keep(tx: &mut OrgTx, _: &Allow<Administer>, new: Keeping) -> AppResult<()> {
    use crate::schema::retention_settings::dsl;
    let before = keeping(tx)?;
    let values = (dsl::bin_days.eq(new.bin_days), dsl::import_days.eq(new.import_days));
    diesel::insert_into(dsl::retention_settings)
        .values(values)
        .on_conflict(dsl::org_id)
        .do_update()
        .set((values, dsl::version.eq(dsl::version + 1)))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("bin_days", &before.bin_days, &new.bin_days).track(
        "import_days",
        &before.import_days,
        &new.import_days,
    );
    if changes.is_empty() {
        return Ok(());
    }
    let org = tx.org_id();
    events::record_quietly(tx, Event::of("retention.updated", "retention", org).changes(changes))
}

/// Switches a rule off whose administrator left or administers nothing any more: nobody answers for it.
pub(super) fn abandon(tx: &mut OrgTx, id: Uuid) -> AppResult<()> {
    diesel::update(dsl::retention_rules.filter(dsl::id.eq(id))).set(dsl::active.eq(false)).execute(tx.conn())?;
    let rule = find(tx, id)?;
    tell(tx, "retention.paused", &rule)
}

/// It acted now; `operation`: what it began, when there was anything to do.
pub(super) fn acted(tx: &mut OrgTx, id: Uuid, operation: Option<OperationId>) -> AppResult<()> {
    let rule = dsl::retention_rules.filter(dsl::id.eq(id));
    diesel::update(rule).set(dsl::ran_at.eq(diesel::dsl::now)).execute(tx.conn())?;
    if operation.is_some() {
        diesel::update(rule).set(dsl::operation_id.eq(operation)).execute(tx.conn())?;
    }
    Ok(())
}
