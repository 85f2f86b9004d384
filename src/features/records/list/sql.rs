//! A statement under construction: trusted text and binds. User text only ever becomes a bind.
//!
//! A [`Fragment`] is a part that was compiled ahead of its statement: it may be added to any number of them.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    pg::Pg,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_types,
};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A value of the user's.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Text(String),
    Texts(Vec<String>),
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Integer(i64),
    Decimal(Decimal),
    Date(NaiveDate),
    Instant(DateTime<Utc>),
    Bool(bool),
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Bind(Literal),
}

/// A condition or expression over the records' table, whose alias is `r`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fragment(Vec<Piece>);

impl Fragment {
    /// Trusted text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    pub fn push(mut self, text: impl Into<String>) -> Self {
        self.0.push(Piece::Text(text.into()));
        self
    }

    pub fn bind(mut self, value: Literal) -> Self {
        self.0.push(Piece::Bind(value));
        self
    }

    pub fn append(mut self, other: Fragment) -> Self {
        self.0.extend(other.0);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Several conditions in one pair of brackets; `None` of them is true.
    pub fn join(parts: Vec<Fragment>, word: &str) -> Self {
        let mut all = Fragment::text("(");
        if parts.is_empty() {
            return all.push("true)");
        }
        for (n, part) in parts.into_iter().enumerate() {
            if n > 0 {
                all = all.push(format!(" {word} "));
            }
            all = all.append(part);
        }
        all.push(")")
    }
}

/// The statement.
pub struct Sql {
    query: BoxedSqlQuery<'static, Pg, SqlQuery>,
    binds: usize,
    shape: String,
}

impl Sql {
    pub fn new(text: impl Into<String>) -> Self {
        let shape = text.into();
        Self { query: diesel::sql_query(shape.clone()).into_boxed(), binds: 0, shape }
    }

    pub fn text(&mut self, text: impl AsRef<str>) {
        self.shape.push_str(text.as_ref());
        self.replace(|query| query.sql(text.as_ref()));
    }

    pub fn bind<T, V>(&mut self, value: V)
    where
        T: diesel::sql_types::SqlType + Send + Sync + 'static,
        Pg: diesel::sql_types::HasSqlType<T>,
        V: diesel::serialize::ToSql<T, Pg> + Send + Sync + 'static,
    {
        self.binds += 1;
        let place = format!("${}", self.binds);
        self.shape.push_str(&place);
        self.replace(|query| query.sql(place).bind::<T, _>(value));
    }

    pub fn literal(&mut self, value: Literal) {
        match value {
            Literal::Text(v) => self.bind::<sql_types::Text, _>(v),
            Literal::Texts(v) => self.bind::<sql_types::Array<sql_types::Text>, _>(v),
            Literal::Uuid(v) => self.bind::<sql_types::Uuid, _>(v),
            Literal::Uuids(v) => self.bind::<sql_types::Array<sql_types::Uuid>, _>(v),
            Literal::Integer(v) => self.bind::<sql_types::BigInt, _>(v),
            Literal::Decimal(v) => self.bind::<sql_types::Numeric, _>(v),
            Literal::Date(v) => self.bind::<sql_types::Date, _>(v),
            Literal::Instant(v) => self.bind::<sql_types::Timestamptz, _>(v),
            Literal::Bool(v) => self.bind::<sql_types::Bool, _>(v),
        }
    }

    pub fn fragment(&mut self, fragment: &Fragment) {
        for piece in &fragment.0 {
            match piece {
                Piece::Text(text) => self.text(text),
                Piece::Bind(value) => self.literal(value.clone()),
            }
        }
    }

    /// The text so far, binds as their places.
    pub fn shape(&self) -> &str {
        &self.shape
    }

    pub fn query(self) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        self.query
    }

    fn replace(
        &mut self,
        change: impl FnOnce(BoxedSqlQuery<'static, Pg, SqlQuery>) -> BoxedSqlQuery<'static, Pg, SqlQuery>,
    ) {
        let query = std::mem::replace(&mut self.query, diesel::sql_query(String::new()).into_boxed());
        self.query = change(query);
    }
}
