//! What every way of looking at a pipeline has in common: what its address asks for, and the frame around it: title, switcher of views,
//! filters as chips and a form. The same filter goes along from one to the next, and into saved views.

use super::{
    Pipeline,
    board::{
        Filters, Scope,
        chrome::{self, FilterView, PipelineLink},
        team_names,
    },
    queries,
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        accounts::members,
        records::filter::Filter,
        tags,
        views::{self, Kind, View, kind},
    },
    kernel::{PipelineId, RecordType},
    web::{Actor, Form, FormErrors, FormView},
};
use actix_web::http::StatusCode;

const LOST: &str =
    "Part of this view asks for a field that is no longer there, or not for you. It is shown without that part.";

/// What an address asks for: of the saved view it names, unless it says how it differs from it.
pub struct Asked {
    pub kind: Kind,
    pub pipeline: PipelineId,
    pub view: Option<View>,
    pub filters: Filters,
    /// What the kind says of itself beside the filter.
    pub shape: Vec<(String, String)>,
    /// Part of the view asks for what is gone, or not for this reader, and is left out.
    lost: bool,
    /// What was typed and means nothing, with why: the filter is without it.
    pub refused: FormView,
}

impl Asked {
    pub fn read(tx: &mut OrgTx, actor: &Actor, kind: Kind, pipeline: PipelineId, form: &Form) -> AppResult<Self> {
        let edited = form.get("edited") == "1";
        let (view, form) = match form.get("view") {
            "" | "all" => (None, form.clone()),
            _ => views::resolve(tx, actor, RecordType::Deal, form.clone())?,
        };
        let said = |name: &&str| ((*name).to_owned(), form.get(name).to_owned());
        let shape = kind::SHAPE.iter().map(said).filter(|(_, value)| !value.is_empty()).collect();
        let mut filters = Filters::parse(&form, actor.locale.mark())?;
        let lost = view.is_some() && !edited && filters.leave_out_what_is_gone(tx, actor)?;
        Ok(Self { kind, pipeline, view, filters, shape, lost, refused: FormView::default() })
    }

    /// For a page, whose form says at its field what cannot be understood; whatever else was asked for is shown.
    pub fn open(
        tx: &mut OrgTx,
        actor: &Actor,
        kind: Kind,
        pipeline: PipelineId,
        form: &Form,
    ) -> AppResult<(Self, Scope)> {
        let (mut understood, mut refused) = (form.clone(), FormErrors::default());
        loop {
            let asked = Self::read(tx, actor, kind, pipeline, &understood);
            match asked.and_then(|asked| asked.scope(tx, actor).map(|scope| (asked, scope))) {
                Ok((asked, scope)) => return Ok((Self { refused: form.clone().view(refused), ..asked }, scope)),
                Err(AppError::Invalid(errors)) if errors.iter().any(|(field, _)| understood.has(field)) => {
                    for (field, message) in errors.iter() {
                        understood.remove(field);
                        refused.add(field, message);
                    }
                }
                Err(other) => return Err(other),
            }
        }
    }

    pub fn scope(&self, tx: &mut OrgTx, actor: &Actor) -> AppResult<Scope> {
        Scope::resolve(tx, actor, &self.filters)
    }

