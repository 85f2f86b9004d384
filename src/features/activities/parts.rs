//! What an activity consists of beside its own fields: a checklist, what has to be done first, and who takes part, which is changed
//! here.

use super::{
    commands,
    model::Activity,
    model::Class,
    pages, queries,
    queries::{Asked, When},
};
use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::{
        accounts::members::Person,
        notifications::{self, Kind, Notice, To},
        records,
    },
    kernel::{ActivityId, MemberId, RecordType, text},
    schema::{activities, activity_checklist, activity_dependencies, activity_participants},
    web::{Actor, Allow, Form, Page, SelectOption, permission::activities::Edit, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use diesel::{prelude::*, sql_types as t};
use serde_json::{Value, json};
use uuid::Uuid;

/// Most of each.
pub(super) const MOST: usize = 100;

pub(super) struct Parts {
    pub people: Vec<Participant>,
    pub items: Vec<Item>,
    pub ticked: usize,
    pub waits_for: Vec<Other>,
    pub holds_up: Vec<Other>,
    /// Colleagues who do not take part yet.
    pub members: Vec<SelectOption>,
    /// What it could wait for.
    pub candidates: Vec<SelectOption>,
}

#[derive(QueryableByName, Clone, Debug)]
struct ParticipantRow {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    contact_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    member_id: Option<Uuid>,
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Text)]
    note: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    company: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    contact_owner: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    company_owner: Option<Uuid>,
}

