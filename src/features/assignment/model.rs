//! A rule as it is kept, and what it is asked about. A rule with a name is a territory.

use crate::{
    kernel::{AssignmentRuleId, MemberId, RecordType, TeamId, WebFormId, text},
    schema::assignment_rules,
};
use diesel::prelude::*;

/// What rules are for.
pub const COVERED: &[RecordType] = &[RecordType::Lead, RecordType::Company, RecordType::Deal];
/// How a team shares.
pub const SHARES: &[(&str, &str)] = &[("turns", "In turn"), ("load", "Whoever has least to do")];

/// What is known of a record that needs an owner.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub record: RecordType,
    /// That it came in through.
    pub form: Option<WebFormId>,
    pub source: Option<String>,
    pub campaign: Option<String>,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    pub region: Option<String>,
    pub industry: Option<String>,
    pub employees: Option<i32>,
}

impl Arrival {
    pub fn of(record: RecordType) -> Self {
        let (source, campaign, country, region) = (None, None, None, None);
        Self { record, form: None, source, campaign, country, region, industry: None, employees: None }
    }
}

/// A rule that is there.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = assignment_rules)]
pub struct Rule {
    pub id: AssignmentRuleId,
    #[diesel(embed)]
    pub terms: Terms,
}

/// What a rule asks, and who gets what fits. A condition that is `None` or empty asks nothing.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Debug, Default, PartialEq)]
#[diesel(table_name = assignment_rules, treat_none_as_null = true)]
pub struct Terms {
    pub name: Option<String>,
    pub covers: Vec<Option<String>>,
    pub form_id: Option<WebFormId>,
    /// Several between semicolons, as in the next ones.
    pub source: Option<String>,
    pub campaign: Option<String>,
    pub countries: Vec<Option<String>>,
    pub region: Option<String>,
    pub industry: Option<String>,
    pub size_from: Option<i32>,
    pub size_to: Option<i32>,
    pub share: String,
    /// One of the two.
    pub member_id: Option<MemberId>,
    pub team_id: Option<TeamId>,
}

/// The texts of a condition, folded; `None`: any.
pub fn wanted(text: &Option<String>) -> Option<Vec<String>> {
    let all: Vec<String> =
        text.as_deref()?.split(';').map(|part| text::fold(part.trim())).filter(|part| !part.is_empty()).collect();
    (!all.is_empty()).then_some(all)
}

/// What of an [`Arrival`] a rule asks, and whether it is so.
pub struct Asked {
    pub what: &'static str,
    pub wanted: String,
    pub holds: bool,
}

impl Terms {
    pub fn covers(&self, record: RecordType) -> bool {
        self.covers.iter().flatten().any(|key| key == record.key())
    }

    /// Condition by condition, upper and lower case alike.
    pub fn asked(&self, of: &Arrival) -> Vec<Asked> {
        let mut asked = Vec::new();
        let mut texts = |what: &'static str, condition: &Option<String>, is: &Option<String>| {
            let Some(wanted) = wanted(condition) else { return };
            let holds = is.as_deref().is_some_and(|is| wanted.contains(&text::fold(is)));
            asked.push(Asked { what, wanted: condition.clone().unwrap_or_default(), holds });
        };
        texts("source", &self.source, &of.source);
        texts("campaign", &self.campaign, &of.campaign);
        texts("region", &self.region, &of.region);
        texts("industry", &self.industry, &of.industry);
        let countries: Vec<&str> = self.countries.iter().flatten().map(String::as_str).collect();
        if !countries.is_empty() {
            let holds = of.country.as_deref().is_some_and(|is| countries.contains(&is));
            asked.push(Asked { what: "country", wanted: countries.join(", "), holds });
        }
        if self.size_from.is_some() || self.size_to.is_some() {
            let holds = of
                .employees
                .is_some_and(|n| self.size_from.is_none_or(|from| n >= from) && self.size_to.is_none_or(|to| n <= to));
            asked.push(Asked { what: "employees", wanted: self.size(), holds });
        }
        if self.form_id.is_some() {
            asked.push(Asked { what: "web form", wanted: "its own".into(), holds: self.form_id == of.form });
        }
        asked
    }

    /// `10 to 200`, `200 or more`.
    pub fn size(&self) -> String {
        match (self.size_from, self.size_to) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            (Some(from), None) => format!("{from} or more"),
            (None, Some(to)) => format!("{to} at most"),
            (None, None) => String::new(),
        }
    }

    pub fn fits(&self, of: &Arrival) -> bool {
        self.covers(of.record) && self.asked(of).iter().all(|asked| asked.holds)
    }

    /// Asks nothing, and so fits everything it is for.
    pub fn is_default(&self) -> bool {
        let texts = [&self.source, &self.campaign, &self.region, &self.industry];
        self.form_id.is_none()
            && texts.into_iter().all(|text| wanted(text).is_none())
            && self.countries.is_empty()
            && self.size_from.is_none()
            && self.size_to.is_none()
    }
}
