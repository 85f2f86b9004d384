//! The filter as a form. Everything is in its fields, in reading order, and every button submits them: the page answers with the
//! form changed accordingly. A script only saves the reload.
//!
//! The fields: `g` opens a group (`all` or `any`) and `e` ends it; `k`, `was`, `op`, `v`…, `c` are a rule's field, the field it had
//! before, its operator, values and currency; `ref_id` is the record a text field beside it names; `rel` and `has` come before the
//! group of a related record. `do` is the button: `rule@0.1`, `group@`, `related:deals@2`, `remove@0`, `apply`.

mod lines;

pub use lines::{Control, Line, lines};

use super::{
    DEEPEST, Filter, Op, Schema,
    op::Arity,
    relations::{relation, relations},
};
use crate::{
    features::fields::{Kind, PLACES},
    kernel::{RecordType, money, numbers::DecimalMark},
    web::Form,
};

/// What a button asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Show,
    Apply,
    /// The form changed; the way to what is new.
    Changed(Option<Vec<usize>>),
}

/// The filter in the form's fields, changed as its button says. `mark`: of the numbers typed.
pub fn read(form: &Form, record: RecordType, schema: &Schema, mark: DecimalMark) -> (Filter, Action) {
    let tokens: Vec<(&str, &str)> = form.pairs().filter(|(name, _)| TOKENS.contains(name)).collect();
    let mut reader = Reader { tokens: &tokens, at: 0, schema, mark };
    let mut filter = reader.group(record, 0).unwrap_or_default();
    let (verb, way) = form.get("do").split_once('@').unwrap_or((form.get("do"), ""));
    let path: Vec<usize> = way.split('.').filter_map(|n| n.parse().ok()).collect();
    let action = match verb.split_once(':').unwrap_or((verb, "")) {
        ("apply", _) => Action::Apply,
        ("remove", _) => {
            remove(&mut filter, &path);
            Action::Changed(None)
        }
        ("rule", _) => Action::Changed(add(&mut filter, &path, first_rule())),
        ("group", _) => Action::Changed(add(&mut filter, &path, Filter::Any(vec![first_rule()]))),
        ("related", key) if record_at(&filter, record, &path).is_some_and(|r| relation(r, key).is_some()) => {
            let part = Filter::Related { relation: key.to_owned(), has: true, filter: Box::default() };
            Action::Changed(add(&mut filter, &path, part))
        }
        _ => Action::Show,
    };
    (filter, action)
}

const TOKENS: &[&str] = &["g", "e", "k", "was", "op", "v", "c", "ref_id", "rel", "has"];

fn first_rule() -> Filter {
    Filter::rule("name", Op::Contains, &[])
}

