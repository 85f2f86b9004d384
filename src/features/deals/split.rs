//! One deal becomes several whose amounts add up to exactly what it was: it keeps the first share, the others are new deals in its stage,
//! with its company, people, owner and fields. All of it is one operation, and undone as one.

use super::{
    cloning, commands, links,
    model::{AmountFrom, Deal, DealFields, NewDeal, Recurring},
    queries,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        operations::{self, Done, NewOperation, Tally},
        pipeline,
        records::Saved,
    },
    kernel::{Currency, DealId, OperationId, RecordType, money},
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell,
        flash::Flash,
        permission::deals::{Create, Edit},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::json;
use uuid::Uuid;

const FEWEST: usize = 2;
const MOST: usize = 12;

/// A deal of the several.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub name: String,
    pub amount: Decimal,
}

/// `parts` amounts that add up to `whole` exactly: equal but for what the currency's smallest coin makes of it, the larger ones first.
pub fn equal(whole: Decimal, parts: usize, digits: u32) -> Vec<Decimal> {
    let count = Decimal::from(parts.max(1));
    // What has more decimals than its currency is shared as finely as it is.
    let digits = digits.max(whole.normalize().scale());
    let each = (whole / count).round_dp_with_strategy(digits, RoundingStrategy::ToZero);
    let coin = Decimal::new(1, digits);
    let over = ((whole - each * count) / coin).round();
    (0..parts).map(|n| if Decimal::from(n) < over { each + coin } else { each }).collect()
}

/// What of `total` each share brings, in proportion to its amount: rounded down, what is left over with the first.
fn proportional(total: Option<Decimal>, whole: Decimal, shares: &[Share], digits: u32) -> Vec<Option<Decimal>> {
    let Some(total) = total else { return vec![None; shares.len()] };
    let digits = digits.max(total.normalize().scale());
    let part = |share: &Share| (total * share.amount / whole).round_dp_with_strategy(digits, RoundingStrategy::ToZero);
    let mut parts: Vec<Decimal> = shares.iter().map(part).collect();
    let others: Decimal = parts.iter().skip(1).sum();
    if let Some(first) = parts.first_mut() {
        *first = total - others;
    }
    parts.into_iter().map(Some).collect()
}

/// What recurs, of each share. Twice it would be counted twice: it stays with the first, or is shared like the amount.
fn recurring(deal: &Deal, whole: Decimal, shares: &[Share], shared: bool) -> Vec<Recurring> {
    if !shared {
        let rest = shares.iter().skip(1).map(|_| Recurring::default());
        return std::iter::once(deal.recurring).chain(rest).collect();
    }
    let digits = deal.currency.parse::<Currency>().map_or(2, |currency| currency.digits());
    let of = |total| proportional(total, whole, shares, digits);
    let parts = of(deal.recurring.arr).into_iter().zip(of(deal.recurring.one_off));
    let twelfth =
        |arr: Decimal| (arr / Decimal::from(12)).round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
    let part =
        |(arr, one_off): (Option<Decimal>, _)| Recurring { mrr: arr.map(twelfth), arr, one_off, ..deal.recurring };
    parts.map(part).collect()
}

