//! A year of one goal's targets as a grid: people down, periods across. What is typed, pasted, copied or split fills the grid; only saving
//! writes it.

use super::{Circle, Goal, Measure, Period, Unit, circles, commands, model::Target, paste, progress};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    kernel::{ActivityTypeId, PipelineId, money, numbers::DecimalMark},
    web::{Actor, Allow, Form, FormErrors, permission::targets::Administer},
};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

/// Which grid: a fiscal year, cut into months, quarters or not at all, of one goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub year: Period,
    pub unit: Unit,
    pub goal: Goal,
}

impl Choice {
    /// From an address or a form; what it does not say is this year's amount by month.
    pub fn parse(actor: &Actor, form: &Form) -> AppResult<Self> {
        let mut p = form.parser();
        let start = actor.org.fiscal_year_start;
        let now = Period::now(Unit::Year, actor);
        let year = p.optional("year", crate::kernel::calendar::parse_date);
        let unit = p.optional("unit", |key| Unit::parse(key).ok_or("is not one of the choices"));
        let measure = p.optional("measure", |key| Measure::parse(key).ok_or("is not one of the choices"));
        let (pipeline, kind) = (p.id::<PipelineId>("pipeline"), p.id::<ActivityTypeId>("type"));
        p.finish()?;
        let goal = Goal::narrowed(measure.unwrap_or(Measure::Amount), pipeline, kind);
        let year = year.map_or(now, |day| Period::around(Unit::Year, day, start));
        Ok(Self { year, unit: unit.unwrap_or(Unit::Month), goal })
    }

    pub fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("year", &self.year.span.from.to_string());
        query.append_pair("unit", self.unit.key()).append_pair("measure", self.goal.measure.key());
        if let Some(pipeline) = self.goal.pipeline {
            query.append_pair("pipeline", &pipeline.to_string());
        }
        if let Some(kind) = self.goal.activity_type {
            query.append_pair("type", &kind.to_string());
        }
        query.finish()
    }

    pub fn columns(&self) -> Vec<Period> {
        self.year.parts(self.unit)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub name: String,
    pub text: String,
    pub error: String,
}

#[derive(Clone, Debug)]
pub(super) struct GridRow {
    pub circle: Circle,
    pub cells: Vec<Cell>,
    /// The year's total, to be split.
    pub total: Cell,
}

#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub choice: Choice,
    pub rows: Vec<GridRow>,
    /// What is kept now, so that a save can tell whether somebody else was quicker.
    pub seen: String,
    kept: Vec<Target>,
    before: Vec<Target>,
}

