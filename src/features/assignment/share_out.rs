//! Many records at once: those an import brought, and those that are to be shared out anew. Rule by rule, in the turns that one by one would take.

use super::{
    bench::Bench,
    choice,
    model::{Rule, wanted},
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{
        operations::Tally,
        quality,
        records::{self, list::Selection},
    },
    kernel::{OperationId, RecordType},
    search,
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// What rules ask of records of that type, as `f` over the record `r`.
fn facts(record: RecordType) -> &'static str {
    match record {
        RecordType::Company => {
            "SELECT r.id, r.owner_id, r.country::text AS country, r.region, r.industry, r.employees, NULL::text AS source, NULL::text AS campaign FROM companies r"
        }
        RecordType::Deal => {
            "SELECT r.id, r.owner_id, c.country::text AS country, c.region, c.industry, c.employees, r.source, NULL::text AS campaign \
             FROM deals r LEFT JOIN companies c ON c.org_id = r.org_id AND c.id = r.company_id"
        }
        _ => {
            "SELECT r.id, r.owner_id, r.country::text AS country, r.region, NULL::text AS industry, NULL::integer AS employees, r.source, r.campaign FROM leads r"
        }
    }
}

/// Its binds are `$2` to `$8`.
const FITS: &str = "($2 IS NULL OR app.fold(f.source) = ANY ($2)) AND ($3 IS NULL OR app.fold(f.campaign) = ANY ($3)) \
    AND ($4 IS NULL OR f.country = ANY ($4)) AND ($5 IS NULL OR app.fold(f.region) = ANY ($5)) \
    AND ($6 IS NULL OR app.fold(f.industry) = ANY ($6)) AND ($7 IS NULL OR f.employees >= $7) AND ($8 IS NULL OR f.employees <= $8)";

#[derive(QueryableByName, Clone, Copy)]
struct Fitting {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    owner_id: Option<Uuid>,
}

/// Those of these records that the rule fits, by id.
fn fitting(tx: &mut OrgTx, record: RecordType, rule: &Rule, ids: &[Uuid]) -> AppResult<Vec<Fitting>> {
    type Texts = sql_types::Nullable<sql_types::Array<sql_types::Text>>;
    let terms = &rule.terms;
    let countries: Vec<String> = terms.countries.iter().flatten().cloned().collect();
    let sql =
        format!("SELECT f.id, f.owner_id FROM ({}) f WHERE f.id = ANY ($1) AND {FITS} ORDER BY f.id", facts(record));
    Ok(diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<Texts, _>(wanted(&terms.source))
        .bind::<Texts, _>(wanted(&terms.campaign))
        .bind::<Texts, _>((!countries.is_empty()).then_some(countries))
        .bind::<Texts, _>(wanted(&terms.region))
        .bind::<Texts, _>(wanted(&terms.industry))
        .bind::<sql_types::Nullable<sql_types::Integer>, _>(terms.size_from)
        .bind::<sql_types::Nullable<sql_types::Integer>, _>(terms.size_to)
        .load(tx.conn())?)
}

/// The rules for records of that type with their people, for any number of records.
pub(super) struct Sharing {
    record: RecordType,
    rules: Vec<(Rule, Option<Bench>)>,
}

/// Who is to get what.
#[derive(Default)]
pub(super) struct Shared {
    /// Record, owner, rule.
    pub given: Vec<(Uuid, Uuid, Uuid)>,
    /// With somebody of the rule that fits already.
    pub kept: usize,
    /// No rule fits, or nobody is at work.
    pub left: usize,
}

impl Sharing {
    pub fn load(tx: &mut OrgTx, record: RecordType) -> AppResult<Self> {
        let mut rules = Vec::new();
        // A rule of a web form asks what a record does not keep.
        for rule in choice::rules(tx)?.into_iter().filter(|r| r.terms.covers(record) && r.terms.form_id.is_none()) {
            let bench = Bench::of(tx, &rule, record)?;
            rules.push((rule, bench));
        }
        Ok(Self { record, rules })
    }

    /// By the first rule that fits and has somebody at work. Unless `everyone`, whoever has somebody of that rule keeps them.
    pub fn share(&mut self, tx: &mut OrgTx, ids: &[Uuid], everyone: bool) -> AppResult<Shared> {
        let mut shared = Shared::default();
        let mut open: Vec<Uuid> = ids.to_vec();
        for (rule, bench) in &mut self.rules {
            let Some(bench) = bench else { continue };
            if open.is_empty() {
                break;
            }
            let fits = fitting(tx, self.record, rule, &open)?;
            let seen: HashSet<Uuid> = fits.iter().map(|one| one.id).collect();
            open.retain(|id| !seen.contains(id));
            let keeps = |one: &Fitting| !everyone && one.owner_id.is_some_and(|owner| bench.holds(owner));
            let (kept, new): (Vec<Fitting>, Vec<Fitting>) = fits.into_iter().partition(keeps);
            shared.kept += kept.len();
            let owners = bench.take(new.len());
            shared.given.extend(new.iter().zip(owners).map(|(one, owner)| (one.id, owner, rule.id.0)));
        }
        shared.left = open.len();
        Ok(shared)
    }

