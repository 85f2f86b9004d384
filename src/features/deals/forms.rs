//! The deal's form: from what was typed to [`DealFields`], and back.

use super::{
    closure::{Loss, OTHER, OTHER_NEEDS_WORDS, Win},
    commands,
    fields::{AMOUNT_FROM, PRIORITIES},
    fineness::too_fine,
    model::{AmountFrom, Deal, DealFields, Recurring},
    queries,
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        companies,
        fields::{self, Custom},
        pipeline::CATEGORIES,
        records::Saved,
    },
    kernel::{CompetitorId, Currency, DealId, RecordType, calendar, money},
    web::{Actor, Allow, Form, FormErrors},
};
use rust_decimal::{Decimal, RoundingStrategy};
use uuid::Uuid;

/// Reads the form. A company given by name is looked up, and added when it is new.
/// `custom` is what an existing deal holds.
pub fn parse(tx: &mut OrgTx, actor: &Actor, form: &Form, custom: Option<&Custom>) -> AppResult<DealFields> {
    let max = |key: &str| RecordType::Deal.field(key).map_or(255, |field| field.max);
    let currency =
        Some(form.get("currency")).filter(|code| !code.is_empty()).unwrap_or(&actor.org.currency).parse().ok();
    let amount = |text: &str| money::parse_amount_in(text, actor.locale.mark(), currency);
    let mut p = form.parser();
    let mut new = DealFields {
        name: p.required("name", max("name")),
        company_id: None,
        amount: p.optional("amount", amount),
        currency: p.optional("currency", str::parse::<Currency>),
        amount_from: p.choice("amount_from", AMOUNT_FROM).map(AmountFrom::parse).unwrap_or_default(),
        recurring: Recurring {
            mrr: p.optional("mrr", amount),
            arr: p.optional("arr", amount),
            // No months are no term: what recurs does not come to nothing.
            term_months: p.integer("term_months", 0, 14_400).filter(|n| *n > 0).and_then(|n| i32::try_from(n).ok()),
            one_off: p.optional("one_off", amount),
        },
        probability: p.integer("probability", 0, 100).and_then(|n| i16::try_from(n).ok()),
        expected_close_on: p.optional("expected_close_on", calendar::parse_date),
        // A form that does not ask, such as the quick add, makes the deal its maker's own.
        owner_id: if form.has("owner_id") { p.id("owner_id") } else { Some(actor.id) },
        source: p.text("source", max("source")),
        priority: p.choice("priority", PRIORITIES).map(str::to_owned),
        forecast_override: p.choice("forecast_override", CATEGORIES).map(str::to_owned),
        description: p.text("description", max("description")),
        external_id: None,
        next_step: p.text("next_step", max("next_step")),
        next_step_on: p.optional("next_step_on", calendar::parse_date),
        custom: Custom::default(),
    };
    let currency = new.currency.map_or_else(|| actor.org.currency.clone(), |currency| currency.code().to_owned());
    settle(&mut new, &currency);
    // Of a deal that is there, its command knows whether the amount is another one.
    if let Some(told) = too_fine(&currency, new.amount).filter(|_| custom.is_none()) {
        p.error("amount", told);
    }
    new.custom = fields::read(tx, actor, RecordType::Deal, form, custom, &mut p)?;
    p.finish()?;
    let (id, name) = companies::reference(form, "company");
    new.company_id = companies::resolve(tx, actor, id, name)?;
    Ok(new)
}

/// Who says what recurs and no amount means what it comes to: what is paid once and the month's for the term.
fn settle(new: &mut DealFields, currency: &str) {
    let said = new.recurring;
    let monthly = said.mrr.or(said.arr.map(|arr| arr / Decimal::from(12)));
    let recurring = monthly.zip(said.term_months).map(|(mrr, months)| mrr * Decimal::from(months));
    if new.amount.is_none() && new.amount_from == AmountFrom::Hand && (monthly.is_none() || recurring.is_some()) {
        let digits = currency.parse::<Currency>().map_or(2, |currency| currency.digits());
        let total = [said.one_off, recurring].into_iter().flatten().reduce(|a, b| a + b);
        new.amount = total
            .map(|total| total.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero))
            .filter(|total| money::fits(*total));
    }
}

/// The longest note on how a deal ended, in characters; forms say so too.
const NOTE: usize = 2_000;

