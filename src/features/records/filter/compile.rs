//! A filter as SQL. Fields come from the reader's catalogues, relations from the table of relations, values as binds: nothing of
//! the user's reaches the statement's text.

use super::{
    Filter, Op, Schema,
    relations::{Relation, relation},
    rules,
};
use crate::{
    features::{
        records::list::sql::{Fragment, Literal},
        segments,
    },
    kernel::RecordType,
    web::Actor,
};

/// What is wrong with a filter, and with which part of it: the way down through the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub path: Vec<usize>,
    pub message: String,
}

/// The condition over the record's table, aliased `r`; always in brackets.
pub fn compile(filter: &Filter, record: RecordType, schema: &Schema, actor: &Actor) -> Result<Fragment, Problem> {
    Compiler { schema, actor }.filter(filter, record, &mut Vec::new())
}

/// The parts of it that mean something to this reader; `None` when what does not is no part by itself.
pub fn without_what_is_gone(filter: &Filter, record: RecordType, schema: &Schema, actor: &Actor) -> Option<Filter> {
    let mut rest = filter.clone();
    while let Err(problem) = compile(&rest, record, schema, actor) {
        rest = rest.without(*problem.path.first()?);
    }
    Some(rest)
}

struct Compiler<'a> {
    schema: &'a Schema,
    actor: &'a Actor,
}

impl Compiler<'_> {
    fn filter(&self, filter: &Filter, record: RecordType, path: &mut Vec<usize>) -> Result<Fragment, Problem> {
        match filter {
            Filter::All(parts) => Ok(Fragment::join(self.parts(parts, record, path)?, "AND")),
            Filter::Any(parts) => Ok(Fragment::join(self.parts(parts, record, path)?, "OR")),
            Filter::Rule { key, op, values } if key == segments::RULE => self.segments(record, *op, values, path),
            Filter::Rule { key, op, values } => {
                let entry = self.schema.get(record).and_then(|c| c.get(key)).filter(|entry| entry.filterable);
                let entry = entry.ok_or_else(|| problem(path, "There is no such field any more, or not for you."))?;
                rules::compile(record, entry, *op, values, self.actor).map_err(|message| problem(path, &message))
            }
            Filter::Related { relation: key, has, filter } => {
                let relation = relation(record, key).filter(|r| self.schema.get(r.target).is_some());
                let relation = relation.ok_or_else(|| problem(path, "There are no such related records for you."))?;
                path.push(0);
                let inner = self.filter(filter, relation.target, path)?;
                path.pop();
                Ok(self.related(relation, *has, inner))
            }
        }
    }

    /// In any of these segments: put there by hand, or matching the segment's own filter. None is built on another, so this ends.
    fn segments(
        &self,
        record: RecordType,
        op: Op,
        values: &[String],
        path: &mut Vec<usize>,
    ) -> Result<Fragment, Problem> {
        const BY_HAND: &str = "r.id IN (SELECT m.record_id FROM segment_members m WHERE m.segment_id";
        if matches!(op, Op::Empty | Op::NotEmpty) {
            let any =
                Fragment::text(format!("{BY_HAND} = ANY (SELECT s.id FROM segments s WHERE s.deleted_at IS NULL))"));
            return Ok(if op == Op::NotEmpty { any } else { Fragment::text("NOT (").append(any).push(")") });
        }
        let mut parts = Vec::new();
        for value in values {
            let found = self.schema.segment(record, value);
            let segment = found.ok_or_else(|| problem(path, "There is no such segment any more."))?;
            parts.push(match segment.filter() {
                Some(filter) if filter.names(segments::RULE) => return Err(problem(path, "This segment is damaged.")),
                Some(filter) => self.filter(&filter, record, path)?,
                None => Fragment::text(format!("{BY_HAND} = ")).bind(Literal::Uuid(segment.id.0)).push(")"),
            });
        }
        if parts.is_empty() {
            return Err(problem(path, "Segment: a value is missing."));
        }
        let any = Fragment::join(parts, "OR");
        Ok(match op {
            Op::NoneOf | Op::IsNot => Fragment::text("(").append(any).push(" IS NOT TRUE)"),
            _ => any,
        })
    }

    /// Empty groups narrow nothing, also within "any of".
    fn parts(&self, parts: &[Filter], record: RecordType, path: &mut Vec<usize>) -> Result<Vec<Fragment>, Problem> {
        let mut all = Vec::with_capacity(parts.len());
        for (n, part) in parts.iter().enumerate() {
            if part.is_empty() {
                continue;
            }
            path.push(n);
            all.push(self.filter(part, record, path)?);
            path.pop();
        }
        Ok(all)
    }

    /// The derived table keeps the related record's `r` apart from the record's own; Postgres makes a (anti-)semi-join of it.
    fn related(&self, relation: &Relation, has: bool, inner: Fragment) -> Fragment {
        let Relation { from, link, own, .. } = relation;
        let mut all = Fragment::text(format!(
            "({}EXISTS (SELECT 1 FROM (SELECT {link} AS link FROM {from} WHERE r.archived_at IS NULL AND r.deleted_at IS NULL",
            if has { "" } else { "NOT " },
        ));
        if let Some(owners) = self.actor.visible_owners() {
            all = all.push(" AND r.owner_id = ANY (").bind(Literal::Uuids(owners)).push(")");
        }
        all.push(" AND ").append(inner).push(format!(") x WHERE x.link = {own}))"))
    }
}

fn problem(path: &[usize], message: &str) -> Problem {
    Problem { path: path.to_vec(), message: message.to_owned() }
}
