//! Parents of companies: those of the file that exist already, and those that would make a circle.

use super::run_sql;
use crate::{db::OrgTx, error::AppResult};

const EXISTING_PARENTS: &str = "UPDATE import_refs r SET id = m.id FROM import_stage s JOIN import_match m ON m.line = s.line \
     WHERE r.id = s.new_id";

/// A chain that comes back to its beginning, or has not ended after a hundred steps.
const CIRCLES: &str = "WITH RECURSIVE edge AS ( \
       SELECT s.line, coalesce(m.id, s.new_id) AS child, r.id AS parent FROM import_stage s \
       LEFT JOIN import_match m ON m.line = s.line JOIN import_refs r ON r.key = s.ref_key WHERE s.problem IS NULL), \
     up AS ( \
       SELECT line, child, parent, 1 AS depth FROM edge \
       UNION ALL \
       SELECT up.line, up.child, coalesce(e.parent, c.parent_id), up.depth + 1 FROM up \
       LEFT JOIN edge e ON e.child = up.parent \
       LEFT JOIN companies c ON c.org_id = app.org() AND c.id = up.parent AND e.line IS NULL \
       WHERE up.parent <> up.child AND up.depth < 100 AND coalesce(e.parent, c.parent_id) IS NOT NULL) \
     UPDATE import_stage s SET key = NULL, ref_key = NULL, problem = jsonb_build_object('Parent company', 'makes a circle of companies') \
     FROM up WHERE up.line = s.line AND (up.parent = up.child OR up.depth >= 100)";

/// A parent of this file that turns out to exist is the existing one; a circle of parents is refused, and so is what hangs on it.
pub(super) fn settle_parents(tx: &mut OrgTx) -> AppResult<()> {
    run_sql(tx, EXISTING_PARENTS)?;
    run_sql(tx, CIRCLES)?;
    run_sql(tx, "DELETE FROM import_match m USING import_stage s WHERE s.line = m.line AND s.problem IS NOT NULL")
}
