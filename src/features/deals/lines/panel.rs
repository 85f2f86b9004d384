//! The lines on a deal's page: a table with its totals, the form of a new line, and of one that is being changed.

use super::{
    commands, forms,
    model::{self, Line},
    stale, undo,
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        deals::model::{AmountFrom, Deal},
        products::{self, TaxClass},
        records::{history::Conflict, require_edit},
    },
    kernel::{
        Currency, LineId, Money, RecordType,
        lines::{INTERVALS, Interval, Totals},
    },
    web::{Actor, Form, FormErrors, FormView, SelectOption},
};
use rust_decimal::Decimal;

/// What the reader is doing to the lines.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The line that is being changed.
    pub editing: Option<LineId>,
    /// What was typed and refused, of that line or of a new one.
    pub typed: Option<(Form, FormErrors)>,
    /// What somebody else made of that line meanwhile.
    pub conflict: Option<Conflict>,
}

/// What `deals/_lines.html` needs, under the name `lines`.
pub struct Panel {
    pub deal: String,
    pub csrf: String,
    pub may_edit: bool,
    pub currency: String,
    pub rows: Vec<Row>,
    pub follows: bool,
    /// The deal's amount, when it is not the lines' sum.
    pub fixed: String,
    pub net: String,
    pub taxes: Vec<(String, String)>,
    pub gross: String,
    /// MRR, ARR and term, when anything recurs.
    pub recurring: Vec<(&'static str, String)>,
    pub new: LineForm,
    /// The form of the new line is open.
    pub adding: bool,
    /// What was refused of the whole.
    pub error: String,
}

pub struct Row {
    pub id: LineId,
    pub name: String,
    pub href: Option<String>,
    /// How the price came about, how often it is paid.
    pub note: String,
    pub quantity: String,
    pub price: String,
    pub discount: String,
    pub tax: String,
    pub net: String,
    pub words: String,
    /// It is being changed.
    pub form: Option<LineForm>,
}

/// A line's form.
pub struct LineForm {
    /// Chosen now, so that the form sent twice adds one line.
    pub id: LineId,
    pub input: FormView,
    pub conflict: Option<Conflict>,
    pub taxes: Vec<SelectOption>,
    pub intervals: Vec<SelectOption>,
}

impl Panel {
    /// `deal` is one that the caller has found visible.
    pub fn load(tx: &mut OrgTx, actor: &Actor, deal: &Deal, state: State, csrf: String) -> AppResult<Self> {
        let lines = model::of(tx, deal.id)?;
        let currency = commands::currency(deal)?;
        let may_edit = require_edit(actor, RecordType::Deal).is_ok() && deal.archived_at.is_none();
        let taxes = if may_edit { products::taxes(tx)? } else { Vec::new() };
        let priced: Vec<_> = lines.iter().map(|line| (line.priced(), line.period_net)).collect();
        let totals = Totals::of(&priced, currency);
        let money = |amount: Decimal| actor.locale.money(Money::new(amount, currency));
        let editing = state.editing.filter(|_| may_edit);
        let refused = state.typed.is_some();
        let (typed, errors) = state.typed.unwrap_or_default();
        let error = errors.get("amount_from").map(str::to_owned).unwrap_or_default();
        let mut changing = match editing.and_then(|id| lines.iter().find(|line| line.id == id)) {
            Some(line) => {
                let mut input = if refused { typed.clone() } else { forms::to_form(line) };
                if !input.has("version") {
                    input.set("version", stale::version(tx, line)?);
                }
                let form = line_form(line.id, input, errors.clone(), &taxes, false);
                Some(LineForm { conflict: state.conflict, ..form })
            }
            None => None,
        };
        let rows = lines.iter().map(|line| {
            let form = changing.take_if(|form| form.id == line.id);
            row(actor, deal, line, currency, form)
        });
        let rows: Vec<Row> = rows.collect();
        let adding = refused && editing.is_none() && error.is_empty();
        let new = if adding { (typed.clone(), errors.clone()) } else { (Form::default(), FormErrors::default()) };
        let new_id = new.0.get("id").parse().unwrap_or_else(|_| LineId::new());
        let follows = deal.amount_from == AmountFrom::Lines;
        let amount = deal.amount.filter(|amount| !follows && *amount != totals.net);
        Ok(Self {
            deal: deal.id.to_string(),
            csrf,
            may_edit,
            currency: deal.currency.clone(),
            follows,
            fixed: amount.map(money).unwrap_or_default(),
            net: money(totals.net),
            taxes: totals.taxes.iter().map(|g| (format!("Tax {} %", g.rate.normalize()), money(g.tax))).collect(),
            gross: if totals.taxes.is_empty() { String::new() } else { money(totals.gross) },
            recurring: recurring(&totals, money),
            new: line_form(new_id, new.0, new.1, &taxes, true),
            adding,
            error,
            rows,
        })
    }