#[derive(Clone, Debug)]
pub(super) struct Participant {
    pub id: Uuid,
    pub name: String,
    /// Title and company, or "colleague".
    pub note: String,
    pub href: Option<String>,
    pub initials: String,
    pub class: String,
    member: Option<MemberId>,
    /// As history names them.
    told: Value,
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = activity_checklist)]
pub(super) struct Item {
    pub id: Uuid,
    pub text: String,
    pub done_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Another activity, as far as the reader sees it.
#[derive(Clone, Debug)]
pub(super) struct Other {
    pub id: Uuid,
    pub href: Option<String>,
    pub subject: String,
    pub open: bool,
}

const PEOPLE: &str = "
SELECT p.id, p.contact_id, p.member_id,
  coalesce(m.name, nullif(btrim(c.first_name || ' ' || c.last_name), ''), c.email, '') AS name,
  CASE WHEN m.id IS NOT NULL THEN 'colleague' ELSE coalesce(c.title, '') END AS note,
  o.name AS company, c.owner_id AS contact_owner, o.owner_id AS company_owner
FROM activity_participants p
LEFT JOIN members m ON m.org_id = p.org_id AND m.id = p.member_id
LEFT JOIN contacts c ON c.org_id = p.org_id AND c.id = p.contact_id AND c.deleted_at IS NULL
LEFT JOIN companies o ON o.org_id = c.org_id AND o.id = c.company_id AND o.deleted_at IS NULL
WHERE p.activity_id = $1 AND (m.id IS NOT NULL OR c.id IS NOT NULL)
ORDER BY p.created_at, p.id";

/// Of an activity that the caller has found visible.
pub(super) fn load(tx: &mut OrgTx, actor: &Actor, activity: &Activity, directory: &[Person]) -> AppResult<Parts> {
    let people = people(tx, actor, activity.id)?;
    let items: Vec<Item> = activity_checklist::table
        .filter(activity_checklist::activity_id.eq(activity.id))
        .order((activity_checklist::position, activity_checklist::id))
        .select(Item::as_select())
        .load(tx.conn())?;
    let before: Vec<ActivityId> = activity_dependencies::table
        .filter(activity_dependencies::activity_id.eq(activity.id))
        .order(activity_dependencies::created_at)
        .select(activity_dependencies::waits_for)
        .load(tx.conn())?;
    let after: Vec<ActivityId> = activity_dependencies::table
        .filter(activity_dependencies::waits_for.eq(activity.id))
        .order(activity_dependencies::created_at)
        .select(activity_dependencies::activity_id)
        .load(tx.conn())?;
    let free = |person: &&Person| {
        person.active
            && Some(person.id) != activity.fields.owner_id
            && !people.iter().any(|taking: &Participant| taking.member == Some(person.id))
    };
    Ok(Parts {
        ticked: items.iter().filter(|item| item.done_at.is_some()).count(),
        members: directory.iter().filter(free).map(|p| SelectOption::new(p.id.to_string(), &p.name, false)).collect(),
        candidates: candidates(tx, actor, activity, &before)?,
        waits_for: others(tx, actor, &before)?,
        holds_up: others(tx, actor, &after)?,
        people,
        items,
    })
}

fn people(tx: &mut OrgTx, actor: &Actor, id: ActivityId) -> AppResult<Vec<Participant>> {
    let rows: Vec<ParticipantRow> = kept(diesel::sql_query(PEOPLE).bind::<t::Uuid, _>(id.0)).load(tx.conn())?;
    let sees = |record, owner| records::require_view(actor, record).is_ok() && actor.sees(owner);
    let participant = |mut row: ParticipantRow| {
        let who = row.contact_id.or(row.member_id).unwrap_or(row.id);
        let told = json!({ "id": who, "name": row.name });
        let seen = row.contact_id.filter(|_| sees(RecordType::Contact, row.contact_owner));
        if row.contact_id.is_some() && seen.is_none() {
            (row.name, row.note, row.company) = ("Somebody else’s contact".into(), String::new(), None);
        }
        let company = row.company.filter(|_| sees(RecordType::Company, row.company_owner));
        let note: Vec<String> = [row.note, company.unwrap_or_default()].into_iter().filter(|s| !s.is_empty()).collect();
        Participant {
            id: row.id,
            href: seen.map(|id| format!("/contacts/{id}")),
            initials: text::initials(&row.name),
            class: text::avatar_class(&who.to_string()),
            name: row.name,
            note: note.join(" · "),
            member: row.member_id.map(MemberId),
            told,
        }
    };
    Ok(rows.into_iter().map(participant).collect())
}

fn others(tx: &mut OrgTx, actor: &Actor, ids: &[ActivityId]) -> AppResult<Vec<Other>> {
    let mut found = Vec::new();
    for id in ids.iter().take(MOST) {
        match queries::find(tx, actor, *id) {
            Ok(other) => found.push(Other {
                id: id.0,
                href: Some(format!("/activities/{id}")),
                open: other.is_open(),
                subject: other.fields.subject,
            }),
            // Deleted ones hold nothing up.
            Err(AppError::NotFound) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

/// Open tasks of whoever is to do it and what is planned with the same records, as far as the reader sees them.
fn candidates(
    tx: &mut OrgTx,
    actor: &Actor,
    activity: &Activity,
    taken: &[ActivityId],
) -> AppResult<Vec<SelectOption>> {
    let owner = activity.fields.owner_id.filter(|owner| actor.sees(Some(owner.0)));
    let asked = Asked {
        class: Class::Task,
        words: vec![],
        owners: Some(vec![owner.map_or(actor.id.0, |id| id.0)]),
        given: false,
        when: When::Open,
        type_id: None,
        status: None,
        fold: true,
        series: None,
        about: None,
        after: None,
        limit: 50,
    };
    let mut rows = Vec::new();
    for (record, id) in activity.fields.links() {
        if let Some(id) = id {
            rows.extend(queries::planned(tx, actor, record, id, 20)?);
        }
    }
    rows.extend(queries::list(tx, actor, &asked)?);
    let seen = queries::seen_of(tx, actor, rows.iter().map(|row| row.id).collect())?;
    rows.retain(|row| seen.contains(&row.id));
    let mut options: Vec<SelectOption> = Vec::new();
    for row in rows {
        let id = row.id.to_string();
        let free = row.id != activity.id.0 && !taken.iter().any(|t| t.0 == row.id);
        if free && options.iter().all(|option| option.value != id) && options.len() < MOST {
            options.push(SelectOption::new(id, row.subject, false));
        }
    }
    Ok(options)
}

pub(super) type Id = Path<ActivityId>;

/// Colleagues take part in something that was just planned. Who is no active member, or takes part already, is passed over.
pub(super) fn invite(tx: &mut OrgTx, id: ActivityId, members: impl Iterator<Item = MemberId>) -> AppResult<()> {
    for member in members.take(MOST) {
        let added = diesel::sql_query(
            "INSERT INTO activity_participants (id, activity_id, member_id) \
             SELECT $1, $2, m.id FROM members m JOIN activities a ON a.org_id = m.org_id AND a.id = $2 \
             WHERE m.id = $3 AND m.deactivated_at IS NULL AND m.id IS DISTINCT FROM a.owner_id ON CONFLICT DO NOTHING",
        )
        .bind::<t::Uuid, _>(Uuid::now_v7())
        .bind::<t::Uuid, _>(id.0)
        .bind::<t::Uuid, _>(member.0)
        .execute(tx.conn())?;
        if added > 0 {
            let name = commands::person(tx, member)?;
            commands::note(tx, id, "participant", &Value::Null, &name)?;
            tell(tx, id, member)?;
        }
    }
    Ok(())
}

/// Contacts take part in something that was just planned.
pub(super) fn bring(tx: &mut OrgTx, by: &Actor, id: ActivityId, contacts: &[Uuid]) -> AppResult<()> {
    for contact in contacts {
        let added = diesel::insert_into(activity_participants::table)
            .values((
                (activity_participants::id.eq(Uuid::now_v7()), activity_participants::activity_id.eq(id)),
                activity_participants::contact_id.eq(Some(*contact)),
            ))
            .on_conflict_do_nothing()
            .execute(tx.conn())?;
        if added > 0 {
            let name = records::visible(tx, by, RecordType::Contact, *contact)?.name;
            commands::note(tx, id, "participant", &Value::Null, &json!({ "id": contact, "name": name }))?;
        }
    }
    Ok(())
}

/// A colleague hears that they are to take part, and when.
fn tell(tx: &mut OrgTx, id: ActivityId, member: MemberId) -> AppResult<()> {
    type When = (Option<chrono::DateTime<chrono::Utc>>, Option<chrono::NaiveDate>);
    let (start_at, due_on): When = activities::table
        .filter(activities::id.eq(id))
        .select((activities::start_at, activities::due_on))
        .first(tx.conn())?;
    let notice = Notice::new(Kind::Invited).about(id).param("start_at", &start_at).param("due_on", &due_on);
    notifications::tell(tx, &notice, To::people([member])).map(drop)
}

/// Does the work and shows the page again; what is wrong is told there.
pub(super) async fn change(
    page: Page,
    id: ActivityId,
    form: Form,
    db: Data<Db>,
    work: impl FnOnce(&mut OrgTx, &Form) -> AppResult<()> + Send + 'static,
) -> AppResult<HttpResponse> {
    let posted = form.clone();
    match db.org(&page, move |tx| work(tx, &posted)).await {
        Ok(()) => Ok(reply::redirect(&page.req, &format!("/activities/{id}"), None)),
        Err(AppError::Invalid(errors)) => {
            pages::show_refused(&page, &db, id, form, StatusCode::UNPROCESSABLE_ENTITY, errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /activities/{id}/participants`: `contact` and `contact_id`, or `member_id`
pub(super) async fn add_person(
    page: Page,
    by: Allow<Edit>,
    id: Id,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, id, form, db, move |tx, form| {
        let open = queries::lock(tx, &by, id)?.is_open();
        let member: Option<MemberId> = form.get("member_id").parse().ok();
        crate::features::accounts::members::check_active(tx, member, "member_id")?;
        let contact = match member {
            Some(_) => None,
            None => super::forms::contact(tx, &by, form)?,
        };
        if member.is_none() && contact.is_none() {
            return Err(AppError::field("contact", "is needed: choose a contact or a colleague"));
        }
        let count: i64 = activity_participants::table
            .filter(activity_participants::activity_id.eq(id))
            .count()
            .get_result(tx.conn())?;
        if usize::try_from(count).unwrap_or(MOST) >= MOST {
            return Err(AppError::field(
                "contact",
                format!("cannot be added: {MOST} people are the most there can be"),
            ));
        }
        let added = diesel::insert_into(activity_participants::table)
            .values((
                (activity_participants::id.eq(Uuid::now_v7()), activity_participants::activity_id.eq(id)),
                (
                    activity_participants::contact_id.eq(contact),
                    activity_participants::member_id.eq(member.map(|m| m.0)),
                ),
            ))
            .on_conflict_do_nothing()
            .execute(tx.conn())?;
        let name = match (member, contact) {
            (Some(member), _) => commands::person(tx, member)?,
            (None, Some(contact)) => {
                json!({ "id": contact, "name": records::standing(tx, &by, RecordType::Contact, contact, false)?.name })
            }
            (None, None) => Value::Null,
        };
        if added == 0 {
            return Ok(());
        }
        commands::note(tx, id, "participant", &Value::Null, &name)?;
        // Of what is over there is nothing to take part in any more.
        member.filter(|_| open).map_or(Ok(()), |member| tell(tx, id, member))
    })
    .await
}

/// `POST /activities/{id}/participants/removal`: `participant`
pub(super) async fn remove_person(
    page: Page,
    by: Allow<Edit>,
    id: Id,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, id, form, db, move |tx, form| {
        queries::lock(tx, &by, id)?;
        let wanted = form.get("participant").parse::<Uuid>().unwrap_or_default();
        let Some(person) = people(tx, &by, id)?.into_iter().find(|p| p.id == wanted) else { return Ok(()) };
        diesel::delete(activity_participants::table.filter(activity_participants::id.eq(wanted))).execute(tx.conn())?;
        commands::note(tx, id, "participant", &person.told, &Value::Null)
    })
    .await
}
