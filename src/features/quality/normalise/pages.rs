//! `/quality/normalisation`: choose what is put in order, see what would change, and have it done.

use super::{Ordered, Part, TYPES};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        operations::{self, Action},
        records::{
            list::{self, Selection},
            require_edit,
        },
    },
    kernel::RecordType,
    web::{Actor, Form, Page, Shell, flash::Flash, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use serde_json::Value;
use uuid::Uuid;

/// Records a preview looks at, and changes it shows.
const LOOKED_AT: usize = 10_000;
const BATCH: i64 = 2_000;
const SHOWN: usize = 25;

#[derive(Template)]
#[template(path = "quality/normalise.html")]
struct Preview {
    shell: Shell,
    types: Vec<(RecordType, bool)>,
    record: RecordType,
    /// Each with whether it is chosen.
    parts: Vec<(Part, bool)>,
    seen: Option<Seen>,
    request_key: Uuid,
}

/// What would change.
#[derive(Default)]
struct Seen {
    looked_at: String,
    /// There are more than were looked at.
    more: bool,
    changes: usize,
    counted: String,
    /// Of each part, how many records it changes.
    parts: Vec<(&'static str, String)>,
    rows: Vec<Line>,
}

struct Line {
    name: String,
    href: String,
    field: String,
    before: String,
    after: String,
}

fn chosen(form: &Form) -> AppResult<(RecordType, Vec<Part>)> {
    let record = match form.get("type") {
        "" => RecordType::Contact,
        text => RecordType::parse(text).filter(|r| TYPES.contains(r)).ok_or(AppError::NotFound)?,
    };
    let parts = Part::ALL.into_iter().filter(|part| form.all("part").any(|key| key == part.key()));
    Ok((record, parts.filter(|part| !part.columns(record).is_empty()).collect()))
}

/// `GET /quality/normalisation?type=contact&part=names`
pub async fn show(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let (record, parts) = chosen(&Form::decode(page.req.query_string().as_bytes())?)?;
    require_edit(&page.actor, record)?;
    let (actor, asked) = (page.actor.clone(), parts.clone());
    let seen = match parts.is_empty() {
        true => None,
        false => Some(db.org(&page, move |tx| preview(tx, &actor, record, &asked)).await?),
    };
    let offered = Part::ALL.into_iter().filter(|part| !part.columns(record).is_empty());
    let may = |r: &RecordType| require_edit(&page.actor, *r).is_ok();
    let whole = Preview {
        shell: page.shell("quality"),
        types: TYPES.into_iter().filter(may).map(|r| (r, r == record)).collect(),
        record,
        parts: offered.map(|part| (part, parts.is_empty() || parts.contains(&part))).collect(),
        seen,
        request_key: Uuid::now_v7(),
    };
    reply::page(&page.req, &whole)
}

/// `POST /quality/normalisation`
pub async fn begin(page: Page, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let (record, parts) = chosen(&form)?;
    require_edit(&page.actor, record)?;
    if parts.is_empty() {
        let flash = Flash::danger("Choose what is to be put in order");
        return Ok(reply::redirect(&page.req, &format!("/quality/normalisation?type={record}"), Some(flash)));
    }
    let (actor, key) = (page.actor.clone(), form.get("request_key").parse().ok());
    let operation = db
        .org(&page, move |tx| {
            let selection = everything(tx, &actor, record)?;
            let action = Action::Normalise { parts };
            let request = operations::Request { record, action, selection, back: "/quality".to_owned(), key };
            operations::start(tx, &actor, &request)
        })
        .await?;
    Ok(reply::redirect(&page.req, &format!("/operations/{}", operation.id), None))
}

fn everything(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<Selection> {
    Selection::matching(tx, actor, record, "view=all")
}

fn preview(tx: &mut OrgTx, actor: &Actor, record: RecordType, parts: &[Part]) -> AppResult<Seen> {
    let everything = everything(tx, actor, record)?;
    let (mut looked, mut all, mut after, mut more) = (0, Vec::new(), None, true);
    while looked < LOOKED_AT {
        let ids = everything.next(tx, actor, after, BATCH)?;
        looked += ids.len();
        all.extend(super::look(tx, actor, record, parts, &ids, false)?.1);
        match ids.last() {
            Some(last) if ids.len() == usize::try_from(BATCH).unwrap_or(0) => after = Some(*last),
            _ => {
                more = false;
                break;
            }
        }
    }
    let number = |n: usize| actor.locale.integer(i64::try_from(n).unwrap_or(i64::MAX));
    let touched =
        |part: &Part| all.iter().filter(|o| part.columns(record).iter().any(|c| o.changes.contains_key(*c))).count();
    Ok(Seen {
        looked_at: number(looked),
        more,
        changes: all.len(),
        counted: number(all.len()),
        parts: parts.iter().map(|part| (part.label(), number(touched(part)))).collect(),
        rows: lines(tx, actor, record, &all)?,
    })
}

fn lines(tx: &mut OrgTx, actor: &Actor, record: RecordType, all: &[Ordered]) -> AppResult<Vec<Line>> {
    let first: Vec<&Ordered> = all.iter().take(SHOWN).collect();
    let ids: Vec<Uuid> = first.iter().map(|o| o.id).collect();
    let names = list::names(tx, record, &ids, actor.visible_owners())?;
    let mut lines = Vec::new();
    for ordered in first {
        for (column, pair) in &ordered.changes {
            lines.push(Line {
                name: names.get(&ordered.id).cloned().unwrap_or_default(),
                href: format!("/{}/{}", record.noun(), ordered.id),
                field: record.field(column).map_or(column.as_str(), |field| field.label).to_owned(),
                before: words(&pair[0]),
                after: words(&pair[1]),
            });
        }
    }
    Ok(lines)
}

fn words(value: &Value) -> String {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
