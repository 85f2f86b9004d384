//! What shows that somebody worked with a record since an import or a conversion made it: what hangs on it, and what was said of it that
//! leaves its version as it was. The one place that says so; whoever takes such a record back asks here first.

use crate::kernel::RecordType;

/// One such sign.
pub struct Sign {
    /// What the record does or has: "has notes".
    pub said: &'static str,
    /// SQL that answers the ids of the records that show it.
    pub ids: String,
}

/// What the SQL of the signs says in the words of whoever asks.
#[derive(Clone, Copy)]
pub struct Since<'a> {
    /// The moment of the transaction that made the record. What that wrote bears this very moment.
    pub made: &'a str,
    /// Whether what hangs on the record, `h`, was there before and came along: it does not count.
    pub came_along: &'a str,
    /// Whether the record `h` was made with it: that they are linked does not count.
    pub made_too: &'a str,
}

/// Every sign there is for such records, the weightiest first.
pub fn signs(record: RecordType, since: Since<'_>) -> Vec<Sign> {
    let key = record.key();
    let Since { made, came_along, made_too } = since;
    let hanging = |said, table: &str| Sign {
        said,
        ids: format!(
            "SELECT h.{key}_id FROM {table} h WHERE h.org_id = app.org() AND h.{key}_id IS NOT NULL AND h.deleted_at IS NULL \
               AND NOT ({came_along})"
        ),
    };
    let mut signs = vec![
        hanging("has notes", "notes"),
        hanging("has activities", "activities"),
        hanging("has comments", "comments"),
        hanging("has files", "files"),
        hanging("has mails", "mail_messages"),
    ];
    let mut add = |said, ids: String| signs.push(Sign { said, ids });
    let later = |column: &str| format!("h.{column} > {made}");
    if record != RecordType::Lead {
        let ids = format!(
            "SELECT h.{key}_id FROM lead_conversions h WHERE h.org_id = app.org() AND h.{key}_id IS NOT NULL AND {}",
            later("converted_at")
        );
        add("came of a lead", ids);
    }
    match record {
        RecordType::Company => {
            for (said, table) in [("has contacts", "contacts"), ("has deals", "deals")] {
                let ids = format!(
                    "SELECT h.company_id FROM {table} h WHERE h.org_id = app.org() AND h.company_id IS NOT NULL \
                       AND h.deleted_at IS NULL AND NOT ({made_too})"
                );
                add(said, ids);
            }
        }
        RecordType::Contact => {
            let deals = format!(
                "SELECT h.contact_id FROM deal_contacts h JOIN deals d ON d.org_id = h.org_id AND d.id = h.deal_id \
                 WHERE h.org_id = app.org() AND d.deleted_at IS NULL AND NOT ({came_along})"
            );
            add("takes part in a deal", deals);
            for (said, table, gone) in [
                ("takes part in an activity", "activity_participants", "false"),
                ("is invited to an activity", "activity_guests", "h.withdrawn_at IS NOT NULL"),
            ] {
                let ids = format!(
                    "SELECT h.contact_id FROM {table} h JOIN activities a ON a.org_id = h.org_id AND a.id = h.activity_id \
                     WHERE h.org_id = app.org() AND h.contact_id IS NOT NULL AND a.deleted_at IS NULL AND NOT ({gone}) \
                       AND NOT ({came_along})"
                );
                add(said, ids);
            }
        }
        RecordType::Lead => {
            let ids = format!(
                "SELECT h.lead_id FROM web_submissions h WHERE h.org_id = app.org() AND h.lead_id IS NOT NULL AND {}",
                later("received_at")
            );
            add("sent in a web form", ids);
        }
        RecordType::Deal => {
            for (said, table, column) in [
                ("had contacts added", "deal_contacts", "created_at"),
                ("had line items added", "deal_lines", "created_at"),
                ("had competitors added", "deal_competitors", "created_at"),
                ("had stage criteria ticked", "deal_criteria", "done_at"),
            ] {
                add(said, format!("SELECT h.deal_id FROM {table} h WHERE h.org_id = app.org() AND {}", later(column)));
            }
            let links = |end: &str| {
                format!("SELECT h.{end} FROM deal_links h WHERE h.org_id = app.org() AND {}", later("created_at"))
            };
            add("was linked to another deal", format!("{} UNION ALL {}", links("from_id"), links("to_id")));
        }
    }
    if matches!(record, RecordType::Contact | RecordType::Lead) {
        let ids = format!(
            "SELECT r.{key}_id FROM mail_messages h JOIN mail_recipients r ON r.org_id = h.org_id AND r.message_id = h.id \
             WHERE h.org_id = app.org() AND r.{key}_id IS NOT NULL AND h.deleted_at IS NULL AND NOT ({came_along})"
        );
        add("was written to", ids);
    }
    for (said, table, kind, column) in [
        ("was tagged since", "record_tags", format!("h.record_type = '{key}'"), "created_at"),
        ("was put into a segment", "segment_members", "true".to_owned(), "added_at"),
        ("is followed", "follows", "NOT h.muted".to_owned(), "created_at"),
    ] {
        add(
            said,
            format!("SELECT h.record_id FROM {table} h WHERE h.org_id = app.org() AND {kind} AND {}", later(column)),
        );
    }
    signs
}
