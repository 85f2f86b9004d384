//! How a lead came in, for its page: through which form, from which page, and what was agreed to.

use super::queries;
use crate::{db::OrgTx, error::AppResult, kernel::LeadId, web::Actor};

/// One sending behind a lead.
#[derive(Clone, Debug)]
pub struct Received {
    pub form: String,
    pub when: String,
    pub exact: String,
    /// A web address as the sender says.
    pub page: String,
    /// Word for word; empty when none was asked for.
    pub consent: String,
    pub suspicions: String,
}

/// The latest first.
pub fn of_lead(tx: &mut OrgTx, actor: &Actor, lead: LeadId) -> AppResult<Vec<Received>> {
    let sent = queries::of_lead(tx, lead)?;
    if sent.is_empty() {
        return Ok(vec![]);
    }
    let forms = queries::choices(tx)?;
    let received = |sent: queries::Submission| Received {
        form: forms.iter().find(|(id, _)| *id == sent.form_id).map(|(_, name)| name.clone()).unwrap_or_default(),
        when: actor.moment(sent.received_at),
        exact: actor.exact(sent.received_at),
        page: sent.page.unwrap_or_default(),
        consent: sent.consent_text.unwrap_or_default(),
        suspicions: sent.suspicions.into_iter().flatten().collect::<Vec<_>>().join("; "),
    };
    Ok(sent.into_iter().map(received).collect())
}
