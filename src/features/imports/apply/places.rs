//! Where deals stand: the pipelines and stages a file names, found or made. Stage names of which no pipeline has
//! most become a pipeline of their own, named after the file or as the importer said, so that a history from elsewhere never reshapes the
//! team's board; one new word among known ones does not send the file away from it.

use super::{super::rows::PlaceName, Plan, run_sql};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Event},
    features::pipeline::category_of,
    kernel::{CompetitorId, PipelineId, ProductId, StageId, rank, text},
    schema::{pipelines, stages},
};
use diesel::{prelude::*, sql_query, sql_types};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use uuid::Uuid;

/// Words of early to late stages, as most sales processes have them: the order of columns made here.
const USUAL: &[&str] = &[
    "prospect",
    "lead",
    "new",
    "inbound",
    "outreach",
    "qualif",
    "appointment",
    "contact",
    "engag",
    "discover",
    "meeting",
    "demo",
    "needs",
    "evaluat",
    "value",
    "decision",
    "percept",
    "proposal",
    "quote",
    "negotiat",
    "contract",
    "commit",
    "clos",
];
const COLOURS: [&str; 8] = ["cyan", "teal", "blue", "indigo", "violet", "pink", "orange", "lime"];

struct Pipeline {
    id: PipelineId,
    name: String,
    stages: Vec<(StageId, String)>,
}

impl Pipeline {
    fn stage(&self, name: &str) -> Option<&(StageId, String)> {
        self.stages.iter().find(|(_, n)| text::fold(n) == text::fold(name))
    }
}

/// What had to be made beside the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    pub words: Vec<String>,
    pub pipelines: Vec<PipelineId>,
    pub stages: Vec<StageId>,
    pub products: Vec<ProductId>,
    pub competitors: Vec<CompetitorId>,
    /// Products that rows name and the catalogue does not have, in words: their deals have no line.
    pub lacking: String,
}

/// Pipelines and stages laid out for the rows, some of which may be refused yet.
#[derive(Default)]
pub(super) struct Laid(Vec<LaidOut>);

/// One of them.
struct LaidOut {
    what: &'static str,
    /// The event of its making.
    told: &'static str,
    id: Uuid,
    name: String,
    words: String,
}

impl LaidOut {
    fn pipeline(id: PipelineId, name: &str) -> Self {
        let (name, words) = (name.to_owned(), format!("pipeline {name}"));
        Self { what: "pipeline", told: "pipeline.created", id: id.0, name, words }
    }

    fn stage(id: StageId, name: &str, pipeline: &str) -> Self {
        let (name, words) = (name.to_owned(), format!("stage {name} in {pipeline}"));
        Self { what: "stage", told: "stage.created", id: id.0, name, words }
    }
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = sql_types::Text)]
    place: String,
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = sql_types::Uuid)]
    pipeline_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    stage_id: Uuid,
}

/// Fills `import_places` (place, pipeline_id, stage_id, stage_name, named) for the rows that are well so far. A trial lays places out in
/// memory alone. Before the import ends, [`settle`] must be told.
pub(super) fn resolve(tx: &mut OrgTx, plan: &Plan, places: &[(String, PlaceName)]) -> AppResult<Laid> {
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_places (place text COLLATE \"C\" NOT NULL, pipeline_id uuid NOT NULL, stage_id uuid NOT NULL, \
         stage_name text NOT NULL, named boolean NOT NULL) ON COMMIT DROP",
    )?;
    let mut by_pipeline: BTreeMap<String, Vec<&(String, PlaceName)>> = BTreeMap::new();
    let named =
        format!("SELECT DISTINCT {} AS place FROM import_stage s WHERE s.problem IS NULL", plan.staged("place"));
    let named: BTreeSet<String> = sql_query(format!("SELECT place FROM ({named}) n WHERE place IS NOT NULL"))
        .load::<Named>(tx.conn())?
        .into_iter()
        .map(|n| n.place)
        .collect();
    for place in places.iter().filter(|place| named.contains(&place.0)) {
        by_pipeline.entry(text::fold(&place.1.pipeline)).or_default().push(place);
    }
    let mut known = load(tx)?;
    let mut laid = Laid::default();
    for group in by_pipeline.values() {
        let at = choose(tx, plan, &mut known, group, &mut laid)?;
        let Some(pipeline) = at.and_then(|at| known.get_mut(at)) else {
            refuse(tx, plan, group, "is not a pipeline here, and your role does not let you add one")?;
            continue;
        };
        if plan.context.may_create_stages {
            add_stages(tx, plan, pipeline, group, &mut laid)?;
        }
        for place in group {
            keep(tx, plan, pipeline, place)?;
        }
    }
    Ok(laid)
}