impl Grid {
    /// What is kept, for those whose targets this reader sets.
    pub fn load(tx: &mut OrgTx, actor: &Actor, choice: Choice) -> AppResult<Self> {
        let kept = progress::kept_in(tx, choice.year)?;
        let before = progress::kept_in(tx, choice.year.previous())?;
        let editable = circles(tx, actor)?.into_iter().filter(|circle| circle.editable);
        let mut grid = Self { choice, rows: Vec::new(), seen: String::new(), kept, before };
        grid.rows = editable.map(|circle| grid.row(circle)).collect();
        let said: Vec<&str> = grid.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.text.as_str()).collect();
        grid.seen = hex::encode(Sha256::digest(said.join("\n")));
        Ok(grid)
    }

    fn row(&self, circle: Circle) -> GridRow {
        let cell = |period: &Period| Cell {
            name: format!("v:{}:{}", circle.whose, period.span.from),
            text: self.value(&self.kept, &circle, *period).map(plain).unwrap_or_default(),
            error: String::new(),
        };
        let cells: Vec<Cell> = self.choice.columns().iter().map(cell).collect();
        let total = Cell { name: format!("year:{}", circle.whose), text: String::new(), error: String::new() };
        GridRow { circle, cells, total }
    }

    fn value(&self, targets: &[Target], circle: &Circle, period: Period) -> Option<Decimal> {
        let fits = |t: &&Target| t.whose() == circle.whose && t.goal() == self.choice.goal && t.is_of(period);
        targets.iter().find(fits).map(|target| target.value)
    }

    /// Puts what was typed in the place of what is kept.
    pub fn type_in(&mut self, form: &Form) {
        for row in &mut self.rows {
            for cell in row.cells.iter_mut().chain([&mut row.total]) {
                if form.has(&cell.name) {
                    cell.text = form.get(&cell.name).chars().take(40).collect();
                }
            }
        }
    }

    /// Last year's numbers wherever there is none yet. Returns how many.
    pub fn copy_forward(&mut self) -> usize {
        let columns: Vec<Period> = self.choice.year.previous().parts(self.choice.unit);
        let mut filled = 0;
        for n in 0..self.rows.len() {
            for (c, period) in columns.iter().enumerate() {
                let value = self.value(&self.before, &self.rows[n].circle, *period);
                let cell = &mut self.rows[n].cells[c];
                if let Some(value) = value.filter(|_| cell.text.is_empty()) {
                    cell.text = plain(value);
                    filled += 1;
                }
            }
        }
        filled
    }

    /// The totals of the year that were typed, evenly over its periods; the first ones get what does not divide.
    pub fn split(&mut self, actor: &Actor) -> Result<usize, FormErrors> {
        let digits = match self.choice.goal.measure {
            Measure::Amount => actor.org.currency.parse::<crate::kernel::Currency>().map_or(2, |c| c.digits()).min(2),
            _ => 0,
        };
        let mut split = 0;
        for row in self.rows.iter_mut().filter(|row| !row.total.text.is_empty()) {
            match self.choice.goal.measure.parse_value(&row.total.text, actor.locale.mark()) {
                Ok(total) => {
                    let parts = evenly(total.unwrap_or_default(), row.cells.len(), digits);
                    row.cells.iter_mut().zip(parts).for_each(|(cell, part)| cell.text = plain(part));
                    row.total.text.clear();
                    split += 1;
                }
                Err(message) => row.total.error = message.to_owned(),
            }
        }
        if self.has_errors() { Err(FormErrors::one("", "Some totals cannot be read; see below.")) } else { Ok(split) }
    }

    /// Rows from a spreadsheet: a name or e-mail, then a number for each period.
    pub fn paste(&mut self, text: &str) -> Result<usize, FormErrors> {
        let names: Vec<(String, Option<String>)> =
            self.rows.iter().map(|row| (row.circle.name.clone(), row.circle.email.clone())).collect();
        let lines = paste::read(text, &names, self.choice.columns().len())?;
        let pasted = lines.len();
        for (n, values) in lines {
            self.rows[n].cells.iter_mut().zip(values).for_each(|(cell, value)| cell.text = value);
        }
        Ok(pasted)
    }

    /// Saves every cell that says something else than what is kept. Returns how many did.
    pub fn save(&mut self, tx: &mut OrgTx, by: &Allow<Administer>) -> AppResult<usize> {
        let values = self.check(by.locale.mark())?;
        let columns = self.choice.columns();
        let mut saved = 0;
        for (row, values) in self.rows.iter().zip(values) {
            for (period, value) in columns.iter().zip(values) {
                let kept = self.value(&self.kept, &row.circle, *period).map(|kept| kept.normalize());
                if kept != value {
                    saved += usize::from(commands::set(tx, by, &row.circle, self.choice.goal, *period, value)?);
                }
            }
        }
        Ok(saved)
    }

    fn check(&mut self, mark: DecimalMark) -> AppResult<Vec<Vec<Option<Decimal>>>> {
        let measure = self.choice.goal.measure;
        let mut read = |cell: &mut Cell| {
            measure.parse_value(&cell.text, mark).unwrap_or_else(|message| {
                cell.error = message.to_owned();
                None
            })
        };
        let values = self.rows.iter_mut().map(|row| row.cells.iter_mut().map(&mut read).collect()).collect();
        if self.has_errors() {
            return Err(AppError::field("", "Some numbers cannot be read; see below."));
        }
        Ok(values)
    }

    fn has_errors(&self) -> bool {
        self.rows.iter().any(|row| row.cells.iter().chain([&row.total]).any(|cell| !cell.error.is_empty()))
    }
}

/// As a form holds it.
fn plain(value: Decimal) -> String {
    if value.is_zero() { String::new() } else { money::typed(value) }
}

/// Parts that add up to the whole.
fn evenly(total: Decimal, parts: usize, digits: u32) -> Vec<Decimal> {
    let step = Decimal::new(1, digits);
    let share = (total / Decimal::from(parts)).trunc_with_scale(digits);
    let mut rest = total - share * Decimal::from(parts);
    let part = |_| {
        let more = step.min(rest);
        rest -= more;
        share + more
    };
    (0..parts).map(part).collect()
}

/// Whether a text of the paste box is a number at all.
pub(super) fn is_number(text: &str) -> bool {
    text.is_empty() || DecimalMark::ALL.iter().any(|(_, mark, _)| money::parse_amount(text, *mark).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        for (total, parts, digits) in [("100", 12, 2), ("7", 4, 0), ("0.05", 12, 2), ("1200", 12, 0), ("100.005", 4, 2)]
        {
            let total: Decimal = total.parse().unwrap_or_default();
            let split = evenly(total, parts, digits);
            assert_eq!((split.len(), split.iter().sum::<Decimal>()), (parts, total));
            let (least, most) = (split.iter().min(), split.iter().max());
            assert!(most.zip(least).is_some_and(|(most, least)| most - least <= Decimal::new(1, digits)), "{split:?}");
        }
    }
}
