//! A posted form of a record: saved, or the form again with what is wrong with it, or with what was changed meanwhile.
//!
//! A refusal ends its transaction, so that nothing the form brought with it (a company named for the first time) stays behind.

use super::{
    Saved, Spec,
    history::{self, Conflict},
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        fields::{self, Catalogue, InputSection},
    },
    kernel::{RecordType, countries},
    web::{Form, FormErrors, FormView, Page, SelectOption, flash::Flash, reply},
};
use actix_web::{HttpResponse, http::StatusCode};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// What became of a posted form.
pub enum Submitted {
    Saved,
    /// Show it again, with this status.
    Again(StatusCode, Box<Draft>),
}

/// A form to be shown: empty, a record's own, or what was posted.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub form: Form,
    pub errors: FormErrors,
    pub conflict: Option<Conflict>,
}

impl Draft {
    pub fn of(form: Form) -> Self {
        Self { form, ..Self::default() }
    }

    /// Posted, and refused: 422 with the errors. Any other failure stays one.
    pub fn refused(form: Form, error: AppError) -> AppResult<Self> {
        match error {
            AppError::Invalid(errors) => {
                let errors = errors.placed(&form);
                Ok(Self { form, errors, conflict: None })
            }
            other => Err(other),
        }
    }
}

/// The empty form of a new record: what the address says, the actor as owner, and the fields' defaults. The record's id is chosen
/// now, so that the form sent twice makes one record.
pub async fn blank(spec: &Spec, page: &Page, db: &Db) -> AppResult<Draft> {
    let mut form = Form::decode(page.req.query_string().as_bytes())?;
    form.set("owner_id", page.actor.id.to_string());
    form.set("id", Uuid::now_v7().to_string());
    let (actor, record) = (page.actor.clone(), spec.record);
    db.org(page, move |tx| {
        fields::prefill(tx, &actor, record, &mut form)?;
        Ok(Draft::of(form))
    })
    .await
}

/// The form of a record as it is.
pub async fn stored(spec: &Spec, page: &Page, id: Uuid, db: &Db) -> AppResult<Draft> {
    let (actor, load) = (page.actor.clone(), spec.load);
    db.org(page, move |tx| load(tx, &actor, id).map(Draft::of)).await
}

/// Makes a record of the posted form, once; `make` gets the id that was chosen for it. The way to its page, or the form again (422).
pub async fn create(
    spec: &Spec,
    page: &Page,
    form: Form,
    db: &Db,
    make: impl FnOnce(&mut OrgTx, &Form, Uuid) -> AppResult<()> + Send + 'static,
) -> AppResult<Result<HttpResponse, Box<Draft>>> {
    let (record, posted) = (spec.record, form.clone());
    let id = form.get("id").parse().unwrap_or_else(|_| Uuid::now_v7());
    let made = db
        .org(page, move |tx| {
            if made_before(tx, record, id)? {
                return Ok(());
            }
            make(tx, &posted, id)
        })
        .await;
    match made {
        // Rules may have given it to somebody else.
        Ok(()) if !still_seen(spec, page, id, db).await? => Ok(Ok(handed_over(spec, page))),
        Ok(()) => {
            let flash = Flash::success(format!("{} added", record.label()));
            Ok(Ok(reply::redirect(&page.req, &format!("/{}/{id}", record.noun()), Some(flash))))
        }
        Err(error) => Draft::refused(form, error).map(|draft| Err(Box::new(draft))),
    }
}

/// Whether the form was sent before, whoever has the record by now. Two at the same moment take turns.
fn made_before(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<bool> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind::<sql_types::Text, _>(id.to_string())
        .execute(tx.conn())?;
    let there = diesel::sql_query(format!("SELECT 1 FROM {} WHERE id = $1", record.noun()));
    Ok(there.bind::<sql_types::Uuid, _>(id).execute(tx.conn())? > 0)
}