    pub fn remember(&self, tx: &mut OrgTx) -> AppResult<()> {
        for (rule, bench) in &self.rules {
            if let Some(bench) = bench {
                bench.remember(tx, rule)?;
            }
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// Records of an import gone through at a time.
const PIECE: usize = 5_000;

/// Gives owners to those of these new records that have none. `from` is trusted SQL for their `id`s, each with its `place` in the order
/// of turns; `data` goes with their events. A record keeps its version: nobody changed it.
pub fn share_out(tx: &mut OrgTx, record: RecordType, from: &str, data: &Value) -> AppResult<()> {
    let mut sharing = Sharing::load(tx, record)?;
    if sharing.rules.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT r.id FROM ({from}) n JOIN {} r ON r.org_id = app.org() AND r.id = n.id WHERE r.owner_id IS NULL ORDER BY n.place",
        record.noun()
    );
    let rows: Vec<Id> = diesel::sql_query(sql).load(tx.conn())?;
    let ids: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    for piece in ids.chunks(PIECE) {
        let mut shared = sharing.share(tx, piece, true)?;
        // In the order of the file, whatever the order of ids.
        in_order(&mut shared.given, piece);
        give(tx, record, &shared.given, data)?;
    }
    sharing.remember(tx)
}

/// Of each rule, its owners in turn go to its records in that order.
fn in_order(given: &mut Vec<(Uuid, Uuid, Uuid)>, order: &[Uuid]) {
    let place: HashMap<Uuid, usize> = order.iter().enumerate().map(|(n, id)| (*id, n)).collect();
    let mut by_rule: BTreeMap<Uuid, (Vec<Uuid>, Vec<Uuid>)> = BTreeMap::new();
    for (id, owner, rule) in given.drain(..) {
        let (ids, owners) = by_rule.entry(rule).or_default();
        ids.push(id);
        owners.push(owner);
    }
    for (rule, (mut ids, owners)) in by_rule {
        ids.sort_by_key(|id| place.get(id).copied().unwrap_or(usize::MAX));
        given.extend(ids.into_iter().zip(owners).map(|(id, owner)| (id, owner, rule)));
    }
}

fn columns(given: &[(Uuid, Uuid, Uuid)]) -> [Vec<Uuid>; 3] {
    [given.iter().map(|g| g.0).collect(), given.iter().map(|g| g.1).collect(), given.iter().map(|g| g.2).collect()]
}

fn give(tx: &mut OrgTx, record: RecordType, given: &[(Uuid, Uuid, Uuid)], data: &Value) -> AppResult<()> {
    type Ids = sql_types::Array<sql_types::Uuid>;
    let key = record.key();
    let sql = format!(
        "WITH given AS (UPDATE {table} u SET owner_id = g.owner, territory_id = g.rule FROM unnest($1, $2, $3) AS g (id, owner, rule) \
             WHERE u.org_id = app.org() AND u.id = g.id RETURNING u.id, u.owner_id) \
         INSERT INTO events (kind, record_type, record_id, changes, data) \
         SELECT '{key}.assigned', '{key}', g.id, \
           jsonb_build_object('owner_id', jsonb_build_array(NULL, jsonb_build_object('id', p.id, 'name', p.name))), $4 \
         FROM given g JOIN members p ON p.org_id = app.org() AND p.id = g.owner_id",
        table = record.noun()
    );
    let [ids, owners, rules] = columns(given);
    diesel::sql_query(sql)
        .bind::<Ids, _>(ids)
        .bind::<Ids, _>(owners)
        .bind::<Ids, _>(rules)
        .bind::<sql_types::Jsonb, _>(data)
        .execute(tx.conn())?;
    Ok(())
}

const LEFT: &str = "left: no rule fits";
const KEPT: &str = "with the right people already";
const HIDDEN: &str = "closed, converted or not found";

/// A piece of an operation that shares records out anew. Returns the counts and what changed.
pub fn reassign(
    tx: &mut OrgTx,
    actor: &Actor,
    op: OperationId,
    record: RecordType,
    ids: &[Uuid],
    everyone: bool,
) -> AppResult<(Tally, Vec<Uuid>)> {
    let mut tally = Tally::default();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    // Rules before records, as every assignment takes them.
    let mut sharing = Sharing::load(tx, record)?;
    let held = sharable(tx, actor, record, ids, true)?;
    tally.skip(HIDDEN, count(ids.len() - held.len()));
    let mut shared = sharing.share(tx, &held, everyone)?;
    tally.skip(KEPT, count(shared.kept));
    tally.skip(LEFT, count(shared.left));
    let before = shared.given.len();
    let same = unchanged(tx, record, &shared.given)?;
    shared.given.retain(|(id, ..)| !same.contains(id));
    tally.skip(KEPT, count(before - shared.given.len()));
    sharing.remember(tx)?;
    let changed: Vec<Uuid> = shared.given.iter().map(|(id, ..)| *id).collect();
    if !changed.is_empty() {
        write(tx, op, record, &shared.given)?;
        quality::measure(tx, record, &changed)?;
        search::reindex(tx, record, &changed)?;
        tally.changed += count(changed.len());
    }
    Ok((tally, changed))
}

/// Those that are there and the actor's to see, of leads those that are still leads, of deals the open ones: what is closed stays with
/// whoever closed it. To be changed, they are held in the order in which every bulk write does.
fn sharable(tx: &mut OrgTx, actor: &Actor, record: RecordType, ids: &[Uuid], hold: bool) -> AppResult<Vec<Uuid>> {
    let alive = match record {
        RecordType::Lead => {
            "AND NOT EXISTS (SELECT 1 FROM lead_conversions k WHERE k.org_id = r.org_id AND k.lead_id = r.id)"
        }
        RecordType::Deal => "AND r.status = 'open'",
        _ => "",
    };
    let hold = if hold { "FOR NO KEY UPDATE OF r" } else { "" };
    let sql = format!(
        "SELECT r.id FROM {} r WHERE r.id = ANY ($1) AND r.deleted_at IS NULL AND ($2 IS NULL OR coalesce(r.owner_id = ANY ($2), false)) {alive} \
         ORDER BY r.id {hold}",
        record.noun()
    );
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners())
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

fn unchanged(tx: &mut OrgTx, record: RecordType, given: &[(Uuid, Uuid, Uuid)]) -> AppResult<HashSet<Uuid>> {
    let [ids, owners, _] = columns(given);
    let sql = format!(
        "SELECT r.id FROM {} r JOIN unnest($1, $2) AS g (id, owner) ON g.id = r.id WHERE r.owner_id = g.owner",
        record.noun()
    );
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(owners)
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

fn write(tx: &mut OrgTx, op: OperationId, record: RecordType, given: &[(Uuid, Uuid, Uuid)]) -> AppResult<()> {
    type Ids = sql_types::Array<sql_types::Uuid>;
    let key = record.key();
    let named = |id: &str| {
        format!(
            "(SELECT jsonb_build_object('id', x.id, 'name', x.name) FROM members x WHERE x.org_id = app.org() AND x.id = {id})"
        )
    };
    let sql = format!(
        "WITH t AS MATERIALIZED ( \
           SELECT r.id, r.version + 1 AS version, g.owner, g.rule, \
             jsonb_build_object('owner_id', r.owner_id, 'territory_id', r.territory_id) AS kept, \
             jsonb_build_object('owner_id', jsonb_build_array({before}, {after})) AS changes \
           FROM {table} r JOIN unnest($3, $4, $5) AS g (id, owner, rule) ON g.id = r.id WHERE r.org_id = app.org() \
         ), remembered AS ( \
           INSERT INTO operation_changes (operation_id, record_type, record_id, action, before, version_after) \
           SELECT $1, '{key}', t.id, 'updated', t.kept, t.version FROM t \
         ), noted AS ( \
           INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
           SELECT $2, '{key}.updated', '{key}', t.id, t.version, t.changes, jsonb_build_object('operation_id', $1) FROM t \
         ) \
         UPDATE {table} u SET owner_id = t.owner, territory_id = t.rule, version = t.version, updated_at = now() \
         FROM t WHERE u.org_id = app.org() AND u.id = t.id",
        before = named("r.owner_id"),
        after = named("g.owner"),
        table = record.noun(),
    );
    let [ids, owners, rules] = columns(given);
    let by = tx.by().map(Uuid::from);
    diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<Ids, _>(ids)
        .bind::<Ids, _>(owners)
        .bind::<Ids, _>(rules)
        .execute(tx.conn())?;
    Ok(())
}

/// What sharing out would come to.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// New owners with how many each gets, the most first.
    pub owners: Vec<(Uuid, usize)>,
    pub kept: usize,
    pub left: usize,
    /// There are more records than were looked at.
    pub more: bool,
}

/// Records that a preview looks at.
const LOOKED_AT: usize = 5_000;

pub fn preview(tx: &mut OrgTx, actor: &Actor, selection: &Selection, everyone: bool) -> AppResult<Preview> {
    let record = selection.record();
    records::require_edit(actor, record)?;
    let mut sharing = Sharing::load(tx, record)?;
    let (mut found, mut counts) = (Preview::default(), HashMap::<Uuid, usize>::new());
    let (mut after, mut looked) = (None, 0);
    loop {
        let ids = selection.next(tx, actor, after, 2_000)?;
        let Some(last) = ids.last() else { break };
        if looked >= LOOKED_AT {
            found.more = true;
            break;
        }
        (after, looked) = (Some(*last), looked + ids.len());
        let open = sharable(tx, actor, record, &ids, false)?;
        let shared = sharing.share(tx, &open, everyone)?;
        found.kept += shared.kept;
        found.left += shared.left;
        for (_, owner, _) in shared.given {
            *counts.entry(owner).or_default() += 1;
        }
    }
    found.owners = counts.into_iter().collect();
    found.owners.sort_by_key(|(id, n)| (std::cmp::Reverse(*n), *id));
    Ok(found)
}