    /// What its kind says under that name.
    pub fn shape(&self, name: &str) -> &str {
        self.shape.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    fn filter_pairs(&self) -> Vec<(String, String)> {
        self.filters.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What keeps a page that began as a saved view from being that view again.
    fn view_pairs(&self) -> Vec<(String, String)> {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let of = |view: &View| vec![pair("view", view.id.to_string()), pair("edited", "1".into())];
        self.view.as_ref().map(of).unwrap_or_default()
    }

    /// This page with some parameters changed; an empty value takes one away.
    pub fn href(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = self.filter_pairs();
        pairs.extend(self.shape.clone());
        pairs.extend(self.view_pairs());
        for (name, value) in changes {
            pairs.retain(|(n, _)| n != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        address(&self.kind.path(self.pipeline), &pairs)
    }

    /// Another kind of page with the same filter, but for some parameters.
    pub fn href_of(&self, kind: Kind, changes: &[(&str, &str)]) -> String {
        let mut pairs = self.filter_pairs();
        for (name, value) in changes {
            pairs.retain(|(n, _)| n != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        address(&kind.path(self.pipeline), &pairs)
    }

    /// The same filter looked at in another way.
    fn to(&self, kind: Kind) -> String {
        let mut pairs = self.filter_pairs();
        if kind == Kind::List {
            pairs.push(("pipeline".to_owned(), self.pipeline.to_string()));
            pairs.push(("status".to_owned(), "open".to_owned()));
        }
        address(&kind.path(self.pipeline), &pairs)
    }

    /// The list's query string that means this: for saved views and the builder of rules, which lead back here.
    pub fn list(&self) -> String {
        let mut pairs = self.said();
        pairs.extend(self.view_pairs());
        encode(&pairs)
    }

    /// The list of what this page shows and a further rule holds for.
    pub fn listed(&self, rule: &Filter) -> String {
        let rules = self.filters.rules.as_deref().and_then(|json| Filter::parse(json).ok()).unwrap_or_default();
        let mut pairs = self.filter_pairs();
        pairs.retain(|(name, _)| name != "filter");
        pairs.push(("pipeline".to_owned(), self.pipeline.to_string()));
        pairs.push(("status".to_owned(), "open".to_owned()));
        pairs.push(("filter".to_owned(), rules.and(rule.clone()).json()));
        address(&Kind::List.path(self.pipeline), &pairs)
    }

    /// The query of the fragments that belong to this page.
    pub fn fragments(&self) -> String {
        self.fragments_with(&[])
    }

    pub fn fragments_with(&self, more: &[(&str, &str)]) -> String {
        let mut pairs = self.filter_pairs();
        pairs.extend(self.shape.clone());
        pairs.extend(self.view_pairs());
        let said = more.iter().filter(|(_, value)| !value.is_empty());
        pairs.extend(said.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        encode(&pairs)
    }

    fn said(&self) -> Vec<(String, String)> {
        let mut pairs = self.filter_pairs();
        pairs.push(("kind".to_owned(), self.kind.key().to_owned()));
        pairs.push(("pipeline".to_owned(), self.pipeline.to_string()));
        pairs.extend(self.shape.clone());
        pairs
    }

    fn modified(&self, view: &View) -> bool {
        let mut kept: Vec<(String, String)> = Form::decode(view.query.as_bytes())
            .map(|form| form.pairs().map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
            .unwrap_or_default();
        kept.retain(|(name, value)| !value.is_empty() && name != "status");
        let mut now = self.said();
        kept.sort();
        now.sort();
        kept != now
    }
}

fn encode(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Without a word a board shows what was last looked for there: nothing is said outright.
fn address(path: &str, pairs: &[(String, String)]) -> String {
    let query = encode(pairs);
    if query.is_empty() { format!("{path}?reset=1") } else { format!("{path}?{query}") }
}

/// The saved view that the page began as.
pub struct Mark {
    pub id: String,
    pub name: String,
    pub modified: bool,
    pub may_change: bool,
    pub href: String,
}

pub struct Frame {
    pub pipeline: PipelineLink,
    pub pipelines: Vec<PipelineLink>,
    pub kinds: Vec<kind::Link>,
    pub filters: FilterView,
    pub view: Option<Mark>,
    /// What of the view could not be had, in words.
    pub note: &'static str,
    pub path: String,
    pub clear: String,
    /// What the filter's form keeps.
    pub kept: Vec<(String, String)>,
    pub views_href: String,
    pub rules_href: String,
    /// Where a board's cards and columns are set up.
    pub look_href: Option<String>,
    /// For the form of a view that changed.
    pub list: String,
}

impl Frame {
    /// Not found when it is no pipeline of this organisation's.
    pub fn check(tx: &mut OrgTx, id: PipelineId) -> AppResult<()> {
        queries::pipeline(tx, id).map(drop)
    }

    /// Of the page around a filter that cannot be understood whole.
    pub fn status(&self) -> StatusCode {
        if self.filters.refused.has_errors() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }

    pub fn board_href(&self) -> String {
        format!("/pipeline/{}", self.pipeline.id)
    }

    /// The view's name, else the pipeline's.
    pub fn title(&self) -> &str {
        self.view.as_ref().map_or(&self.pipeline.name, |view| &view.name)
    }

    pub fn load(tx: &mut OrgTx, actor: &Actor, asked: &Asked) -> AppResult<Self> {
        let all = queries::pipelines(tx)?;
        let pipeline = all.iter().find(|p| p.id == asked.pipeline).ok_or(AppError::NotFound)?;
        let (people, teams, tags) = (members::directory(tx)?, team_names(tx)?, tags::all(tx)?);
        let list = [("list".to_owned(), asked.list())];
        let record = [("record".to_owned(), "deal".to_owned()), list[0].clone()];
        let mut filters = chrome::filters(actor, asked, &people, &teams, &tags);
        filters.rules = asked.filters.rules.as_deref().map_or(0, rules_in);
        Ok(Self {
            pipeline: link(pipeline, asked),
            pipelines: all.iter().map(|p| link(p, asked)).collect(),
            kinds: Kind::OFFERED.iter().map(|k| kind::Link::new(*k, asked.to(*k), *k == asked.kind)).collect(),
            filters,
            view: asked.view.as_ref().map(|view| Mark {
                id: view.id.to_string(),
                name: view.name.clone(),
                modified: asked.modified(view),
                may_change: view.may_change(actor),
                href: view.href(),
            }),
            note: if asked.lost { LOST } else { "" },
            path: asked.kind.path(asked.pipeline),
            clear: address(&asked.kind.path(asked.pipeline), &asked.shape),
            kept: kept(asked),
            views_href: format!("/views?{}", encode(&record)),
            rules_href: format!("/deals/filter?{}", encode(&list)),
            look_href: (asked.kind == Kind::Board)
                .then(|| format!("/pipeline/{}/look?{}", asked.pipeline, encode(&list))),
            list: asked.list(),
        })
    }
}

fn rules_in(json: &str) -> usize {
    Filter::parse(json).map_or(0, |filter| filter.parts().len())
}

fn link(pipeline: &Pipeline, asked: &Asked) -> PipelineLink {
    PipelineLink {
        id: pipeline.id.to_string(),
        name: pipeline.name.clone(),
        href: asked.kind.path(pipeline.id),
        current: pipeline.id == asked.pipeline,
    }
}

fn kept(asked: &Asked) -> Vec<(String, String)> {
    let mut pairs = asked.shape.clone();
    pairs.extend(asked.view_pairs());
    pairs.extend(asked.filters.rules.clone().map(|json| ("filter".to_owned(), json)));
    pairs
}