/// Saves the form over the record, if nobody else did since it was opened.
pub async fn submit(spec: &Spec, page: &Page, id: Uuid, form: Form, db: &Db) -> AppResult<Submitted> {
    let (actor, save, posted) = (page.actor.clone(), spec.save, form.clone());
    match db.org(page, move |tx| save(tx, &actor, id, &posted)).await {
        Ok(Saved::Done(_)) => Ok(Submitted::Saved),
        Ok(Saved::Stale) => {
            let draft = stale(spec, page, id, form, db).await?;
            Ok(Submitted::Again(StatusCode::CONFLICT, Box::new(draft)))
        }
        Err(error) => {
            let draft = Draft::refused(form, error)?;
            Ok(Submitted::Again(StatusCode::UNPROCESSABLE_ENTITY, Box::new(draft)))
        }
    }
}

/// The answer to a saved form: the record's page, or the list's when the record is out of the actor's sight.
pub async fn saved(spec: &Spec, page: &Page, id: Uuid, db: &Db) -> AppResult<HttpResponse> {
    if !still_seen(spec, page, id, db).await? {
        return Ok(handed_over(spec, page));
    }
    let flash = Flash::success(format!("{} saved", spec.record.label()));
    Ok(reply::redirect(&page.req, &format!("/{}/{id}", spec.record.noun()), Some(flash)))
}

/// Whether the actor still sees the record they just saved: a new owner may be beyond their reach.
pub async fn still_seen(spec: &Spec, page: &Page, id: Uuid, db: &Db) -> AppResult<bool> {
    let (actor, record) = (page.actor.clone(), spec.record);
    match db.org(page, move |tx| super::visible(tx, &actor, record, id)).await {
        Ok(_) => Ok(true),
        Err(AppError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

/// To the list, saying why the record is not there any more.
pub fn handed_over(spec: &Spec, page: &Page) -> HttpResponse {
    let told = format!("{} saved. It has a new owner, and you no longer see it.", spec.record.label());
    reply::redirect(&page.req, &format!("/{}", spec.record.noun()), Some(Flash::success(told)))
}

/// The posted form beside what was saved meanwhile; its `version` has moved on.
pub async fn stale(spec: &Spec, page: &Page, id: Uuid, mut form: Form, db: &Db) -> AppResult<Draft> {
    let (actor, record) = (page.actor.clone(), spec.record);
    db.org(page, move |tx| {
        let conflict = history::conflict(tx, &actor, record, id, &mut form)?;
        Ok(Draft { form, errors: FormErrors::default(), conflict: Some(conflict) })
    })
    .await
}

/// What every record's form page needs beside its own fields.
#[derive(Clone, Debug)]
pub struct FormParts {
    pub input: FormView,
    pub conflict: Option<Conflict>,
    pub owners: Vec<SelectOption>,
    pub countries: Vec<SelectOption>,
    /// Where it posts to, and where Cancel leads.
    pub action: String,
    pub cancel: String,
    pub is_new: bool,
    /// The organisation's own fields.
    pub custom: Vec<InputSection>,
}

impl FormParts {
    fn new(draft: Draft, people: &[Person], record: RecordType, id: Option<Uuid>, custom: Vec<InputSection>) -> Self {
        let noun = record.noun();
        let address = id.map_or_else(|| format!("/{noun}"), |id| format!("/{noun}/{id}"));
        let country = draft.form.get("country").to_owned();
        let country = countries::parse(&country).unwrap_or(country);
        Self {
            owners: super::inline::owner_choices(people, draft.form.get("owner_id")),
            countries: countries::all()
                .into_iter()
                .map(|(code, name)| SelectOption::new(code, name, code == country))
                .collect(),
            input: draft.form.view(draft.errors),
            conflict: draft.conflict,
            action: address.clone(),
            cancel: address,
            is_new: id.is_none(),
            custom,
        }
    }

    /// Loads the directory for the owner's choices.
    pub async fn load(page: &Page, db: &Db, draft: Draft, record: RecordType, id: Option<Uuid>) -> AppResult<Self> {
        let actor = page.actor.clone();
        let (people, catalogue) =
            db.org(page, move |tx| Ok((members::directory(tx)?, Catalogue::load(tx, &actor, record)?))).await?;
        let custom = InputSection::of(&catalogue, page, &draft.form, &draft.errors, &people);
        Ok(Self::new(draft, &people, record, id, custom))
    }
}