    pub fn is_shown(&self) -> bool {
        self.may_edit || !self.rows.is_empty()
    }
}

fn recurring(totals: &Totals, money: impl Fn(Decimal) -> String) -> Vec<(&'static str, String)> {
    match totals.term_months {
        0 => Vec::new(),
        1 => vec![("MRR", money(totals.mrr())), ("ARR", money(totals.arr)), ("Term", "1 month".to_owned())],
        n => vec![("MRR", money(totals.mrr())), ("ARR", money(totals.arr)), ("Term", format!("{n} months"))],
    }
}

fn line_form(id: LineId, input: Form, errors: FormErrors, taxes: &[TaxClass], new: bool) -> LineForm {
    let chosen = |name: &str| match input.has(name) {
        false if new => forms::AS_PRODUCT.to_owned(),
        _ => input.get(name).to_owned(),
    };
    let (tax, every) = (chosen("tax_class_id"), chosen("every"));
    let as_product = |chosen: &str| {
        new.then(|| SelectOption::new(forms::AS_PRODUCT, "As the product", chosen == forms::AS_PRODUCT)).into_iter()
    };
    let none = |label: &str, chosen: &str| SelectOption::new("", label, chosen.is_empty());
    let classes = taxes.iter().filter(|c| c.retired_at.is_none() || c.id.to_string() == tax);
    let classes = classes.map(|c| {
        SelectOption::new(c.id.to_string(), format!("{} ({} %)", c.name, c.rate.normalize()), c.id.to_string() == tax)
    });
    LineForm {
        id,
        conflict: None,
        taxes: as_product(&tax).chain([none("No tax", &tax)]).chain(classes).collect(),
        intervals: as_product(&every)
            .chain([none("Once", &every)])
            .chain(INTERVALS.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == every)))
            .collect(),
        input: input.view(errors),
    }
}

fn row(actor: &Actor, deal: &Deal, line: &Line, currency: Currency, form: Option<LineForm>) -> Row {
    let locale = actor.locale;
    let number = |n: Decimal| locale.decimal(n, n.normalize().scale());
    let discount = match (line.discount_percent, line.discount_amount) {
        (Some(percent), _) => format!("{} %", number(percent)),
        (None, Some(amount)) => locale.money(Money::new(amount, currency)),
        (None, None) => String::new(),
    };
    let unit = line.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
    // A price may have more digits than its currency.
    let price = match line.unit_price.normalize().scale() > currency.digits() {
        true => format!("{}{}", currency.symbol(), number(line.unit_price)),
        false => locale.money(Money::new(line.unit_price, currency)),
    };
    Row {
        id: line.id,
        name: line.name.clone(),
        href: line.product_id.filter(|_| actor.may("products.view")).map(|id| format!("/products/{id}")),
        note: note(actor, line, currency),
        quantity: format!("{}{unit}", number(line.quantity)),
        price,
        discount,
        tax: line.tax_rate.map(|rate| format!("{} %", number(rate))).unwrap_or_default(),
        net: locale.money(Money::new(line.net(), currency)),
        words: undo::words(actor, &deal.currency, line),
        form,
    }
}

/// "Every month for 12 months, €100.00 each · from $120.00 at 0.92 of 27 Nov".
fn note(actor: &Actor, line: &Line, currency: Currency) -> String {
    let each = actor.locale.money(Money::new(line.period_net, currency));
    let recurring = line.every().map(|every| match (every, line.periods) {
        (Interval::Month, n) => format!("{each} a month, {n} {}", if n == 1 { "month" } else { "months" }),
        (Interval::Quarter, n) => format!("{each} a quarter, {n} {}", if n == 1 { "quarter" } else { "quarters" }),
        (Interval::Year, n) => format!("{each} a year, {n} {}", if n == 1 { "year" } else { "years" }),
    });
    let from = match (&line.from_currency, line.from_rate, line.from_on) {
        (Some(code), Some(rate), Some(on)) => {
            let rate = rate.normalize();
            let day = actor.locale.day(on, actor.today());
            Some(format!("converted from {code} at {} of {day}", actor.locale.decimal(rate, rate.scale().min(6))))
        }
        _ => None,
    };
    recurring.into_iter().chain(from).collect::<Vec<_>>().join(" · ")
}
