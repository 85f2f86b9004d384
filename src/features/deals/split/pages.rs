//! `/deals/{id}/split`: the form, and what comes of it.

use super::{
    super::{
        commands,
        lines::{self, Line},
        model::Deal,
        passing::wants_json,
        queries,
    },
    FEWEST, MOST,
    shares::{self, WAYS, equal, parts},
    split, splittable,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::records::history,
    kernel::{Currency, DealId, RecordType, money, numbers::DecimalMark},
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
use rust_decimal::Decimal;
use uuid::Uuid;

/// A row of the form.
struct Part {
    name: String,
    amount: String,
    name_label: String,
    amount_label: String,
}

/// Where one line may go.
struct Goes {
    field: String,
    label: String,
    to: Vec<SelectOption>,
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
    /// What may become of its lines; none where it has none.
    ways: Vec<SelectOption>,
    lines: Vec<Goes>,
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
    let (deal, lines) = db
        .org(page, move |tx| {
            let deal = queries::find(tx, &actor, id)?;
            let lines = lines::all(tx, deal.id)?;
            Ok((deal, lines))
        })
        .await?;
    let digits = deal.currency.parse::<Currency>().map_or(2, |currency| currency.digits());
    let whole = deal.amount.unwrap_or_default();
    resize(&mut form, whole, digits, page.locale.mark());
    let count = parts(&form);
    let amounts = equal(whole, count, digits);
    let mut rows = Vec::with_capacity(count);
    for (n, amount) in (1..).zip(amounts) {
        let (name, value) = (format!("name_{n}"), format!("amount_{n}"));
        if !form.has(&name) {
            let own: String = deal.name.chars().take(190).collect();
            form.set(&name, if n == 1 { deal.name.clone() } else { format!("{own} ({n})") });
        }
        if !form.has(&value) {
            form.set(&value, money::typed(amount));
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
    if !form.has("request_key") {
        form.set("request_key", Uuid::now_v7().to_string());
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
    let total = deal.money().map(|money| page.locale.money(money)).unwrap_or_default();
    let shell = page.shell("deals");
    let (ways, lines) = (ways(&form, &lines), lines.iter().map(|line| goes(page, &form, line)).collect());
    let shown = SplitPage {
        shell,
        deal,
        whole: total,
        parts: count,
        rows,
        recurring,
        ways,
        lines,
        input: form.view(errors),
        refused,
    };
    reply::page_with(&page.req, status, &shown)
}

/// One deal more or fewer (`again`): what was typed stays. Amounts that nobody touched are made equal anew; beside those that somebody did
/// a further deal is worth what is left over.
fn resize(form: &mut Form, whole: Decimal, digits: u32, mark: DecimalMark) {
    if !form.has("again") {
        return;
    }
    let before = parts(form);
    form.set("parts", form.get("again").to_owned());
    let after = parts(form);
    let amount = |form: &Form, n: usize| money::parse_amount(form.get(&format!("amount_{n}")), mark).ok();
    let as_proposed = (1..).zip(equal(whole, before, digits)).all(|(n, equal)| amount(form, n) == Some(equal));
    let kept = if as_proposed { 0 } else { before.min(after) };
    let left = whole - (1..=kept).filter_map(|n| amount(form, n)).sum::<Decimal>();
    for n in kept + 1..=before.max(after) {
        form.remove(&format!("amount_{n}"));
    }
    if !as_proposed && after > before {
        form.set(&format!("amount_{after}"), money::typed(left.max(Decimal::ZERO)));
    }
}

fn ways(form: &Form, lines: &[Line]) -> Vec<SelectOption> {
    let chosen = form.get("lines").to_owned();
    let ways = WAYS.iter().filter(|_| !lines.is_empty());
    ways.map(|(key, label)| SelectOption::new(*key, *label, *key == chosen)).collect()
}

fn goes(page: &Page, form: &Form, line: &Line) -> Goes {
    let field = format!("line_{}", line.id);
    let chosen = form.get(&field).to_owned();
    let quantity = page.locale.decimal(line.quantity, line.quantity.normalize().scale());
    let to = (1..=parts(form)).map(|n| {
        let n = n.to_string();
        SelectOption::new(&n, format!("Deal {n}"), n == chosen)
    });
    Goes { label: format!("{quantity} × {}", line.name), to: to.collect(), field }
}

/// `POST /deals/{id}/split`: with `again`, how many, the form once more; else `version`, `parts`, `name_1`, `amount_1` … `recurring`, `lines`, `line_<id>` …
pub async fn make(
    page: Page,
    by: Allow<Create>,
    edit: Allow<Edit>,
    id: Path<DealId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    if form.has("again") {
        return self::form(&page, &db, StatusCode::OK, *id, form, FormErrors::default()).await;
    }
    let (id, posted) = (*id, form.clone());
    let seen = (form.get("version").parse().unwrap_or(0), form.get("request_key").parse().ok());
    let mark = page.locale.mark();
    let done =
        db.org(&page, move |tx| split(tx, (&by, &edit), id, seen, |lines| shares::parse(&posted, lines, mark))).await;
    match done {
        Ok(op) => {
            let flash = Flash::success(format!("Split into {}", parts(&form))).undo(format!("/operations/{op}/undo"));
            Ok(reply::redirect(&page.req, &format!("/deals/{id}"), Some(flash)))
        }
        Err(AppError::Invalid(errors)) => {
            self::form(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, form, errors).await
        }
        Err(AppError::Conflict(why)) if !wants_json(&page.req) => overtaken(&page, &db, id, form, why).await,
        Err(other) => Err(other),
    }
}

/// The form with all that was typed, and what somebody else made of the deal meanwhile; sent once more it splits the deal as it is now.
async fn overtaken(page: &Page, db: &Db, id: DealId, mut form: Form, why: String) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let mut seen = Form::new([("version".to_owned(), form.get("version").to_owned())]);
    let meanwhile = db.org(page, move |tx| history::conflict(tx, &actor, RecordType::Deal, id.0, &mut seen)).await?;
    let told = meanwhile.theirs.iter().map(|change| {
        let empty = |text: &str| if text.is_empty() { "empty".to_owned() } else { text.to_owned() };
        let (before, after) = (empty(&change.before), empty(&change.after));
        format!("{}: {before} → {after} ({}, {})", change.label, change.by, change.at)
    });
    let told = std::iter::once(why).chain(told).collect::<Vec<_>>().join("\n");
    form.remove("version");
    self::form(page, db, StatusCode::CONFLICT, id, form, FormErrors::one("", told)).await
}