/// Splits an open deal. The shares must add up to its amount; the first is its own. What recurs stays with it unless it is `shared`.
pub fn split(
    tx: &mut OrgTx,
    (by, edit): (&Allow<Create>, &Allow<Edit>),
    id: DealId,
    version: i32,
    (shares, shared): (&[Share], bool),
) -> AppResult<OperationId> {
    // Stage before deal, as every command takes them.
    let stage = queries::find(tx, by, id)?.stage_id;
    pipeline::lock_stage(tx, stage)?;
    let deal = queries::lock(tx, by, id)?;
    if deal.version != version || deal.stage_id != stage {
        return Err(AppError::Conflict("This deal was changed meanwhile. Look at it again, and then split it.".into()));
    }
    commands::must_be_on_board(&deal)?;
    let whole = splittable(&deal)?;
    check(whole, shares)?;
    let count = i64::try_from(shares.len()).unwrap_or(i64::MAX);
    let new = NewOperation {
        kind: "split",
        record: RecordType::Deal,
        title: format!("Split {} into {count}", deal.reference()),
        params: json!({ "back": format!("/deals/{id}") }),
        total: count,
        request_key: None,
    };
    let op = operations::begin(tx, &new)?;
    operations::remember(
        tx,
        op,
        RecordType::Deal,
        &[id.0],
        &["name", "amount", "amount_from", "mrr", "arr", "term_months", "one_off"],
        Done::Updated,
    )?;
    let recurring = recurring(&deal, whole, shares, shared);
    keep_first(tx, edit, &deal, &shares[0], recurring[0])?;
    let mut made: Vec<Uuid> = Vec::with_capacity(shares.len());
    let (mut told, template) = (Vec::new(), cloning::fields_of(tx, by, &deal, true)?);
    for (share, recurring) in shares.iter().zip(recurring).skip(1) {
        let fields = DealFields { name: share.name.clone(), amount: Some(share.amount), recurring, ..template.clone() };
        tx.because(json!({ "title": format!("Split off from {}", deal.reference()), "operation_id": op }));
        let part = commands::create(tx, by, NewDeal { id: None, stage_id: stage, fields })?;
        tx.because(json!({}));
        cloning::copy_contacts(tx, id, part.id)?;
        links::write(tx, "split", id, part.id)?;
        told.push(part.reference());
        made.push(part.id.0);
    }
    operations::remember_created(tx, op, RecordType::Deal, &made)?;
    links::tell(tx, &deal, format!("Split: {} split off", told.join(", ")))?;
    operations::advance(tx, op, &Tally { changed: count, ..Tally::default() })?;
    operations::finish(tx, op)?;
    Ok(op)
}

fn keep_first(tx: &mut OrgTx, by: &Allow<Edit>, deal: &Deal, share: &Share, recurring: Recurring) -> AppResult<()> {
    let amount_from = AmountFrom::Hand;
    let (name, amount) = (share.name.clone(), Some(share.amount));
    let fields = DealFields { name, amount, amount_from, recurring, ..DealFields::from(deal) };
    match commands::update(tx, by, deal.id, deal.version, fields)? {
        Saved::Done(_) => Ok(()),
        Saved::Stale => Err(AppError::Conflict("This deal was changed meanwhile.".into())),
    }
}

fn splittable(deal: &Deal) -> AppResult<Decimal> {
    match deal.amount {
        Some(amount) if amount > Decimal::ZERO => Ok(amount),
        _ => Err(AppError::Conflict("This deal has no amount to share. Give it one first.".into())),
    }
}

fn check(whole: Decimal, shares: &[Share]) -> AppResult<()> {
    if shares.len() < FEWEST || shares.len() > MOST {
        return Err(AppError::field("", format!("A deal is split into {FEWEST} to {MOST}.")));
    }
    let sum: Decimal = shares.iter().map(|share| share.amount).sum();
    let plain = |amount: Decimal| amount.normalize().to_string();
    match sum.cmp(&whole) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(AppError::field(
            "",
            format!("The amounts come to {}: {} of {} is left over.", plain(sum), plain(whole - sum), plain(whole)),
        )),
        std::cmp::Ordering::Greater => Err(AppError::field(
            "",
            format!("The amounts come to {}: {} more than {}.", plain(sum), plain(sum - whole), plain(whole)),
        )),
    }
}

/// `name_1`, `amount_1`, `name_2` … as many as `parts` says.
fn parse(form: &Form) -> Result<Vec<Share>, FormErrors> {
    let count = parts(form);
    let mut p = form.parser();
    let mut shares = Vec::with_capacity(count);
    for n in 1..=count {
        let name = p.required(&format!("name_{n}"), 200);
        let amount = format!("amount_{n}");
        let read = p.optional(&amount, money::parse_amount);
        if form.get(&amount).is_empty() {
            p.error(&amount, "is required");
        }
        shares.push(Share { name, amount: read.unwrap_or_default() });
    }
    p.finish()?;
    Ok(shares)
}

fn parts(form: &Form) -> usize {
    form.get("parts").parse().unwrap_or(FEWEST).clamp(FEWEST, MOST)
}

