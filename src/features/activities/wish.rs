//! What the address of a list of activities or tasks asks for, read and checked; and the addresses of the same list otherwise.

use super::{
    model::Class,
    queries::{Asked, When},
};
use crate::{
    db::paging,
    error::{AppError, AppResult},
    kernel::{ActivitySeriesId, ActivityTypeId, RecordType, calendar, text},
    web::{Actor, Form},
};
use url::form_urlencoded;
use uuid::Uuid;

/// Rows on a page.
pub(super) const PAGE: i64 = 50;
/// Words of a search, each of which the subject must hold; further ones are not looked for.
const MOST_WORDS: usize = 8;

pub(super) const WHENS: &[(&str, &str)] = &[
    ("open", "Open"),
    ("overdue", "Overdue"),
    ("today", "Today"),
    ("week", "This week"),
    ("undated", "No date"),
    ("done", "Done"),
];

/// What the address asks for, read and checked.
#[derive(Clone)]
pub(super) struct Wish {
    /// What the subject holds, as it was typed.
    pub q: String,
    pub who: String,
    pub when: &'static str,
    pub kind: Option<ActivityTypeId>,
    /// Only what was given to them: what Home counts.
    pub given: bool,
    /// Every occurrence of what repeats, not the next one alone.
    pub every: bool,
    pub series: Option<ActivitySeriesId>,
    pub about: Option<(RecordType, Uuid)>,
    pub board: bool,
    /// Rows on the pages before.
    pub before: i64,
    pub after: Option<String>,
}

impl Wish {
    pub fn read(query: &Form) -> AppResult<Self> {
        let unknown = paging::unknown;
        let when = match query.get("when") {
            "" => "open",
            key => WHENS.iter().find(|(known, _)| *known == key).map(|(known, _)| *known).ok_or_else(unknown)?,
        };
        let kind = match query.get("type") {
            "" => None,
            id => Some(id.parse().map_err(|_| unknown())?),
        };
        let who = match query.get("who") {
            "" => "mine".to_owned(),
            who @ ("mine" | "team" | "all") => who.to_owned(),
            id => id.parse::<Uuid>().map_err(|_| unknown())?.to_string(),
        };
        let series = match query.get("series") {
            "" => None,
            id => Some(id.parse().map_err(|_| unknown())?),
        };
        let mut about = None;
        for record in [RecordType::Deal, RecordType::Contact, RecordType::Company, RecordType::Lead] {
            match query.get(record.key()) {
                "" => {}
                id => about = Some((record, id.parse().map_err(|_| unknown())?)),
            }
        }
        let every = query.get("every") == "1" || series.is_some();
        let before = query.get("shown").parse().unwrap_or(0).clamp(0, 1_000_000);
        let after = Some(query.get("after")).filter(|after| !after.is_empty()).map(str::to_owned);
        let given = query.get("given") == "1";
        let q: String = query.get("q").trim().chars().take(120).collect();
        Ok(Self { q, who, when, kind, given, every, series, about, board: query.get("view") == "board", before, after })
    }

    /// Whose; within what the actor may see.
    fn owners(&self, actor: &Actor) -> AppResult<Option<Vec<Uuid>>> {
        match self.who.as_str() {
            "mine" => Ok(Some(vec![actor.id.0])),
            "team" => Ok(Some(actor.team().iter().copied().filter(|id| actor.sees(Some(*id))).collect())),
            "all" => Ok(actor.visible_owners()),
            id => {
                let id = id.parse().map_err(|_| paging::unknown())?;
                if actor.sees(Some(id)) { Ok(Some(vec![id])) } else { Err(AppError::NotFound) }
            }
        }
    }

    pub fn asked(&self, actor: &Actor, class: Class) -> AppResult<Asked> {
        let week = calendar::week(actor.today());
        let when = match self.when {
            "overdue" => When::Overdue,
            "today" => When::Today,
            "week" => When::Days(week.from, week.to),
            "undated" => When::Undated,
            "done" => When::Closed,
            _ => When::Open,
        };
        let after = self.after.as_deref().map(paging::decode).transpose()?;
        Ok(Asked {
            class,
            words: text::fold(&self.q).split_whitespace().take(MOST_WORDS).map(str::to_owned).collect(),
            owners: self.owners(actor)?,
            given: self.given,
            when,
            type_id: self.kind,
            status: None,
            fold: self.folds() && !self.every,
            series: self.series,
            about: self.about,
            after,
            limit: PAGE,
        })
    }

    /// Whether the list would be flooded by what repeats; days show what is on them.
    pub fn folds(&self) -> bool {
        matches!(self.when, "open" | "overdue") || self.given
    }

    /// The list's address with one thing otherwise.
    pub fn href(&self, class: Class, change: (&str, &str)) -> String {
        let mut pairs = vec![("q", self.q.clone()), ("who", self.who.clone()), ("when", self.when.to_owned())];
        pairs.extend(self.kind.map(|id| ("type", id.to_string())));
        pairs.extend(self.series.map(|id| ("series", id.to_string())));
        pairs.extend(self.about.map(|(record, id)| (record.key(), id.to_string())));
        if self.given {
            pairs.push(("given", "1".to_owned()));
        }
        if self.every && self.series.is_none() {
            pairs.push(("every", "1".to_owned()));
        }
        if self.board {
            pairs.push(("view", "board".to_owned()));
        }
        pairs.retain(|(name, _)| *name != change.0);
        pairs.push((change.0, change.1.to_owned()));
        let defaults = [("who", "mine"), ("when", "open"), ("view", "")];
        let told =
            pairs.iter().filter(|(name, value)| !defaults.contains(&(name, value.as_str())) && !value.is_empty());
        let told = form_urlencoded::Serializer::new(String::new()).extend_pairs(told).finish();
        if told.is_empty() { format!("/{}", class.noun()) } else { format!("/{}?{told}", class.noun()) }
    }

    /// The list that holds what a column of the board begins.
    pub fn listed(&self, when: &str) -> String {
        Wish { board: false, ..self.clone() }.href(Class::Task, ("when", when))
    }

    pub fn next(&self, class: Class, shown: i64, cursor: &str) -> String {
        let href = self.href(class, ("view", ""));
        let join = if href.contains('?') { '&' } else { '?' };
        format!("{href}{join}shown={shown}&after={cursor}")
    }
}
