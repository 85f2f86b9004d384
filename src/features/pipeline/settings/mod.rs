//! `/settings/pipelines`: pipelines, their stages, and the reasons deals are lost for. A refused form comes back at its place on the
//! page it was sent from, with what was typed.

mod closing;
mod index;
mod pipeline;
mod requirements;
mod stages;

use super::{
    commands,
    model::{Pipeline, Stage},
    queries,
};
use crate::{
    kernel::StageId,
    web::{
        Form, FormErrors, Routes, SelectOption,
        paths::{get, post},
    },
};

const AT: &str = "/settings/pipelines";

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/pipelines", get().to(index::index))
        .route("/settings/pipelines", post().to(index::add_pipeline))
        .route("/settings/lost-reasons", post().to(index::lost_reasons))
        .route("/settings/closing", get().to(closing::show))
        .route("/settings/closing", post().to(closing::save))
        .route("/settings/closing/renaming", post().to(closing::rename))
        .route("/settings/celebration", post().to(closing::celebration))
        .route("/settings/pipelines/{id}", get().to(pipeline::show))
        .route("/settings/pipelines/{id}", post().to(pipeline::rename))
        .route("/settings/pipelines/{id}/deletion", post().to(pipeline::delete))
        .route("/settings/pipelines/{id}/probability", post().to(pipeline::probability))
        .route("/settings/pipelines/{id}/stages", post().to(stages::add_stage))
        .route("/settings/pipelines/{id}/order", post().to(stages::order))
        .route("/settings/stages/{id}", post().to(stages::edit_stage))
        .route("/settings/stages/{id}/shift", post().to(stages::shift))
        .route("/settings/stages/{id}/requirements", get().to(requirements::show))
        .route("/settings/stages/{id}/requirements", post().to(requirements::save))
        .route("/settings/stages/{id}/removal", get().to(stages::ask_removal))
        .route("/settings/stages/{id}/removal", post().to(stages::remove_stage));
}

/// The message at a field of these pages' small forms.
#[derive(Default)]
struct Errors(FormErrors);

impl Errors {
    fn of(&self, field: &str) -> &str {
        self.0.get(field).unwrap_or_default()
    }
}

fn targets(all: &[(Pipeline, Vec<Stage>)], fits: impl Fn(&Stage) -> bool) -> Vec<SelectOption> {
    all.iter()
        .flat_map(|(p, stages)| stages.iter().map(move |s| (p, s)))
        .filter(|(_, s)| fits(s))
        .map(|(p, s)| SelectOption::new(s.id.to_string(), format!("{} / {}", p.name, s.name), false))
        .collect()
}

fn name_of(form: &Form) -> Result<String, FormErrors> {
    let mut p = form.parser();
    let name = p.required("name", 80);
    p.finish().map(|()| name)
}

fn target(form: &Form) -> Result<Option<StageId>, FormErrors> {
    let mut p = form.parser();
    let target = p.id("target");
    p.finish().map(|()| target)
}
