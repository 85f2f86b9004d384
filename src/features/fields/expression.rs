//! Expressions over a record's fields, in CEL's grammar: formula fields and validation rules.
//!
//! The `cel` crate parses; checking and evaluating are our own, because the trade's numbers are money: every number is an exact
//! decimal (CEL's are doubles), and an empty field is `null`, which goes through arithmetic as it does through SQL instead of being
//! an error. Types are checked when an expression is saved, so that a saved one cannot fail by type. Nothing loops: comprehensions
//! are refused, the text and its tree are bounded, and evaluation visits each node at most once.
//!
//! - Arithmetic with an empty value is empty; so is division by zero. Text joined with an empty value is the text.
//! - An ordering comparison with an empty value is false; `x == null` asks whether it is empty.
//! - A date plus a number is days later; a date less a date is days between.
//! - Results are rounded half away from zero: decimals to ten places, integers to whole ones.

mod apply;
mod functions;

use super::{Catalogue, Kind};
pub use apply::ROUNDING;
use apply::apply;
use cel::{
    common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators},
    parser::Parser,
};
use chrono::{DateTime, NaiveDate, Utc};
use functions::Op;
use rust_decimal::Decimal;
use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
};

/// Longest expression, in characters; most nodes of its tree; deepest nesting.
pub const LONGEST: usize = 2_000;
const NODES: usize = 250;
const DEPTH: u16 = 24;
const DIGITS: usize = 15;
/// Enough for every text of [`LONGEST`] characters, with room to spare; only what is used of it becomes memory.
const STACK: usize = 256 << 20;
/// Longest text an expression makes, in characters.
const TEXT: usize = 10_000;

/// What an expression works with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Text(String),
    Number(Decimal),
    Bool(bool),
    Date(NaiveDate),
    Time(DateTime<Utc>),
    List(Vec<String>),
}

/// The type of an expression, known before any record is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    Text,
    Number,
    Bool,
    Date,
    Time,
    List,
    /// An id: only empty or not, the same or another.
    Reference,
    /// Always empty.
    Null,
}

impl Type {
    pub fn of(kind: &Kind) -> Self {
        match kind.value() {
            Kind::Integer | Kind::Decimal | Kind::Percent | Kind::Money => Type::Number,
            Kind::Bool => Type::Bool,
            Kind::Date => Type::Date,
            Kind::DateTime => Type::Time,
            Kind::Choices(_) | Kind::Emails | Kind::Phones | Kind::Tags => Type::List,
            Kind::Member | Kind::Record(_) | Kind::Pipeline | Kind::Stage => Type::Reference,
            _ => Type::Text,
        }
    }

    /// In words, as an error says it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Number => "a number",
            Type::Bool => "yes or no",
            Type::Date => "a date",
            Type::Time => "a time",
            Type::List => "a list",
            Type::Reference => "a link",
            Type::Null => "nothing",
        }
    }

    /// Whether a value of that type may stand where `self` is wanted; nothing may stand anywhere.
    fn takes(self, other: Type) -> bool {
        self == other || other == Type::Null
    }
}

/// A record's values by field key, and the day it is for whoever asks.
#[derive(Clone, Debug)]
pub struct Values {
    pub fields: HashMap<String, Value>,
    pub today: NaiveDate,
}

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Expression {
    root: Node,
    result: Type,
    uses: BTreeSet<String>,
    daily: bool,
}

#[derive(Clone, Debug)]
enum Node {
    Constant(Value),
    Field(String),
    Call(Op, Vec<Node>),
}