/// Whether what recurs is to be shared.
fn shares_recurring(form: &Form) -> AppResult<bool> {
    match form.get("recurring") {
        "" | "first" => Ok(false),
        "share" => Ok(true),
        _ => Err(AppError::field("recurring", "is not one of the choices")),
    }
}

/// A row of the form.
struct Part {
    name: String,
    amount: String,
    name_label: String,
    amount_label: String,
}

#[derive(Template)]
#[template(path = "deals/split.html")]
struct SplitPage {
    shell: Shell,
    deal: Deal,
    whole: String,
    parts: usize,
    rows: Vec<Part>,
    /// Where what recurs may go; none where nothing does.
    recurring: Vec<SelectOption>,
    input: FormView,
    /// Why it cannot be split.
    refused: String,
}

impl SplitPage {
    fn more(&self) -> Option<usize> {
        (self.parts < MOST).then_some(self.parts + 1)
    }

    fn fewer(&self) -> Option<usize> {
        (self.parts > FEWEST).then_some(self.parts - 1)
    }
}

/// `GET /deals/{id}/split`: `parts`, how many; the amounts are equal to begin with
pub async fn ask(
    page: Page,
    _: Allow<Create>,
    _: Allow<Edit>,
    id: Path<DealId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let form = Form::decode(page.req.query_string().as_bytes())?;
    self::form(&page, &db, StatusCode::OK, *id, form, FormErrors::default()).await
}

async fn form(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: DealId,
    mut form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let deal = db.org(page, move |tx| queries::find(tx, &actor, id)).await?;
    let count = parts(&form);
    let digits = deal.currency.parse::<Currency>().map_or(2, |currency| currency.digits());
    let amounts = equal(deal.amount.unwrap_or_default(), count, digits);
    let mut rows = Vec::with_capacity(count);
    for (n, amount) in (1..).zip(amounts) {
        let (name, value) = (format!("name_{n}"), format!("amount_{n}"));
        if !form.has(&name) {
            let own: String = deal.name.chars().take(190).collect();
            form.set(&name, if n == 1 { deal.name.clone() } else { format!("{own} ({n})") });
        }
        if !form.has(&value) {
            form.set(&value, amount.to_string());
        }
        rows.push(Part {
            name,
            amount: value,
            name_label: format!("Name of deal {n}"),
            amount_label: format!("Amount of deal {n} in {}", deal.currency),
        });
    }
    if !form.has("version") {
        form.set("version", deal.version.to_string());
    }
    let refused = match commands::must_be_on_board(&deal).and_then(|()| splittable(&deal)) {
        Ok(_) => String::new(),
        Err(error) => error.message(),
    };
    let recurs = deal.recurring.arr.is_some() || deal.recurring.one_off.is_some();
    let choices = [("first", "Stays with the first deal"), ("share", "Is shared like the amount")];
    let chosen = |key| form.get("recurring") == key;
    let recurring =
        choices.into_iter().filter(|_| recurs).map(|(key, label)| SelectOption::new(key, label, chosen(key)));
    let recurring = recurring.collect();
    let whole = deal.money().map(|money| page.locale.money(money)).unwrap_or_default();
    let shell = page.shell("deals");
    let shown = SplitPage { shell, deal, whole, parts: count, rows, recurring, input: form.view(errors), refused };
    reply::page_with(&page.req, status, &shown)
}

/// `POST /deals/{id}/split`: `version`, `parts`, `name_1`, `amount_1` … `recurring`
pub async fn make(
    page: Page,
    by: Allow<Create>,
    edit: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let version = form.get("version").parse().unwrap_or(0);
    let done = db
        .org(&page, move |tx| {
            queries::find(tx, &by, id)?;
            split(tx, (&by, &edit), id, version, (&parse(&posted)?, shares_recurring(&posted)?))
        })
        .await;
    match done {
        Ok(op) => {
            let flash = Flash::success(format!("Split into {}", parts(&form))).undo(format!("/operations/{op}/undo"));
            Ok(reply::redirect(&page.req, &format!("/deals/{id}"), Some(flash)))
        }
        Err(AppError::Invalid(errors)) => {
            self::form(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, form, errors).await
        }
        Err(other) => Err(other),
    }
}