struct Reader<'a> {
    tokens: &'a [(&'a str, &'a str)],
    at: usize,
    schema: &'a Schema,
    mark: DecimalMark,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(|(name, _)| *name)
    }

    /// The value, when the next field has that name.
    fn take(&mut self, name: &str) -> Option<&'a str> {
        let (found, value) = self.tokens.get(self.at)?;
        (*found == name).then(|| {
            self.at += 1;
            *value
        })
    }

    fn group(&mut self, record: RecordType, depth: usize) -> Option<Filter> {
        let any = self.take("g")? == "any";
        let mut parts = Vec::new();
        while let Some(name) = self.peek() {
            match name {
                "e" => {
                    self.at += 1;
                    break;
                }
                "k" => parts.extend(self.rule(record)),
                "g" if depth < DEEPEST + 1 => parts.extend(self.group(record, depth + 1)),
                "rel" => parts.extend(self.related(record, depth)),
                _ => self.at += 1,
            }
        }
        Some(if any { Filter::Any(parts) } else { Filter::All(parts) })
    }

    fn related(&mut self, record: RecordType, depth: usize) -> Option<Filter> {
        let key = self.take("rel")?;
        let has = self.take("has") != Some("no");
        let relation = relation(record, key)?;
        let inner = self.group(relation.target, depth + 1).unwrap_or_default();
        Some(Filter::Related { relation: key.to_owned(), has, filter: Box::new(inner) })
    }

    /// A number as every reader of the filter reads it; what is none stays, for the error to show.
    fn number(&self, typed: &str) -> String {
        let read = money::parse_decimal(typed.trim_end_matches('%'), PLACES, self.mark);
        read.map_or_else(|_| typed.to_owned(), money::typed)
    }

    /// A rule whose field was changed begins anew.
    fn rule(&mut self, record: RecordType) -> Option<Filter> {
        let key = self.take("k")?.to_owned();
        let was = self.take("was").unwrap_or_default();
        let asked = self.take("op").and_then(Op::parse);
        let (mut values, mut currency) = (Vec::new(), None);
        loop {
            if let Some(value) = self.take("v").or_else(|| self.take("ref_id")) {
                values.push(value.to_owned());
            } else if let Some(code) = self.take("c") {
                currency = Some(code.to_owned());
            } else {
                break;
            }
        }
        let kind = self.schema.get(record).and_then(|c| c.get(&key)).map(|entry| entry.kind.clone())?;
        let ops = Op::of(&kind);
        let op = asked.filter(|op| was == key && ops.contains(op)).or(ops.first().copied())?;
        if was != key {
            return Some(Filter::Rule { key, op, values: vec![] });
        }
        values.retain(|v| !v.is_empty());
        if matches!(kind.value(), Kind::Integer | Kind::Decimal | Kind::Percent | Kind::Money) {
            values.iter_mut().for_each(|value| *value = self.number(value));
        }
        match op.values() {
            Arity::None => values.clear(),
            Arity::One => values.truncate(1),
            Arity::Two => values.truncate(2),
            Arity::Several => {}
        }
        if *kind.value() == Kind::Money && !values.is_empty() {
            values.extend(currency);
        }
        Some(Filter::Rule { key, op, values })
    }
}

fn children(filter: &mut Filter) -> Option<&mut Vec<Filter>> {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => Some(parts),
        _ => None,
    }
}

fn at<'a>(filter: &'a mut Filter, path: &[usize]) -> Option<&'a mut Filter> {
    let Some((first, rest)) = path.split_first() else { return Some(filter) };
    match filter {
        Filter::All(parts) | Filter::Any(parts) => at(parts.get_mut(*first)?, rest),
        Filter::Related { filter, .. } if *first == 0 => at(filter, rest),
        _ => None,
    }
}

/// Which records the group at the end of the way is about.
fn record_at(filter: &Filter, record: RecordType, path: &[usize]) -> Option<RecordType> {
    let Some((first, rest)) = path.split_first() else { return Some(record) };
    match filter {
        Filter::All(parts) | Filter::Any(parts) => record_at(parts.get(*first)?, record, rest),
        Filter::Related { relation: key, filter, .. } => record_at(filter, relation(record, key)?.target, rest),
        Filter::Rule { .. } => None,
    }
}

/// Adds to the group at that way, unless the filter's bounds forbid it.
fn add(filter: &mut Filter, path: &[usize], part: Filter) -> Option<Vec<usize>> {
    let mut copy = filter.clone();
    let parts = children(at(&mut copy, path)?)?;
    parts.push(part);
    let place = parts.len() - 1;
    copy.check().ok()?;
    *filter = copy;
    Some(path.iter().copied().chain([place]).collect())
}

fn remove(filter: &mut Filter, path: &[usize]) {
    let Some((last, way)) = path.split_last() else { return };
    if let Some(parts) = at(filter, way).and_then(children)
        && *last < parts.len()
    {
        parts.remove(*last);
    }
}

/// The relations a group about those records may add, of types that the reader sees.
fn offered(record: RecordType, schema: &Schema) -> Vec<(&'static str, &'static str)> {
    relations(record).iter().filter(|r| schema.get(r.target).is_some()).map(|r| (r.key, r.words)).collect()
}
