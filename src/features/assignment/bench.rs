//! Who of a rule's people is next: everybody in turn, or whoever has least to do for what they take on. The same for one record and for many.

use super::model::Rule;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{RecordType, TeamId},
    schema::assignment_rules,
};
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

#[derive(QueryableByName, Clone, Copy, Debug)]
struct AtWork {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Integer)]
    capacity: i32,
}

/// Active, not away today where the organisation is, and taking anything on.
const AT_WORK: &str = "
SELECT m.id, coalesce(p.capacity, 100) AS capacity FROM members m LEFT JOIN assignment_people p ON p.org_id = m.org_id AND p.member_id = m.id
WHERE m.org_id = app.org() AND m.deactivated_at IS NULL AND coalesce(p.capacity, 100) > 0
  AND (m.id = $1 OR m.id IN (SELECT t.member_id FROM team_members t WHERE t.team_id = $2))
  AND ($1 IS NOT NULL OR NOT coalesce((now() AT TIME ZONE (SELECT o.time_zone FROM organisations o WHERE o.id = app.org()))::date
    BETWEEN coalesce(p.away_from, p.away_until) AND coalesce(p.away_until, 'infinity'), false))
ORDER BY m.id";

fn at_work(tx: &mut OrgTx, member: Option<Uuid>, team: Option<Uuid>) -> AppResult<Vec<AtWork>> {
    Ok(diesel::sql_query(AT_WORK)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(member)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(team)
        .load(tx.conn())?)
}

/// The team's members at work, in the order of turns.
pub(super) fn of_team(tx: &mut OrgTx, team: TeamId) -> AppResult<Vec<Uuid>> {
    Ok(at_work(tx, None, Some(team.0))?.into_iter().map(|one| one.id).collect())
}

/// The people of a rule who are at work. A team's rule is held until the transaction ends, so that those who come at once take turns.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    people: Vec<AtWork>,
    next: usize,
    /// What each has, when that decides.
    loads: Option<HashMap<Uuid, i64>>,
    in_turn: bool,
    moved: bool,
}

#[derive(QueryableByName)]
struct Has {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

impl Bench {
    /// `None`: nobody is at work.
    pub fn of(tx: &mut OrgTx, rule: &Rule, record: RecordType) -> AppResult<Option<Self>> {
        let team = rule.terms.team_id;
        let mut last = None;
        if team.is_some() {
            let row = assignment_rules::table.filter(assignment_rules::id.eq(rule.id));
            let held = row.select(assignment_rules::last_member_id).for_no_key_update();
            // Deleted while we waited for it: it gives nobody anything.
            let Some(kept) = held.first::<Option<Uuid>>(tx.conn()).optional()? else { return Ok(None) };
            last = kept;
        }
        let people = at_work(tx, rule.terms.member_id.map(Uuid::from), team.map(Uuid::from))?;
        if people.is_empty() {
            return Ok(None);
        }
        let next = people.iter().position(|one| last.is_none_or(|last| one.id > last)).unwrap_or(0);
        let by_load = team.is_some() && rule.terms.share == "load";
        let loads = if by_load { Some(loads(tx, record, &people)?) } else { None };
        Ok(Some(Self { people, next, loads, in_turn: team.is_some() && !by_load, moved: false }))
    }

    pub fn holds(&self, member: Uuid) -> bool {
        self.people.iter().any(|one| one.id == member)
    }

    /// Who gets the next so many, one after the other.
    pub fn take(&mut self, count: usize) -> Vec<Uuid> {
        (0..count).map(|_| self.take_one()).collect()
    }

    fn take_one(&mut self) -> Uuid {
        self.moved = true;
        let Some(loads) = &mut self.loads else {
            let one = self.people[self.next % self.people.len()].id;
            self.next = (self.next + 1) % self.people.len();
            return one;
        };
        // One more for each: whose share of what they take on is smallest then. Compared without dividing.
        let with = |one: &AtWork| i128::from(loads.get(&one.id).copied().unwrap_or(0) + 1);
        let least = self.people.iter().min_by(|a, b| {
            (with(a) * i128::from(b.capacity)).cmp(&(with(b) * i128::from(a.capacity))).then(a.id.cmp(&b.id))
        });
        let one = least.map_or(Uuid::nil(), |one| one.id);
        *loads.entry(one).or_default() += 1;
        one
    }

    /// Whose turn it was is remembered for whoever comes next.
    pub fn remember(&self, tx: &mut OrgTx, rule: &Rule) -> AppResult<()> {
        if !self.in_turn || !self.moved {
            return Ok(());
        }
        let last = self.people[(self.next + self.people.len() - 1) % self.people.len()].id;
        diesel::update(assignment_rules::table.filter(assignment_rules::id.eq(rule.id)))
            .set(assignment_rules::last_member_id.eq(Some(last)))
            .execute(tx.conn())?;
        Ok(())
    }
}

/// Open deals, or leads or companies, of each: from the counts that are kept.
fn loads(tx: &mut OrgTx, record: RecordType, people: &[AtWork]) -> AppResult<HashMap<Uuid, i64>> {
    let sql = match record {
        RecordType::Deal => {
            "SELECT owner_id AS id, sum(deals)::bigint AS n FROM deal_totals WHERE owner_id = ANY ($1) AND $2 <> '' GROUP BY 1"
        }
        _ => {
            "SELECT owner_id AS id, sum(records)::bigint AS n FROM record_totals WHERE owner_id = ANY ($1) AND record_type = $2 GROUP BY 1"
        }
    };
    let ids: Vec<Uuid> = people.iter().map(|one| one.id).collect();
    let rows: Vec<Has> = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Text, _>(record.key())
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.id, row.n)).collect())
}
