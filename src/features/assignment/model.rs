//! A rule as it is kept, and what it is asked about.

use crate::{
    kernel::{AssignmentRuleId, MemberId, TeamId, WebFormId, text},
    schema::assignment_rules,
};
use diesel::prelude::*;

/// What is known of a lead that needs an owner.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrival<'a> {
    /// That it came in through.
    pub form: Option<WebFormId>,
    pub source: Option<&'a str>,
    pub campaign: Option<&'a str>,
    /// ISO 3166 alpha-2.
    pub country: Option<&'a str>,
}

/// A rule that is there.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = assignment_rules)]
pub struct Rule {
    pub id: AssignmentRuleId,
    #[diesel(embed)]
    pub terms: Terms,
}

/// What a rule asks, and who gets what fits. A condition that is `None` asks nothing.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Debug, Default, PartialEq)]
#[diesel(table_name = assignment_rules, treat_none_as_null = true)]
pub struct Terms {
    pub form_id: Option<WebFormId>,
    pub source: Option<String>,
    pub campaign: Option<String>,
    pub country: Option<String>,
    /// One of the two.
    pub member_id: Option<MemberId>,
    pub team_id: Option<TeamId>,
}

impl Terms {
    /// Whether every condition holds, upper and lower case alike.
    pub fn fits(&self, lead: &Arrival) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| match wanted {
            None => true,
            Some(wanted) => is.is_some_and(|is| text::fold(is) == text::fold(wanted)),
        };
        (self.form_id.is_none() || self.form_id == lead.form)
            && same(&self.source, lead.source)
            && same(&self.campaign, lead.campaign)
            && same(&self.country, lead.country)
    }

    /// Asks nothing, and so fits every lead.
    pub fn is_default(&self) -> bool {
        self.form_id.is_none() && self.source.is_none() && self.campaign.is_none() && self.country.is_none()
    }
}
