//! The filter's form line by line, for a template that cannot call itself.

use super::{
    super::{Names, PERIODS, Problem, op::Arity},
    DEEPEST, Filter, Op, Schema, offered,
};
use crate::{
    features::{
        fields::{Catalogue, Entry, Kind},
        records::filter::relations::relation,
    },
    kernel::{Currency, RecordType, countries},
    web::{Actor, SelectOption},
};

/// A line of the form.
#[derive(Clone, Debug)]
pub enum Line {
    Open {
        path: String,
        /// The way to what its remove button removes.
        node: String,
        any: bool,
        /// Of a related record: its relation's key, "a deal", and whether there must be one.
        related: Option<(String, String, bool)>,
        root: bool,
    },
    Rule {
        path: String,
        fields: Vec<(String, Vec<SelectOption>)>,
        key: String,
        ops: Vec<SelectOption>,
        control: Control,
        error: String,
        new: bool,
    },
    Close {
        path: String,
        related: bool,
        relations: Vec<(&'static str, &'static str)>,
        may_nest: bool,
        empty: bool,
    },
}

/// How a rule's values are typed in.
#[derive(Clone, Debug)]
pub enum Control {
    Nothing,
    Input { kind: &'static str, mode: &'static str, values: Vec<String> },
    Money { values: Vec<String>, currencies: Vec<SelectOption> },
    Select { options: Vec<SelectOption> },
    Checks { options: Vec<SelectOption> },
    Record { chosen: Vec<SelectOption>, options: String, several: bool },
}

/// Everything the form shows.
pub fn lines(
    filter: &Filter,
    record: RecordType,
    (schema, names, actor): (&Schema, &Names, &Actor),
    (problem, new): (Option<&Problem>, Option<&[usize]>),
) -> Vec<Line> {
    let mut writer = Writer { schema, names, actor, problem, new, lines: Vec::new() };
    writer.group(filter, record, &mut Vec::new(), None);
    writer.lines
}

struct Writer<'a> {
    schema: &'a Schema,
    names: &'a Names,
    actor: &'a Actor,
    problem: Option<&'a Problem>,
    new: Option<&'a [usize]>,
    lines: Vec<Line>,
}

