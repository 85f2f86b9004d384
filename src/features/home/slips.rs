//! What Home says of words and of slipping: where the reader was mentioned; for who leads others, closing dates that moved later and
//! deals without a next step, by person; and who comes to a meeting. A statement each.

use super::figures::Scope;
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::{comments, deals, records::Subject},
    kernel::RecordType,
    web::{
        Actor,
        permission::{Permission, activities, deals::View},
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types as t};
use std::sync::Arc;
use uuid::Uuid;

/// Rows of each list.
const LISTED: i64 = 6;
/// Days back that mentions and slips are told.
const MENTIONED: i32 = 14;
const SLIPPED: i32 = 7;

/// Someone wrote the reader's name.
#[derive(Clone, Debug)]
pub struct Mention {
    pub href: String,
    pub name: String,
    pub who: String,
    pub quote: String,
    pub when: String,
    pub exact: String,
}

#[derive(QueryableByName)]
struct MentionRow {
    #[diesel(sql_type = t::Text)]
    kind: String,
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Text)]
    anchor: String,
    #[diesel(sql_type = t::Text)]
    who: String,
    #[diesel(sql_type = t::Text)]
    body_html: String,
    #[diesel(sql_type = t::Timestamptz)]
    at: DateTime<Utc>,
}

/// Where others mentioned the reader lately, on what they may see.
pub fn mentions(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Mention>> {
    let sql = format!(
        "
SELECT r.kind, r.id, r.name, x.anchor, coalesce(a.name, 'Pipewright') AS who, x.body_html, x.at
FROM (
  SELECT p.org_id, p.created_at AS at, coalesce(c.author_id, n.author_id) AS author_id, coalesce(c.body_html, n.body_html) AS body_html,
    CASE WHEN c.id IS NULL THEN 'note-' || n.id ELSE 'comment-' || c.id END AS anchor,
    coalesce(c.company_id, n.company_id, o.company_id) AS company_id, coalesce(c.contact_id, n.contact_id, o.contact_id) AS contact_id,
    coalesce(c.lead_id, n.lead_id, o.lead_id) AS lead_id, coalesce(c.deal_id, n.deal_id, o.deal_id) AS deal_id, c.activity_id
  FROM post_mentions p
  LEFT JOIN notes n ON n.org_id = p.org_id AND n.id = p.note_id AND n.deleted_at IS NULL
  LEFT JOIN comments c ON c.org_id = p.org_id AND c.id = p.comment_id AND c.deleted_at IS NULL
  LEFT JOIN notes o ON o.org_id = c.org_id AND o.id = c.note_id AND o.deleted_at IS NULL
  WHERE p.member_id = $1 AND p.created_at > now() - interval '{MENTIONED} days' AND coalesce(c.id, n.id) IS NOT NULL
    AND (c.note_id IS NULL OR o.id IS NOT NULL) AND coalesce(c.author_id, n.author_id) IS DISTINCT FROM $1
  ORDER BY p.created_at DESC LIMIT 30) x
CROSS JOIN LATERAL (
  SELECT 'company' AS kind, id, name FROM companies d WHERE d.org_id = x.org_id AND d.id = x.company_id AND d.deleted_at IS NULL AND ($2 IS NULL OR d.owner_id = ANY ($2))
  UNION ALL SELECT 'contact', id, coalesce(nullif(btrim(first_name || ' ' || last_name), ''), email, 'Contact') FROM contacts d
    WHERE d.org_id = x.org_id AND d.id = x.contact_id AND d.deleted_at IS NULL AND ($2 IS NULL OR d.owner_id = ANY ($2))
  UNION ALL SELECT 'lead', id, coalesce(nullif(btrim(first_name || ' ' || last_name), ''), company_name, email, 'Lead') FROM leads d
    WHERE d.org_id = x.org_id AND d.id = x.lead_id AND d.deleted_at IS NULL AND ($2 IS NULL OR d.owner_id = ANY ($2))
  UNION ALL SELECT 'deal', id, name FROM deals d WHERE d.org_id = x.org_id AND d.id = x.deal_id AND d.deleted_at IS NULL AND ($2 IS NULL OR d.owner_id = ANY ($2))
  UNION ALL SELECT 'activity', id, subject FROM activities d
    WHERE d.org_id = x.org_id AND d.id = x.activity_id AND d.deleted_at IS NULL AND ($2 IS NULL OR d.owner_id = ANY ($2))) r
LEFT JOIN members a ON a.org_id = x.org_id AND a.id = x.author_id
WHERE r.kind = ANY ($3)
ORDER BY x.at DESC LIMIT {LISTED}"
    );
    let query = diesel::sql_query(sql)
        .bind::<t::Uuid, _>(actor.id.0)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners())
        .bind::<t::Array<t::Text>, _>(kinds(actor));
    let rows: Vec<MentionRow> = kept(query).load(tx.conn())?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let subject = Subject::from_key(&row.kind, row.id)?;
            Some(Mention {
                href: format!("{}#{}", subject.href(), row.anchor),
                name: row.name,
                who: row.who,
                quote: comments::plain(&row.body_html).chars().take(160).collect(),
                when: actor.moment(row.at),
                exact: actor.exact(row.at),
            })
        })
        .collect())
}

/// What the reader's role lets them see at all.
fn kinds(actor: &Actor) -> Vec<&'static str> {
    let records = RecordType::ALL.into_iter().filter(|record| actor.may(&format!("{}.view", record.noun())));
    let activity = actor.may(activities::View::KEY).then_some("activity");
    records.map(RecordType::key).chain(activity).collect()
}

/// A deal whose closing date moved later.
#[derive(Clone, Debug)]
pub struct Slip {
    pub href: String,
    pub name: String,
    pub owner: String,
    /// "3 Dec → 14 Jan".
    pub moved: String,
    /// How often and how far since it was first said.
    pub in_all: String,
}

