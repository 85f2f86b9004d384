//! How a board looks to somebody: the fields on its cards, what its rows and the order in its columns are, which columns are folded or
//! left out. A saved view has a look of its own; else a person's own goes before the one an administrator set for the pipeline.

use super::order::Order;
use crate::{
    error::AppResult,
    features::{
        fields::{Catalogue, Kind},
        pipeline::{Pipeline, lanes::By},
        views::View,
    },
    kernel::StageId,
    web::Form,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Fields on a card beside its name.
pub const MOST_FIELDS: usize = 8;
/// What a card shows until somebody chose.
pub const USUAL: &[&str] = &["company_id", "amount", "expected_close_on", "tags", "next_activity_on", "owner_id"];

/// What may make the rows of a board.
pub const LANES: [By; 3] = [By::Owner, By::Company, By::Priority];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Keys of the deal's catalogue, in order.
    pub fields: Vec<String>,
    /// A key of [`LANES`]; empty: one row.
    lanes: String,
    order: String,
    pub hide_empty: bool,
    /// Columns folded to their heads.
    pub folded: Vec<StageId>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            fields: USUAL.iter().map(|key| (*key).to_owned()).collect(),
            lanes: String::new(),
            order: String::new(),
            hide_empty: false,
            folded: vec![],
        }
    }
}

impl Look {
    /// The usual look in another order.
    pub fn ordered(order: Order) -> Self {
        Self { order: order.key().to_owned(), ..Self::default() }
    }

    pub fn order(&self) -> Order {
        Order::parse(&self.order).unwrap_or_default()
    }

    /// What makes its rows; `None`: there is one row.
    pub fn lanes(&self) -> Option<By> {
        lanes_of(&self.lanes)
    }

    pub fn shows(&self, key: &str) -> bool {
        self.fields.iter().any(|field| field == key)
    }

    /// The chosen fields that a card does not know by itself.
    pub fn further(&self) -> Vec<&str> {
        let own = |key: &&str| USUAL.contains(key) || *key == "priority";
        self.fields.iter().map(String::as_str).filter(|key| !own(key)).collect()
    }

    /// From the form of the board's settings; what is no field of this reader's is left out.
    pub fn parse(form: &Form, catalogue: &Catalogue) -> AppResult<Self> {
        let mut p = form.parser();
        let order = p.optional("order", |text| Order::parse(text).ok_or("is not one of the choices"));
        let lanes = p.optional("lanes", |text| lanes_of(text).ok_or("is not one of the choices"));
        let hide_empty = p.checkbox("hide_empty");
        p.finish()?;
        let mut fields: Vec<String> = Vec::new();
        for key in form.all("field") {
            if may_stand_on_card(catalogue, key) && !fields.iter().any(|f| f == key) && fields.len() < MOST_FIELDS {
                fields.push(key.to_owned());
            }
        }
        let folded = form.all("folded").filter_map(|id| id.parse().ok()).collect();
        let order = order.unwrap_or_default().key().to_owned();
        let lanes = lanes.map(By::key).unwrap_or_default().to_owned();
        Ok(Self { fields, lanes, order, hide_empty, folded })
    }

    /// The same with these columns folded.
    pub fn folding(mut self, folded: Vec<StageId>) -> Self {
        self.folded = folded;
        self
    }

    /// `up:amount`: that field one step up, or down.
    pub fn shift(&mut self, what: &str) {
        let Some((way, key)) = what.split_once(':') else { return };
        let Some(at) = self.fields.iter().position(|field| field == key) else { return };
        let to = if way == "up" { at.saturating_sub(1) } else { (at + 1).min(self.fields.len() - 1) };
        self.fields.swap(at, to);
    }

    /// The look in force: the view's, else the person's own, else the pipeline's, else the usual one.
    pub fn of(own: Option<&Self>, pipeline: &Pipeline, view: Option<&View>) -> Self {
        let layout = view.and_then(|view| view.layout.clone()).filter(Value::is_object);
        match (layout, own) {
            (Some(layout), _) => read(layout),
            (None, Some(own)) => own.clone(),
            (None, None) => pipeline.board_look.clone().map(read).unwrap_or_default(),
        }
    }

    pub fn to_value(&self) -> AppResult<Value> {
        Ok(serde_json::to_value(self).map_err(anyhow::Error::from)?)
    }
}

fn lanes_of(text: &str) -> Option<By> {
    LANES.into_iter().find(|by| by.key() == text)
}

/// Whether a field may be chosen for cards: the name always stands there, and long texts have no room.
pub fn may_stand_on_card(catalogue: &Catalogue, key: &str) -> bool {
    catalogue
        .get(key)
        .is_some_and(|entry| entry.key != "name" && entry.exportable && !matches!(entry.kind.value(), Kind::LongText))
}

/// What is kept in a form no longer understood reads as the usual look.
fn read(value: Value) -> Look {
    serde_json::from_value(value).unwrap_or_default()
}