/// Follows all refusals: of what was laid out, what no row needs any more goes without a trace, and the rest is told.
pub(super) fn settle(tx: &mut OrgTx, plan: &Plan, laid: Laid) -> AppResult<Made> {
    let mut made = Made::default();
    if laid.0.is_empty() {
        return Ok(made);
    }
    let sql = format!(
        "SELECT DISTINCT p.pipeline_id, p.stage_id FROM import_places p JOIN import_stage s ON {} = p.place WHERE s.problem IS NULL \
           AND NOT EXISTS (SELECT FROM import_followers f WHERE f.line = s.line)",
        plan.staged("place")
    );
    let taken: Vec<Taken> = sql_query(sql).load(tx.conn())?;
    let taken: BTreeSet<Uuid> = taken.into_iter().flat_map(|t| [t.pipeline_id, t.stage_id]).collect();
    let (named, idle): (Vec<LaidOut>, Vec<LaidOut>) = laid.0.into_iter().partition(|place| taken.contains(&place.id));
    for place in named {
        if !plan.trial {
            let mut event = Event::of(place.told, place.what, place.id);
            event.changes.set("name", &place.name);
            tell(tx, plan, event)?;
        }
        made.words.push(place.words);
        match place.what {
            "stage" => made.stages.push(place.id.into()),
            _ => made.pipelines.push(place.id.into()),
        }
    }
    if !plan.trial {
        let idle: Vec<Uuid> = idle.into_iter().map(|place| place.id).collect();
        diesel::delete(stages::table.filter(stages::id.eq_any(&idle))).execute(tx.conn())?;
        diesel::delete(pipelines::table.filter(pipelines::id.eq_any(&idle))).execute(tx.conn())?;
    }
    Ok(made)
}

fn tell(tx: &mut OrgTx, plan: &Plan, mut event: Event) -> AppResult<()> {
    event.data = serde_json::json!({ "import_id": plan.import });
    events::record_quietly(tx, event)
}

fn load(tx: &mut OrgTx) -> AppResult<Vec<Pipeline>> {
    let rows: Vec<(PipelineId, String)> = pipelines::table
        .select((pipelines::id, pipelines::name))
        .order((pipelines::position, pipelines::id))
        .load(tx.conn())?;
    let all: Vec<(PipelineId, StageId, String)> = stages::table
        .select((stages::pipeline_id, stages::id, stages::name))
        .order((stages::position, stages::id))
        .load(tx.conn())?;
    let stages_of = |id| all.iter().filter(|s| s.0 == id).map(|s| (s.1, s.2.clone())).collect();
    Ok(rows.into_iter().map(|(id, name)| Pipeline { id, name, stages: stages_of(id) }).collect())
}

/// The pipeline of these places, made when it has to be; `None` when it would have to be and may not.
fn choose(
    tx: &mut OrgTx,
    plan: &Plan,
    known: &mut Vec<Pipeline>,
    group: &[&(String, PlaceName)],
    laid: &mut Laid,
) -> AppResult<Option<usize>> {
    let told = group.first().map(|p| p.1.pipeline.as_str()).filter(|name| !name.is_empty()).or(plan.pipeline);
    let name = match told {
        Some(name) => name,
        None => match at_home(known, group) {
            Some(at) => return Ok(Some(at)),
            None => plan.title,
        },
    };
    if let Some(at) = known.iter().position(|p| text::fold(&p.name) == text::fold(name)) {
        return Ok(Some(at));
    }
    if !plan.context.may_create_stages {
        return Ok(None);
    }
    let (id, position) = (PipelineId::new(), i32::try_from(known.len()).unwrap_or(i32::MAX));
    if !plan.trial {
        diesel::insert_into(pipelines::table)
            .values((pipelines::id.eq(id), pipelines::name.eq(name), pipelines::position.eq(position)))
            .execute(tx.conn())?;
    }
    laid.0.push(LaidOut::pipeline(id, name));
    known.push(Pipeline { id, name: name.to_owned(), stages: Vec::new() });
    Ok(Some(known.len() - 1))
}

/// The pipeline that has the most of these stages, the first of equals, if it has more than half of them.
fn at_home(known: &[Pipeline], group: &[&(String, PlaceName)]) -> Option<usize> {
    let named: BTreeSet<String> =
        group.iter().map(|place| text::fold(&place.1.stage)).filter(|stage| !stage.is_empty()).collect();
    let has = |p: &Pipeline| named.iter().filter(|stage| p.stage(stage).is_some()).count();
    let (at, has) = known.iter().map(has).enumerate().max_by_key(|(at, has)| (*has, Reverse(*at)))?;
    (has * 2 > named.len() || named.is_empty()).then_some(at)
}

