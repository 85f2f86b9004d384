//! What the cells of a column say of the way its dates and numbers are written.

use super::dates::{self, DateOrder};
use crate::kernel::numbers::{self, DecimalMark};
use serde::{Deserialize, Serialize};

/// How a column's dates and numbers are written; `None`: as each cell suggests, and in doubt as the organisation writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Formats {
    pub dates: Option<DateOrder>,
    pub decimal: Option<DecimalMark>,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detected {
    pub date_order: Option<DateOrder>,
    pub decimal_mark: Option<DecimalMark>,
    /// The cells can be read in two ways and nothing decides, or they contradict each other: somebody has to say.
    pub ambiguous: bool,
}

impl Detected {
    pub fn formats(self) -> Formats {
        Formats { dates: self.date_order, decimal: self.decimal_mark }
    }
}

/// Looks at some cells of one column.
pub fn detect_formats<'a>(cells: impl IntoIterator<Item = &'a str>) -> Detected {
    let (mut dates, mut marks) = (Votes::default(), Votes::default());
    for cell in cells.into_iter().map(str::trim).filter(|cell| !cell.is_empty()) {
        match dates::evidence(cell) {
            Some(vote) => dates.count(vote),
            None => marks.count_if(numbers::evidence(cell)),
        }
    }
    Detected { date_order: dates.winner, decimal_mark: marks.winner, ambiguous: dates.is_open() || marks.is_open() }
}

struct Votes<T> {
    winner: Option<T>,
    contradicted: bool,
    undecided: bool,
}

impl<T> Default for Votes<T> {
    fn default() -> Self {
        Self { winner: None, contradicted: false, undecided: false }
    }
}

impl<T: Copy + PartialEq> Votes<T> {
    fn count(&mut self, vote: Result<T, ()>) {
        match vote {
            Err(()) => self.undecided = true,
            Ok(_) if self.contradicted => {}
            Ok(vote) if self.winner.is_some_and(|winner| winner != vote) => {
                self.contradicted = true;
                self.winner = None;
            }
            Ok(vote) => self.winner = Some(vote),
        }
    }

    fn count_if(&mut self, vote: Option<Result<T, ()>>) {
        vote.into_iter().for_each(|vote| self.count(vote));
    }

    fn is_open(&self) -> bool {
        self.contradicted || self.undecided && self.winner.is_none()
    }
}
