//! Where a deal's probability comes from, in words; and giving up one of its own.

use super::{SPEC, forms, model::Deal, queries, told::Told};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        pipeline::{Pipeline, Stage, likelihood},
        records::Saved,
    },
    kernel::DealId,
    web::{Actor, Allow, Page, flash::Flash, permission::deals::Edit, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

/// For the facts on a deal's page.
pub struct Chance {
    pub percent: i16,
    /// "set by Priya Raman, Mon 14:30; the stage says 40 %", "from your past".
    pub words: String,
    /// "(34 won + …)": how it was counted, where the past decides.
    pub how: Option<String>,
    /// Set by hand: it can be dropped.
    pub manual: bool,
}

pub(super) fn of(actor: &Actor, deal: &Deal, told: &[Told], stage: &Stage, pipeline: &Pipeline) -> Chance {
    let Some(own) = deal.probability else {
        let how = likelihood::formula(stage).filter(|_| pipeline.learns());
        let words = if how.is_some() { "from your past" } else { "the stage’s" }.to_owned();
        return Chance { percent: stage.probability, words, how, manual: false };
    };
    let set = told.iter().rev().find(|event| event.pair("probability").is_some_and(|(_, after)| !after.is_null()));
    let by = set.map_or_else(
        || "set by hand".to_owned(),
        |event| format!("set by {}, {}", event.who.as_deref().unwrap_or("Pipewright"), actor.within(event.at)),
    );
    let words = format!("{by}; the stage says {} %", stage.probability);
    Chance { percent: own, words, how: None, manual: true }
}

/// `POST /deals/{id}/probability/removal`: the stage's counts again.
pub async fn drop_own(page: Page, by: Allow<Edit>, id: Path<DealId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    db.org(&page, move |tx| {
        queries::lock(tx, &by, id)?;
        let mut form = forms::load(tx, &by, id.into())?;
        form.set("probability", "");
        match (SPEC.save)(tx, &by, id.into(), &form)? {
            Saved::Done(_) => Ok(()),
            Saved::Stale => Err(AppError::Conflict("Someone else changed this deal at the same moment.".into())),
        }
    })
    .await?;
    Ok(reply::redirect(
        &page.req,
        &format!("/deals/{id}"),
        Some(Flash::success("The stage’s probability counts again")),
    ))
}
