//! The competitors that rows of deals name, and the one that a deal was lost to. They are known by name, upper and lower case aside; new
//! ones come onto the organisation's list when the importer may keep it. What a deal has stays: a file only adds.
//!
//! `import_rivals` holds every name of the file with its id; those of new ones are made up front, so that a trial tells what the import does.

use super::{
    super::options::OnMatch,
    Plan, number,
    people::{self, DEALS},
    run_sql,
    targets::{Target, named},
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::competitors,
    kernel::CompetitorId,
};
use diesel::{prelude::*, sql_query, sql_types};

/// New competitors told by their names.
const TOLD: usize = 10;

fn has(plan: &Plan) -> bool {
    plan.slots.iter().any(|slot| matches!(slot.key, "competitors" | "lost_to"))
}

/// SQL of the names in row `s`, as `w`.
fn names(plan: &Plan) -> String {
    let (met, lost) = (plan.staged("competitors"), plan.staged("lost_to"));
    format!("jsonb_array_elements_text(coalesce({met}, '[]')::jsonb || coalesce({lost}, '[]')::jsonb) w")
}

/// Finds the competitors that rows name, or refuses rows. Precedes matching.
pub(super) fn resolve(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !has(plan) {
        return Ok(());
    }
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_rivals ON COMMIT DROP AS \
             SELECT w.key, coalesce(c.id, app.uuid7()) AS id, coalesce(c.name, w.name) AS name, c.id IS NULL AS new \
             FROM (SELECT lower(w) AS key, min(w) AS name FROM import_stage s, {} WHERE s.problem IS NULL GROUP BY 1) w \
             LEFT JOIN competitors c ON c.org_id = app.org() AND lower(c.name) = w.key",
            names(plan)
        ),
    )?;
    let new = number(tx, "SELECT count(*) AS n FROM import_rivals WHERE new")?;
    let room = number(tx, "SELECT count(*) AS n FROM competitors")? + new <= competitors::MOST;
    let why = match () {
        () if new == 0 => return Ok(()),
        () if !plan.context.may_create_competitors => "and your role does not let you add to it".to_owned(),
        () if !room => format!("and {} are the most there can be", competitors::MOST),
        () => return Ok(()),
    };
    run_sql(
        tx,
        &format!(
            "UPDATE import_stage s SET key = NULL, ref_key = NULL, \
               problem = jsonb_build_object('Competitors', 'has one that is not on your list, {why}') \
             WHERE s.problem IS NULL AND EXISTS (SELECT FROM {} JOIN import_rivals k ON k.key = lower(w) WHERE k.new)",
            names(plan)
        ),
    )
}

#[derive(QueryableByName)]
struct Rival {
    #[diesel(sql_type = sql_types::Uuid)]
    id: CompetitorId,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

/// Follows all refusals. Puts those that nobody has met onto the list; returns them in words, and their ids.
pub(super) fn make(tx: &mut OrgTx, plan: &Plan) -> AppResult<(Vec<String>, Vec<CompetitorId>)> {
    if !has(plan) {
        return Ok(Default::default());
    }
    let new: Vec<Rival> = sql_query(format!(
        "SELECT k.id, k.name FROM import_rivals k WHERE k.new \
           AND EXISTS (SELECT FROM import_stage s, {} WHERE s.problem IS NULL AND lower(w) = k.key) ORDER BY k.key",
        names(plan)
    ))
    .load(tx.conn())?;
    if !plan.trial {
        for rival in &new {
            competitors::make(tx, rival.id, &rival.name)?;
        }
    }
    let told: Vec<&str> = new.iter().take(TOLD).map(|rival| rival.name.as_str()).collect();
    let words = match new.len() {
        0 => Vec::new(),
        1 => vec![format!("the competitor {}", told.join(""))],
        n if n > TOLD => vec![format!("{n} competitors ({} …)", told.join(", "))],
        n => vec![format!("{n} competitors ({})", told.join(", "))],
    };
    Ok((words, new.iter().map(|rival| rival.id).collect()))
}

/// Whom a deal was lost to, among what the import writes.
pub(super) fn target(plan: &Plan) -> Option<Target> {
    plan.slots.iter().find(|slot| slot.key == "lost_to")?;
    let from = format!("FROM import_rivals k WHERE k.key = lower({}::jsonb->>0)", plan.staged("lost_to"));
    let (value, after) =
        (format!("(SELECT k.id {from})"), format!("(SELECT jsonb_build_object('id', k.id, 'name', k.name) {from})"));
    let target = Target::reference(plan, "lost_to", value, named("competitors", "lost_to"), after);
    // A deal that is there keeps its standing when only blanks are filled in.
    Some(if plan.on_match == OnMatch::FillBlanks { target.of_new_ones() } else { target })
}

/// Follows the insert of the deals. Tells `import_beside` of the deals that changed by it.
pub(super) fn link(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    if !has(plan) {
        return Ok(());
    }
    run_sql(
        tx,
        &format!(
            "CREATE TEMPORARY TABLE import_met ON COMMIT DROP AS \
             SELECT DISTINCT coalesce(m.id, l.new_id) AS deal_id, k.id, k.name FROM {DEALS} \
             CROSS JOIN LATERAL {} JOIN import_rivals k ON k.key = lower(w) \
             WHERE s.problem IS NULL AND {} AND NOT EXISTS (SELECT FROM deal_competitors d \
               WHERE d.org_id = app.org() AND d.deal_id = coalesce(m.id, l.new_id) AND d.competitor_id = k.id)",
            names(plan),
            people::wanted(plan)
        ),
    )?;
    if !plan.trial {
        write(tx, plan)?;
    }
    run_sql(tx, "INSERT INTO import_beside SELECT deal_id FROM import_met")
}

fn write(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    run_sql(tx, "INSERT INTO deal_competitors (deal_id, competitor_id) SELECT deal_id, id FROM import_met")?;
    let sql = "INSERT INTO events (actor_id, kind, record_type, record_id, changes, data) \
         SELECT $1, 'deal.updated', 'deal', l.deal_id, \
           jsonb_build_object('competitor', jsonb_build_array(NULL, jsonb_build_object('id', l.id, 'name', l.name))), \
           jsonb_build_object('import_id', $2) \
         FROM import_met l WHERE EXISTS (SELECT FROM import_match m WHERE m.id = l.deal_id)";
    let by = tx.by();
    sql_query(sql)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(plan.import)
        .execute(tx.conn())?;
    people::keep(tx, plan, "jsonb_build_object('met', jsonb_agg(l.id))", "import_met")
}