impl Writer<'_> {
    fn group(
        &mut self,
        filter: &Filter,
        record: RecordType,
        path: &mut Vec<usize>,
        related: Option<(String, String, bool)>,
    ) {
        let depth = path.len();
        let is_related = related.is_some();
        self.lines.push(Line::Open {
            path: spelled(path),
            node: spelled(if is_related { &path[..depth.saturating_sub(1)] } else { path }),
            any: matches!(filter, Filter::Any(_)),
            related,
            root: depth == 0,
        });
        for (n, part) in filter.parts().iter().enumerate() {
            path.push(n);
            match part {
                Filter::Rule { key, op, values } => self.rule(record, key, *op, values, path),
                Filter::Related { relation: key, has, filter } => {
                    if let Some(relation) = relation(record, key) {
                        path.push(0);
                        let head = (key.clone(), relation.words.to_owned(), *has);
                        self.group(filter, relation.target, path, Some(head));
                        path.pop();
                    }
                }
                group => self.group(group, record, path, None),
            }
            path.pop();
        }
        self.lines.push(Line::Close {
            path: spelled(path),
            related: is_related,
            relations: offered(record, self.schema),
            may_nest: depth < DEEPEST,
            empty: filter.parts().is_empty(),
        });
    }

    fn rule(&mut self, record: RecordType, key: &str, op: Op, values: &[String], path: &[usize]) {
        let Some(catalogue) = self.schema.get(record) else { return };
        let error = self.problem.filter(|p| p.path == path).map(|p| p.message.clone()).unwrap_or_default();
        let entry = catalogue.get(key);
        let ops = entry.map(|entry| Op::of(&entry.kind)).unwrap_or_default();
        let control = entry.map_or(Control::Nothing, |entry| self.control(entry, op, values));
        self.lines.push(Line::Rule {
            path: spelled(path),
            fields: fields(catalogue, key),
            key: key.to_owned(),
            ops: ops.iter().map(|o| SelectOption::new(o.key(), o.label(), *o == op)).collect(),
            control,
            error,
            new: self.new == Some(path),
        });
    }

    fn control(&self, entry: &Entry, op: Op, values: &[String]) -> Control {
        let several = op.values() == Arity::Several;
        let two = op.values() == Arity::Two;
        let first = values.first().map(String::as_str).unwrap_or_default();
        let inputs = |kind, mode| {
            let value = |n: usize| values.get(n).cloned().unwrap_or_default();
            Control::Input { kind, mode, values: if two { vec![value(0), value(1)] } else { vec![value(0)] } }
        };
        match (entry.kind.value(), op) {
            (_, Op::Empty | Op::NotEmpty) => Control::Nothing,
            (_, Op::LastDays | Op::NextDays | Op::DaysAgo) => inputs("number", "numeric"),
            (_, Op::Period) => {
                let options = PERIODS.iter().map(|(key, words)| SelectOption::new(*key, *words, *key == first));
                Control::Select { options: options.collect() }
            }
            (Kind::Date | Kind::DateTime, _) => inputs("date", ""),
            (Kind::Integer, _) => inputs("text", "numeric"),
            (Kind::Decimal | Kind::Percent, _) => inputs("text", "decimal"),
            (Kind::Money, _) => self.money(entry, two, values),
            (Kind::Bool, _) => Control::Select {
                options: vec![
                    SelectOption::new("true", "Yes", first != "false"),
                    SelectOption::new("false", "No", first == "false"),
                ],
            },
            (Kind::Record(target), _) => {
                let chosen = values.iter().filter(|v| !v.is_empty());
                let named = |v: &String| self.names.id(&entry.kind, v).unwrap_or_default();
                Control::Record {
                    chosen: chosen.map(|v| SelectOption::new(v, named(v), true)).collect(),
                    options: format!("/{}/options", target.noun()),
                    several,
                }
            }
            (kind, _) => match self.options(kind, values) {
                Some(options) if several => Control::Checks { options },
                Some(options) => Control::Select { options },
                None => inputs("text", ""),
            },
        }
    }

    fn money(&self, entry: &Entry, two: bool, values: &[String]) -> Control {
        let amounts = if two { 2 } else { 1 };
        let own = self.actor.org.currency.as_str();
        let current = values.get(amounts).map_or(own, String::as_str);
        let codes: Vec<(String, String)> =
            if entry.currency.is_some() { Currency::all() } else { vec![(own.to_owned(), String::new())] };
        Control::Money {
            values: (0..amounts).map(|n| values.get(n).cloned().unwrap_or_default()).collect(),
            currencies: codes.into_iter().map(|(code, _)| SelectOption::new(&code, &code, code == current)).collect(),
        }
    }

    /// What one chooses from, when the field has such a list.
    fn options(&self, kind: &Kind, values: &[String]) -> Option<Vec<SelectOption>> {
        let option = |value: String, label: String| {
            let selected = values.contains(&value);
            SelectOption::new(value, label, selected)
        };
        Some(match kind {
            Kind::Choice(all) | Kind::Choices(all) => {
                let offered = all.iter().filter(|c| !c.retired || values.contains(&c.key));
                offered.map(|c| option(c.key.clone(), c.label.clone())).collect()
            }
            Kind::Tags => self.names.tags.iter().map(|t| option(t.id.to_string(), t.name.clone())).collect(),
            Kind::Country => countries::all().into_iter().map(|(code, name)| option(code.to_owned(), name)).collect(),
            Kind::Currency => {
                Currency::all().into_iter().map(|(code, name)| option(code.clone(), format!("{code} {name}"))).collect()
            }
            Kind::Member => {
                let mut all = vec![option("me".into(), "Me".into()), option("team".into(), "My team".into())];
                let people = self.names.people.iter().filter(|p| p.active || values.contains(&p.id.to_string()));
                all.extend(people.map(|p| option(p.id.to_string(), p.name.clone())));
                all
            }
            Kind::Pipeline => self.names.pipelines.iter().map(|p| option(p.id.to_string(), p.name.clone())).collect(),
            Kind::Stage => self
                .names
                .pipelines
                .iter()
                .flat_map(|p| self.names.stages.iter().filter(|s| s.pipeline_id == p.id).map(move |s| (p, s)))
                .map(|(p, s)| {
                    let label = if self.names.pipelines.len() > 1 {
                        format!("{} · {}", p.name, s.name)
                    } else {
                        s.name.clone()
                    };
                    option(s.id.to_string(), label)
                })
                .collect(),
            _ => return None,
        })
    }
}

fn spelled(path: &[usize]) -> String {
    path.iter().map(usize::to_string).collect::<Vec<_>>().join(".")
}

/// The fields one may ask about, under their sections.
fn fields(catalogue: &Catalogue, current: &str) -> Vec<(String, Vec<SelectOption>)> {
    let mut groups: Vec<(String, Vec<SelectOption>)> = Vec::new();
    for entry in catalogue.entries.iter().filter(|e| e.filterable && !Op::of(&e.kind).is_empty()) {
        let option = SelectOption::new(&entry.key, &entry.label, entry.key == current);
        match groups.iter_mut().find(|(section, _)| *section == entry.section) {
            Some((_, options)) => options.push(option),
            None => groups.push((entry.section.clone(), vec![option])),
        }
    }
    groups
}
