//! One rule as SQL: the field's expression, the operator, the user's values read by the field's kind.

use super::{Op, dates, op::Arity};
use crate::{
    features::{
        fields::{Entry, Kind, PLACES},
        quality,
        records::list::{
            keys,
            sql::{Fragment, Literal},
        },
    },
    kernel::{
        Currency, RecordType,
        calendar::{self, Span},
        money,
        numbers::DecimalMark,
        people, text,
    },
    web::Actor,
};
use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Farther than any date of the calendar's.
const MOST_DAYS: u64 = 36_500;

/// The condition, in brackets; or what is wrong with the rule, in words that follow "Amount ".
pub(super) fn compile(
    record: RecordType,
    entry: &Entry,
    op: Op,
    values: &[String],
    actor: &Actor,
) -> Result<Fragment, String> {
    if !Op::of(&entry.kind).contains(&op) {
        return Err(format!("{} cannot be asked that.", entry.label));
    }
    let values: Vec<&str> = values.iter().map(|v| v.trim()).filter(|v| !v.is_empty()).collect();
    let enough = match op.values() {
        Arity::None => true,
        Arity::Two => values.len() >= 2,
        Arity::One | Arity::Several => !values.is_empty(),
    };
    if !enough {
        return Err(format!("{}: a value is missing.", entry.label));
    }
    let rule = Rule { record, entry, op, values, actor };
    let condition = rule.condition().map_err(|why| format!("{} {why}.", entry.label))?;
    Ok(match op {
        // What is empty is not that either.
        Op::IsNot | Op::NoneOf | Op::NotContains => Fragment::text("((").append(condition).push(") IS NOT TRUE)"),
        _ => Fragment::text("(").append(condition).push(")"),
    })
}

struct Rule<'a> {
    record: RecordType,
    entry: &'a Entry,
    op: Op,
    values: Vec<&'a str>,
    actor: &'a Actor,
}