#[derive(QueryableByName)]
struct SlipRow {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    owner: Option<String>,
    #[diesel(sql_type = t::Date)]
    before: NaiveDate,
    #[diesel(sql_type = t::Date)]
    after: NaiveDate,
    #[diesel(sql_type = t::SmallInt)]
    slips: i16,
    #[diesel(sql_type = t::Integer)]
    slipped_days: i32,
}

/// Open deals whose closing date moved later in the last days: from what it was before the first move to what it is.
pub fn slips(tx: &mut OrgTx, actor: &Actor, scope: &Scope) -> AppResult<Vec<Slip>> {
    let sql = format!(
        "
SELECT d.id, d.name, m.name AS owner, x.before, d.expected_close_on AS after, d.slips, d.slipped_days FROM (
  SELECT DISTINCT ON (e.record_id) e.org_id, e.record_id, e.at, (e.changes->'expected_close_on'->>0)::date AS before
  FROM events e
  WHERE e.kind = 'deal.updated' AND e.changes ? 'expected_close_on' AND e.at > now() - interval '{SLIPPED} days'
    AND e.changes->'expected_close_on'->>0 IS NOT NULL
  ORDER BY e.record_id, e.at LIMIT 500) x
JOIN deals d ON d.org_id = x.org_id AND d.id = x.record_id AND d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL
  AND d.expected_close_on > x.before AND ($1 IS NULL OR d.owner_id = ANY ($1))
LEFT JOIN members m ON m.org_id = d.org_id AND m.id = d.owner_id
ORDER BY d.amount DESC NULLS LAST, d.id LIMIT {LISTED}"
    );
    let query = diesel::sql_query(sql).bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.clone());
    let rows: Vec<SlipRow> = kept(query).load(tx.conn())?;
    let today = actor.today();
    Ok(rows
        .into_iter()
        .map(|row| Slip {
            href: format!("/deals/{}", row.id),
            name: row.name,
            owner: row.owner.unwrap_or_else(|| "No owner".to_owned()),
            moved: format!("{} → {}", actor.locale.day(row.before, today), actor.locale.day(row.after, today)),
            in_all: deals::markers::slipped(row.slips, row.slipped_days).map(|marker| marker.title).unwrap_or_default(),
        })
        .collect())
}

/// Open deals of one person that nothing is planned with.
#[derive(QueryableByName, Clone, Debug)]
pub struct Stuck {
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    owner_id: Option<Uuid>,
    #[diesel(sql_type = t::Text)]
    pub owner: String,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
}

impl Stuck {
    pub fn href(&self) -> String {
        let owner = self.owner_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        format!("/deals?status=open&next=none&owner={owner}")
    }
}

/// By person, who has most of them first; from `deals_idle`, counted no further than a hundred each.
pub fn stuck(tx: &mut OrgTx, scope: &Scope) -> AppResult<Vec<Stuck>> {
    let known = tx.lately(format!("{scope:?}"), |tx| -> AppResult<Vec<Stuck>> {
        let query = diesel::sql_query(
        "SELECT m.id AS owner_id, m.name AS owner, c.deals FROM members m CROSS JOIN LATERAL (
           SELECT count(*) AS deals FROM (SELECT 1 FROM deals d WHERE d.org_id = m.org_id AND d.owner_id = m.id
             AND d.next_activity_at IS NULL AND d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL LIMIT 100) x) c
         WHERE m.deactivated_at IS NULL AND c.deals > 0 AND ($1 IS NULL OR m.id = ANY ($1)) ORDER BY c.deals DESC, m.name LIMIT 8",
    )
    .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.clone());
    Ok(kept(query).load(tx.conn())?)
    })?;
    Ok(Arc::unwrap_or_clone(known))
}

/// Who comes to a meeting, and what was written last about its deal.
#[derive(QueryableByName, Clone, Debug)]
pub struct Context {
    #[diesel(sql_type = t::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub who: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    note: Option<String>,
}

impl Context {
    /// The note's beginning, without tags.
    pub fn last_note(&self) -> String {
        self.note.as_deref().map(|note| comments::plain(note).chars().take(120).collect()).unwrap_or_default()
    }
}

/// Of meetings that the reader takes part in; what was written about their deals is told to who sees those.
pub fn contexts(tx: &mut OrgTx, actor: &Actor, ids: &[Uuid]) -> AppResult<Vec<Context>> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let query = diesel::sql_query(
        "SELECT a.id,
           (SELECT string_agg(coalesce(nullif(btrim(c.first_name || ' ' || c.last_name), ''), m.name), ', ' ORDER BY p.created_at)
            FROM activity_participants p LEFT JOIN contacts c ON c.org_id = p.org_id AND c.id = p.contact_id
            LEFT JOIN members m ON m.org_id = p.org_id AND m.id = p.member_id
            WHERE p.org_id = a.org_id AND p.activity_id = a.id) AS who,
           (SELECT n.body_html FROM deals d JOIN notes n ON n.org_id = d.org_id AND n.deal_id = d.id AND n.deleted_at IS NULL
            WHERE $3 AND d.org_id = a.org_id AND d.id = a.deal_id AND d.deleted_at IS NULL AND ($2 IS NULL OR d.owner_id = ANY ($2))
            ORDER BY n.created_at DESC LIMIT 1) AS note
         FROM activities a WHERE a.id = ANY ($1)",
    )
    .bind::<t::Array<t::Uuid>, _>(ids.to_vec())
    .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners())
    .bind::<t::Bool, _>(actor.may(View::KEY));
    Ok(kept(query).load(tx.conn())?)
}