/// Why it was lost; whether the reason is known here is the command's to find out.
pub fn parse_loss(form: &Form) -> Result<Loss, FormErrors> {
    let mut p = form.parser();
    let reason = p.required("lost_reason", 100);
    if form.get("lost_note").chars().count() > NOTE {
        p.error("lost_note", "Note is too long: at most 2,000 characters");
    }
    let note = p.text("lost_note", NOTE);
    let to = p.id::<CompetitorId>("lost_to");
    if reason == OTHER && form.get("lost_note").is_empty() {
        p.error("lost_note", OTHER_NEEDS_WORDS);
    }
    p.finish()?;
    Ok(Loss { reason, note, to })
}

/// Why it was won, if anybody says.
pub fn parse_win(form: &Form) -> Result<Win, FormErrors> {
    let mut p = form.parser();
    let win = Win { reason: p.text("won_reason", 100), note: p.text("won_note", NOTE) };
    p.finish().map(|()| win)
}

/// The form of a deal as it is now.
pub fn to_form(deal: &Deal, company: Option<&str>) -> Form {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let plain = |amount: Option<Decimal>| amount.map(money::typed).unwrap_or_default();
    Form::new(
        [
            ("version", deal.version.to_string()),
            ("name", deal.name.clone()),
            ("company_id", company.and(deal.company_id).map(|id| id.to_string()).unwrap_or_default()),
            ("company", company.unwrap_or_default().to_owned()),
            ("amount", plain(deal.amount)),
            ("currency", deal.currency.clone()),
            ("amount_from", deal.amount_from.key().to_owned()),
            ("mrr", plain(deal.recurring.mrr)),
            ("arr", plain(deal.recurring.arr)),
            ("term_months", deal.recurring.term_months.map(|n| n.to_string()).unwrap_or_default()),
            ("one_off", plain(deal.recurring.one_off)),
            ("probability", deal.probability.map(|p| p.to_string()).unwrap_or_default()),
            ("expected_close_on", deal.expected_close_on.map(|d| d.to_string()).unwrap_or_default()),
            ("owner_id", deal.owner_id.map(|id| id.to_string()).unwrap_or_default()),
            ("source", text(&deal.source)),
            ("priority", text(&deal.priority)),
            ("forecast_override", text(&deal.forecast_override)),
            ("description", text(&deal.description)),
            ("next_step", text(&deal.next_step)),
            ("next_step_on", deal.next_step_on.map(|d| d.to_string()).unwrap_or_default()),
            ("status", deal.status.key().to_owned()),
            ("created_at", deal.created_at.to_rfc3339()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// For [`crate::features::records::Spec`].
pub(super) fn load(tx: &mut OrgTx, actor: &Actor, id: Uuid) -> AppResult<Form> {
    let deal = queries::find(tx, actor, DealId(id))?;
    let company = queries::company_name(tx, deal.company_id)?;
    filled(tx, actor, &deal, company.as_deref())
}

/// The form of a deal that was found, with the name of its company.
pub(super) fn filled(tx: &mut OrgTx, actor: &Actor, deal: &Deal, company: Option<&str>) -> AppResult<Form> {
    let mut form = to_form(deal, company);
    fields::fill(tx, actor, RecordType::Deal, &deal.custom, &mut form)?;
    Ok(form)
}

/// For [`crate::features::records::Spec`].
pub(super) fn save(tx: &mut OrgTx, actor: &Actor, id: Uuid, form: &Form) -> AppResult<Saved> {
    let by = Allow::check(actor)?;
    let version = form.get("version").parse().unwrap_or(0);
    let deal = queries::find(tx, actor, DealId(id))?;
    if deal.version != version {
        // Before the form is read: reading it may add a company.
        return Ok(Saved::Stale);
    }
    let mut new = keep_company(tx, actor, &deal, form)?;
    new.external_id = deal.external_id.clone();
    // A form that does not ask leaves them as they are.
    if !form.has("amount_from") {
        new.amount_from = deal.amount_from;
    }
    if !["mrr", "arr", "term_months", "one_off"].into_iter().any(|name| form.has(name)) {
        new.recurring = deal.recurring;
    }
    commands::update(tx, &by, deal.id, version, new)
}

/// Reads the form; a company left as it is needs not be visible to whoever edits the deal.
fn keep_company(tx: &mut OrgTx, actor: &Actor, deal: &Deal, form: &Form) -> AppResult<DealFields> {
    let unchanged = deal.company_id.is_some()
        && deal.company_id.map(|id| id.to_string()).as_deref() == Some(form.get("company_id"))
        && queries::company_name(tx, deal.company_id)?.as_deref() == Some(form.get("company"));
    if !unchanged {
        return parse(tx, actor, form, Some(&deal.custom));
    }
    let mut rest = form.clone();
    rest.set("company", "");
    rest.set("company_id", "");
    Ok(DealFields { company_id: deal.company_id, ..parse(tx, actor, &rest, Some(&deal.custom))? })
}