impl Rule<'_> {
    /// What the operator says, without its negation.
    fn condition(&self) -> Result<Fragment, String> {
        match self.op {
            Op::Empty => return Ok(self.empty()),
            Op::NotEmpty => return Ok(Fragment::text("NOT (").append(self.empty()).push(")")),
            _ => {}
        }
        match self.entry.kind.value() {
            Kind::Text | Kind::LongText | Kind::Url => Ok(self.text()),
            Kind::Email | Kind::Domain => Ok(self.lower()),
            Kind::Phone => Ok(self.phone()),
            Kind::Emails | Kind::Phones => Ok(self.texts()),
            Kind::Integer | Kind::Decimal | Kind::Percent => self.number(),
            Kind::Money => self.money(),
            Kind::Date | Kind::DateTime => self.day(),
            Kind::Bool => self.yes(),
            Kind::Choice(_) | Kind::Country | Kind::Currency => Ok(self.one_of()),
            Kind::Choices(_) => Ok(self.some_of()),
            Kind::Tags => Ok(self.tagged()),
            Kind::Member | Kind::Record(_) | Kind::Pipeline | Kind::Stage => self.ids(),
            Kind::Formula(_) => Err("cannot be filtered".to_owned()),
        }
    }

    fn expr(&self) -> &str {
        &self.entry.expr
    }

    fn value(&self) -> &str {
        self.values.first().copied().unwrap_or_default()
    }

    fn empty(&self) -> Fragment {
        let expr = self.expr();
        Fragment::text(match self.entry.kind.value() {
            Kind::Tags => format!(
                "NOT EXISTS (SELECT 1 FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id \
                 WHERE x.record_type = '{}' AND x.record_id = r.id AND t.deleted_at IS NULL)",
                self.record
            ),
            _ if self.entry.key == quality::BROKEN => {
                "NOT EXISTS (SELECT 1 FROM rule_breaks b WHERE b.org_id = r.org_id AND b.record_id = r.id)".to_owned()
            }
            kind if kind.is_list() => format!("coalesce(cardinality({expr}), 0) = 0"),
            Kind::Text | Kind::LongText | Kind::Email | Kind::Phone | Kind::Url | Kind::Domain => {
                format!("({expr} IS NULL OR {expr} = '')")
            }
            _ => format!("{expr} IS NULL"),
        })
    }

    /// Upper and lower case are the same. Names are compared folded, in the column that the indexes have: accents are the same too.
    fn text(&self) -> Fragment {
        let (expr, fold) = match keys::folded(self.record, &self.entry.key) {
            Some(column) => (column.to_owned(), "app.fold"),
            None => (format!("lower({})", self.expr()), "lower"),
        };
        let value = Literal::Text(self.value().to_owned());
        match self.op {
            Op::Contains | Op::NotContains => {
                Fragment::text(format!("strpos({expr}, {fold}(")).bind(value).push(")) > 0")
            }
            // A range of leakproof operators reaches the index; LIKE and starts_with do not.
            Op::Begins if fold == "app.fold" => Fragment::text(format!("{expr} >= app.fold("))
                .bind(value.clone())
                .push(format!(") AND {expr} < app.fold("))
                .bind(value)
                .push(") || chr(1114111)"),
            Op::Begins => Fragment::text(format!("starts_with({expr}, lower(")).bind(value).push("))"),
            _ => Fragment::text(format!("{expr} = {fold}(")).bind(value).push(")"),
        }
    }

    /// Kept in lower case: the column itself is compared, so that its index serves.
    fn lower(&self) -> Fragment {
        let value = self.value().to_lowercase();
        let value = match self.entry.kind.value() {
            Kind::Domain if self.op == Op::Is || self.op == Op::IsNot => text::domain(&value).unwrap_or(value),
            _ => value,
        };
        let expr = self.expr();
        match self.op {
            Op::Contains | Op::NotContains => {
                Fragment::text(format!("strpos({expr}, ")).bind(Literal::Text(value)).push(") > 0")
            }
            Op::Begins => Fragment::text(format!("starts_with({expr}, ")).bind(Literal::Text(value)).push(")"),
            _ => Fragment::text(format!("{expr} = ")).bind(Literal::Text(value)),
        }
    }

    /// Whole numbers as they are kept, parts by their digits.
    fn phone(&self) -> Fragment {
        let expr = self.expr();
        let digits = Literal::Text(text::digits(self.value()).trim_start_matches('0').to_owned());
        match self.op {
            Op::Contains | Op::NotContains => Fragment::text(format!("strpos({expr}, ")).bind(digits).push(") > 0"),
            Op::Begins => Fragment::text(format!("starts_with(ltrim({expr}, '+'), ")).bind(digits).push(")"),
            _ => {
                let region = self.actor.home();
                let whole = people::parse_phone(self.value(), Some(region)).unwrap_or_else(|_| self.value().to_owned());
                Fragment::text(format!("{expr} = ")).bind(Literal::Text(whole))
            }
        }
    }

    fn texts(&self) -> Fragment {
        let phones = *self.entry.kind.value() == Kind::Phones;
        let digits = text::digits(self.value());
        let part = if phones { digits.trim_start_matches('0').to_owned() } else { self.value().to_lowercase() };
        Fragment::text(format!("EXISTS (SELECT 1 FROM unnest({}) v WHERE strpos(v, ", self.expr()))
            .bind(Literal::Text(part))
            .push(") > 0)")
    }

    fn number(&self) -> Result<Fragment, String> {
        if *self.entry.kind.value() == Kind::Integer {
            let read = |v: &str| {
                let plain = v.replace([',', ' ', '\u{a0}'], "").replace('\u{2212}', "-");
                plain.parse::<i64>().map(Literal::Integer).map_err(|_| "must be a whole number".to_owned())
            };
            return self.compare(self.expr(), read);
        }
        self.compare(self.expr(), |v| decimal(v).map(Literal::Decimal))
    }

    /// In the record's own amount: the rule names a currency, and other currencies' amounts are not compared with it.
    fn money(&self) -> Result<Fragment, String> {
        let own = &self.actor.org.currency;
        let named = self.values.last().filter(|_| self.values.len() > if self.op == Op::Between { 2 } else { 1 });
        let currency: Currency = named.copied().unwrap_or(own).parse().map_err(str::to_owned)?;
        let amount = match keys::money(self.record, &self.entry.key) {
            // The kept key: a whole number, whose comparisons reach an index under row-level security.
            Some(column) => self.compare(column, |v| decimal(v).and_then(keys::money_key).map(Literal::Integer)),
            None => self.compare(self.expr(), |v| decimal(v).map(Literal::Decimal)),
        }?;
        Ok(match &self.entry.currency {
            Some(expr) => amount.push(format!(" AND {expr} = ")).bind(Literal::Text(currency.code().to_owned())),
            None if currency.code() == own => amount,
            None => return Err(format!("is kept in {own}")),
        })
    }

    fn compare(&self, expr: &str, read: impl Fn(&str) -> Result<Literal, String>) -> Result<Fragment, String> {
        let first = read(self.value())?;
        let sign = match self.op {
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
            Op::Between => {
                let second = read(self.values.get(1).copied().unwrap_or_default())?;
                return Ok(Fragment::text(format!("{expr} >= "))
                    .bind(first)
                    .push(format!(" AND {expr} <= "))
                    .bind(second));
            }
            _ => "=",
        };
        Ok(Fragment::text(format!("{expr} {sign} ")).bind(first))
    }

    fn day(&self) -> Result<Fragment, String> {
        let today = self.actor.today();
        let date = |v: &str| calendar::parse_date(v).map_err(str::to_owned);
        let tomorrow = |day: NaiveDate| day + Days::new(1);
        let (from, to) = match self.op {
            Op::Before => (None, Some(date(self.value())?)),
            Op::After => (Some(tomorrow(date(self.value())?)), None),
            Op::Between => {
                let last = date(self.values.get(1).copied().unwrap_or_default())?;
                (Some(date(self.value())?), Some(tomorrow(last)))
            }
            Op::Period => {
                let span = dates::period(self.value(), today, self.actor.org.fiscal_year_start);
                let Span { from, to } = span.ok_or("must be one of the periods")?;
                (Some(from), Some(to))
            }
            Op::LastDays => (Some(today - self.days()?), Some(tomorrow(today))),
            Op::NextDays => (Some(today), Some(tomorrow(today + self.days()?))),
            Op::DaysAgo => (None, Some(today - self.days()?)),
            _ => {
                let day = date(self.value())?;
                (Some(day), Some(tomorrow(day)))
            }
        };
        let mut parts = Vec::new();
        for (sign, day) in [(">=", from), ("<", to)] {
            if let Some(day) = day {
                parts.push(Fragment::text(format!("{} {sign} ", self.expr())).bind(self.moment(day)));
            }
        }
        Ok(Fragment::join(parts, "AND"))
    }

    /// Of a moment, the day begins at midnight where the reader is.
    fn moment(&self, day: NaiveDate) -> Literal {
        match self.entry.kind.value() {
            Kind::DateTime => Literal::Instant(calendar::instants(Span { from: day, to: day }, self.actor.zone).0),
            _ => Literal::Date(day),
        }
    }

    fn days(&self) -> Result<Days, String> {
        match self.value().parse::<u64>() {
            Ok(days) if days <= MOST_DAYS => Ok(Days::new(days)),
            _ => Err(format!("needs a number of days from 0 to {MOST_DAYS}")),
        }
    }

    fn yes(&self) -> Result<Fragment, String> {
        let expr = self.expr();
        match self.value() {
            "true" => Ok(Fragment::text(format!("{expr} IS TRUE"))),
            "false" => Ok(Fragment::text(format!("{expr} IS NOT TRUE"))),
            _ => Err("must be yes or no".to_owned()),
        }
    }

    fn one_of(&self) -> Fragment {
        let mut keys: Vec<String> = self.values.iter().map(|v| (*v).to_owned()).collect();
        if matches!(self.op, Op::Is | Op::IsNot) {
            keys.truncate(1);
        }
        match keys.as_slice() {
            [one] => Fragment::text(format!("{} = ", self.expr())).bind(Literal::Text(one.clone())),
            _ => Fragment::text(format!("{} = ANY (", self.expr())).bind(Literal::Texts(keys)).push(")"),
        }
    }

    fn some_of(&self) -> Fragment {
        if self.entry.key == quality::BROKEN {
            return self.breaking();
        }
        let keys = self.values.iter().map(|v| (*v).to_owned()).collect();
        Fragment::text(format!("{} && ", self.expr())).bind(Literal::Texts(keys))
    }

    /// Read from the rules' side, which an index serves.
    fn breaking(&self) -> Fragment {
        let ids = self.values.iter().filter_map(|v| v.parse().ok()).collect();
        Fragment::text("r.id IN (SELECT b.record_id FROM rule_breaks b WHERE b.rule_id = ANY (")
            .bind(Literal::Uuids(ids))
            .push("))")
    }

    /// Tags by id: a tag that was merged means the one it went into. Read from the tag's side, which an index serves.
    fn tagged(&self) -> Fragment {
        let ids = self.values.iter().filter_map(|v| v.parse().ok()).collect();
        Fragment::text(format!(
            "r.id IN (SELECT x.record_id FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id \
             WHERE x.record_type = '{}' AND t.deleted_at IS NULL AND t.id IN (SELECT coalesce(m.merged_into, m.id) FROM tags m WHERE m.id = ANY (",
            self.record
        ))
        .bind(Literal::Uuids(ids))
        .push(")))")
    }

    /// "me" and "team" are the reader's own, whoever made the filter.
    fn ids(&self) -> Result<Fragment, String> {
        let mut ids: Vec<Uuid> = Vec::new();
        let member = *self.entry.kind.value() == Kind::Member;
        for value in &self.values {
            match *value {
                "me" if member => ids.push(self.actor.id.0),
                "team" if member => ids.extend(self.actor.team()),
                id => ids.push(id.parse().map_err(|_| "must be one of the choices")?),
            }
        }
        Ok(match ids.as_slice() {
            [one] => Fragment::text(format!("{} = ", self.expr())).bind(Literal::Uuid(*one)),
            _ => Fragment::text(format!("{} = ANY (", self.expr())).bind(Literal::Uuids(ids)).push(")"),
        })
    }
}

/// As the builder writes them, those below zero too; as exact as any field keeps them.
fn decimal(value: &str) -> Result<Decimal, String> {
    money::parse_decimal(value.trim_end_matches('%'), PLACES, DecimalMark::Point)
}