impl Expression {
    /// Reads and type-checks; the message is for the person who wrote it.
    pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, String> {
        const ODD: &str = "cannot be read as an expression";
        // The generated parser calls itself for every operator of a chain: on a stack of its own it cannot end the program.
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().stack_size(STACK);
            let reading = reader.spawn_scoped(scope, || Self::parse_here(text, catalogue)).map_err(|_| ODD)?;
            reading.join().map_err(|_| ODD)?
        })
    }

    fn parse_here(text: &str, catalogue: &Catalogue) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("is too long: at most {LONGEST} characters"));
        }
        let tree = read(text)?;
        let mut reading = Reading { catalogue, nodes: 0, uses: BTreeSet::new(), daily: false };
        let (root, result) = reading.node(&tree)?;
        Ok(Self { root, result, uses: reading.uses, daily: reading.daily })
    }

    pub fn result(&self) -> Type {
        self.result
    }

    /// The keys of the fields it reads.
    pub fn uses(&self) -> impl Iterator<Item = &str> {
        self.uses.iter().map(String::as_str)
    }

    /// Its value changes with the day.
    pub fn is_daily(&self) -> bool {
        self.daily
    }

    /// The value for a record. Fields that are not there are empty. Fails only on numbers or dates that grow out of range.
    pub fn check(&self, values: &Values) -> Result<Value, String> {
        self.root.value(values)
    }

    /// For rules: whether it holds. A value that is empty does not.
    pub fn holds(&self, values: &Values) -> Result<bool, String> {
        Ok(self.check(values)? == Value::Bool(true))
    }
}

fn read(text: &str) -> Result<IdedExpr, String> {
    if text.trim().is_empty() {
        return Err("is required".into());
    }
    if brackets(text) > usize::from(DEPTH) {
        return Err("is nested too deeply".into());
    }
    if digits(text) > DIGITS {
        return Err(format!("holds a decimal of more than {DIGITS} digits, which would be rounded"));
    }
    // The generated parser may give up on odd input by panicking; that is one more way of not being an expression.
    let parsed =
        std::panic::catch_unwind(|| Parser::new().max_recursion_depth(DEPTH).error_recovery_limit(4).parse(text));
    match parsed {
        Ok(Ok(tree)) => Ok(tree),
        Ok(Err(errors)) => {
            let first = errors.errors.first();
            let told = first.map(|e| e.msg.as_str()).unwrap_or_default();
            let at = first.map_or(1, |e| e.pos.1.max(0) + 1);
            Err(format!("cannot be read at character {at}: {}", plainly(told)))
        }
        Err(_) => Err("cannot be read as an expression".into()),
    }
}

/// What the parser says ("mismatched input ')' expecting …"), in words of ours.
fn plainly(told: &str) -> String {
    let told = told.split(" expecting ").next().unwrap_or_default();
    if told.contains("<EOF>") {
        return "something is missing at the end".to_owned();
    }
    let quoted = told.split_once('\'').and_then(|(_, rest)| Some(rest.rsplit_once('\'')?.0)).unwrap_or_default();
    let quoted: String = quoted.chars().take(40).collect();
    match (told.contains("token recognition"), quoted.is_empty()) {
        (_, true) => "something is wrong there".to_owned(),
        (true, false) => format!("“{quoted}” means nothing here"),
        (false, false) => format!("“{quoted}” cannot stand there"),
    }
}

/// Digits of the longest number with a decimal point. The grammar's are doubles, exact to [`DIGITS`].
fn digits(text: &str) -> usize {
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').filter(|number| number.contains('.'));
    numbers.map(|number| number.bytes().filter(u8::is_ascii_digit).count()).max().unwrap_or(0)
}

/// How many brackets are open at most.
fn brackets(text: &str) -> usize {
    let mut open = 0_usize;
    let mut most = 0;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

struct Reading<'a> {
    catalogue: &'a Catalogue,
    nodes: usize,
    uses: BTreeSet<String>,
    daily: bool,
}