/// Adds the stages that the pipeline lacks after those it has, in the order in which deals usually pass them.
fn add_stages(
    tx: &mut OrgTx,
    plan: &Plan,
    pipeline: &mut Pipeline,
    group: &[&(String, PlaceName)],
    laid: &mut Laid,
) -> AppResult<()> {
    let mut missing: Vec<&str> = Vec::new();
    for (_, place) in group {
        let new = !place.stage.is_empty() && pipeline.stage(&place.stage).is_none();
        if new && !missing.iter().any(|m| text::fold(m) == text::fold(&place.stage)) {
            missing.push(&place.stage);
        }
    }
    if pipeline.stages.is_empty() && missing.is_empty() {
        missing.push("Imported");
    }
    missing.sort_by_key(|name| USUAL.iter().position(|word| text::fold(name).contains(word)).unwrap_or(USUAL.len()));
    let (before, count) = (pipeline.stages.len(), missing.len());
    for (n, name) in missing.into_iter().enumerate() {
        let id = StageId::new();
        let probability = i16::try_from((n + 1) * 100 / (count + 1)).unwrap_or(50);
        if !plan.trial {
            add_stage(tx, pipeline.id, (id, name), before + n, probability)?;
        }
        laid.0.push(LaidOut::stage(id, name, &pipeline.name));
        pipeline.stages.push((id, name.to_owned()));
    }
    Ok(())
}

fn add_stage(
    tx: &mut OrgTx,
    pipeline: PipelineId,
    (id, name): (StageId, &str),
    position: usize,
    probability: i16,
) -> AppResult<()> {
    diesel::insert_into(stages::table)
        .values((
            stages::id.eq(id),
            stages::pipeline_id.eq(pipeline),
            stages::name.eq(name),
            stages::color.eq(COLOURS[position % COLOURS.len()]),
            stages::probability.eq(probability),
            stages::forecast_category.eq(category_of(probability)),
            stages::position.eq(i32::try_from(position).unwrap_or(i32::MAX)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

fn keep(tx: &mut OrgTx, plan: &Plan, pipeline: &Pipeline, place: &(String, PlaceName)) -> AppResult<()> {
    let (text, place) = place;
    let stage = match (place.stage.is_empty(), place.closed) {
        (false, _) => pipeline.stage(&place.stage),
        (true, true) => pipeline.stages.last(),
        (true, false) => pipeline.stages.first(),
    };
    let Some((id, name)) = stage else {
        let what = format!("is not a stage of {}, and your role does not let you add one", pipeline.name);
        return refuse(tx, plan, &[&(text.clone(), place.clone())], &what);
    };
    sql_query("INSERT INTO import_places VALUES ($1, $2, $3, $4, $5)")
        .bind::<sql_types::Text, _>(text)
        .bind::<sql_types::Uuid, _>(pipeline.id)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Text, _>(name)
        .bind::<sql_types::Bool, _>(!place.stage.is_empty())
        .execute(tx.conn())?;
    Ok(())
}

fn refuse(tx: &mut OrgTx, plan: &Plan, group: &[&(String, PlaceName)], what: &str) -> AppResult<()> {
    let texts: Vec<&str> = group.iter().map(|p| p.0.as_str()).collect();
    let sql = format!(
        "UPDATE import_stage s SET key = NULL, ref_key = NULL, problem = jsonb_build_object('Stage', $1) \
         WHERE s.problem IS NULL AND {} = ANY ($2)",
        plan.staged("place")
    );
    sql_query(sql)
        .bind::<sql_types::Text, _>(what)
        .bind::<sql_types::Array<sql_types::Text>, _>(texts)
        .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct Foot {
    #[diesel(sql_type = sql_types::Uuid)]
    stage_id: StageId,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    last: Option<String>,
}

/// Fills `import_feet`: the rank below the last card of every column that may receive one. The columns are not locked, for a large file
/// would stop everybody's moves: a card that somebody moves to the foot meanwhile gets a short rank, while those made here go on with
/// twelve digits, and imports take turns, so that no two are the same.
pub(super) fn find_feet(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    let touched = format!(
        "SELECT p.stage_id FROM import_places p UNION SELECT c.stage_id FROM import_match m JOIN import_stage s ON s.line = m.line \
         JOIN import_places p ON p.place = {} JOIN deals c ON c.org_id = app.org() AND c.id = m.id",
        plan.staged("place")
    );
    let feet: Vec<Foot> = sql_query(format!(
        "SELECT g.stage_id, (SELECT d.position FROM deals d WHERE d.org_id = app.org() AND d.stage_id = g.stage_id \
           AND d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL ORDER BY d.position DESC LIMIT 1) AS last \
         FROM ({touched}) g"
    ))
    .load(tx.conn())?;
    run_sql(
        tx,
        "CREATE TEMPORARY TABLE import_feet (stage_id uuid NOT NULL, base text COLLATE \"C\" NOT NULL) ON COMMIT DROP",
    )?;
    for foot in feet {
        let base = rank::between(foot.last.as_deref(), None)
            .ok_or_else(|| anyhow::anyhow!("stage {} holds a rank that is none", foot.stage_id))?;
        sql_query("INSERT INTO import_feet VALUES ($1, $2)")
            .bind::<sql_types::Uuid, _>(foot.stage_id)
            .bind::<sql_types::Text, _>(base)
            .execute(tx.conn())?;
    }
    Ok(())
}
