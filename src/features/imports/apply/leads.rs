//! Which leads exist already: by external id, by e-mail address, by name and company when there is neither.

use super::{Plan, matching};
use crate::{db::OrgTx, error::AppResult};

pub(super) fn find(tx: &mut OrgTx, plan: &Plan) -> AppResult<()> {
    matching::by_external_id(tx, plan)?;
    let (ext, email, company) = (plan.staged("external_id"), plan.staged("email"), plan.staged("company_name"));
    let (first, last) = (plan.staged("first_name"), plan.staged("last_name"));
    let free = "c.org_id = app.org() AND c.deleted_at IS NULL AND (s.ext IS NULL OR c.external_id IS NULL)";
    let preference = "ARRAY[(c.external_id IS NOT NULL)::int, (c.archived_at IS NOT NULL)::int] AS preference";
    matching::more(
        tx,
        &format!(
            "SELECT s.line, c.id, s.ext, {preference} FROM (SELECT s.line, {ext} AS ext, {email} AS email FROM import_stage s \
               WHERE s.problem IS NULL) s JOIN leads c ON c.email = s.email AND {free}"
        ),
    )?;
    matching::more(
        tx,
        &format!(
            "SELECT s.line, c.id, s.ext, {preference} FROM ( \
               SELECT s.line, {ext} AS ext, app.fold(coalesce({company}, '')) AS company, \
                 app.fold(coalesce(nullif(btrim(coalesce({first}, '') || ' ' || coalesce({last}, '')), ''), {company}, '')) COLLATE \"C\" AS folded \
               FROM import_stage s WHERE s.problem IS NULL AND {email} IS NULL) s \
             JOIN leads c ON c.name_key = s.folded AND c.email IS NULL AND {free} AND s.company = app.fold(coalesce(c.company_name, ''))"
        ),
    )
}