impl Reading<'_> {
    fn node(&mut self, tree: &IdedExpr) -> Result<(Node, Type), String> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err("is too complex".into());
        }
        match &tree.expr {
            Expr::Ident(name) => self.field(name),
            Expr::Literal(value) => literal(value),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.list(&list.elements),
            Expr::Comprehension(_) => {
                Err("must not loop over lists: all, exists, map and filter are not known here".into())
            }
            _ => Err("uses something that is not known here; use fields by their keys, values and functions".into()),
        }
    }

    fn field(&mut self, name: &str) -> Result<(Node, Type), String> {
        let entry = self.catalogue.get(name).ok_or_else(|| self.unknown(name))?;
        self.uses.insert(name.to_owned());
        Ok((Node::Field(name.to_owned()), Type::of(&entry.kind)))
    }

    fn unknown(&self, name: &str) -> String {
        let name: String = name.chars().take(60).collect();
        let near = |key: &&str| strsim::damerau_levenshtein(key, &name) <= 2 || key.trim_start_matches("c_") == name;
        match self.catalogue.entries.iter().map(|e| e.key.as_str()).find(near) {
            Some(key) => format!("names “{name}”, which is no field; did you mean {key}?"),
            None => format!("names “{name}”, which is no field of this type"),
        }
    }

    fn call(&mut self, call: &CallExpr) -> Result<(Node, Type), String> {
        let parts = call.target.iter().map(|t| &**t).chain(&call.args);
        let (nodes, types): (Vec<Node>, Vec<Type>) =
            parts.map(|part| self.node(part)).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let op = Op::find(&call.func_name)
            .ok_or_else(|| format!("calls “{}”, which is not known here", spoken(&call.func_name)))?;
        let result = op.result(&types)?;
        self.daily |= op == Op::Today;
        Ok((Node::Call(op, nodes), result))
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Result<(Node, Type), String> {
        let mut all = Vec::new();
        for element in elements {
            match self.node(element)? {
                (Node::Constant(Value::Text(text)), _) => all.push(text),
                _ => return Err("may list texts only, such as [\"a\", \"b\"]".into()),
            }
        }
        Ok((Node::Constant(Value::List(all)), Type::List))
    }
}

fn literal(value: &LiteralValue) -> Result<(Node, Type), String> {
    let number = |text: String| {
        Decimal::from_str(&text)
            .map(|n| (Node::Constant(Value::Number(n)), Type::Number))
            .map_err(|_| "holds a number that is out of range".to_owned())
    };
    match value {
        LiteralValue::Boolean(b) => Ok((Node::Constant(Value::Bool(*b.inner())), Type::Bool)),
        LiteralValue::Int(n) => number(n.inner().to_string()),
        LiteralValue::UInt(n) => number(n.inner().to_string()),
        // The shortest decimal that reads as this double: what was typed.
        LiteralValue::Double(n) => number(n.inner().to_string()),
        LiteralValue::String(s) => Ok((Node::Constant(Value::Text(s.inner().to_owned())), Type::Text)),
        LiteralValue::Null => Ok((Node::Constant(Value::Null), Type::Null)),
        LiteralValue::Bytes(_) => Err("may not hold bytes".into()),
    }
}

/// `_[_]` as people know it.
fn spoken(name: &str) -> String {
    let name = match name {
        operators::INDEX => "[ ]",
        other => other,
    };
    name.chars().take(40).collect()
}

impl Node {
    fn value(&self, values: &Values) -> Result<Value, String> {
        match self {
            Node::Constant(value) => Ok(value.clone()),
            Node::Field(key) => Ok(values.fields.get(key).cloned().unwrap_or(Value::Null)),
            // One branch is looked at: the other may be what the condition guards against.
            Node::Call(Op::If, parts) => match parts.as_slice() {
                [condition, yes, no] => {
                    if condition.value(values)? == Value::Bool(true) {
                        yes.value(values)
                    } else {
                        no.value(values)
                    }
                }
                _ => Ok(Value::Null),
            },
            Node::Call(op, parts) => {
                let parts = parts.iter().map(|part| part.value(values)).collect::<Result<Vec<_>, _>>()?;
                apply(*op, parts, values.today)
            }
        }
    }
}

#[cfg(test)]
mod tests;
