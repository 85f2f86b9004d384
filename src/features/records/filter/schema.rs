//! The catalogues a filter is read against: the record's own, and those of the related records it asks about.

use super::{Filter, relations::relation};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        fields::Catalogue,
        records::require_view,
        segments::{self, Segment},
    },
    kernel::RecordType,
    web::Actor,
};
use std::sync::Arc;

/// Cheap to clone. A type that the reader may not see is not in it.
#[derive(Clone, Debug)]
pub struct Schema(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    catalogues: Vec<Arc<Catalogue>>,
    /// Those the filter names.
    segments: Vec<Segment>,
}

impl Schema {
    /// The record's own catalogue and what the filter needs.
    pub fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType, filter: &Filter) -> AppResult<Self> {
        let mut wanted = vec![record];
        targets(record, filter, &mut wanted);
        let segments = if filter.names(segments::RULE) { segments::all(tx)? } else { vec![] };
        for segment in &segments {
            if let (Some(record), Some(filter)) = (segment.record(), segment.filter()) {
                targets(record, &filter, &mut wanted);
            }
        }
        let mut all = Vec::with_capacity(wanted.len());
        for record in wanted {
            if require_view(actor, record).is_ok() {
                all.push(match segments.is_empty() {
                    true => Catalogue::shared(tx, actor, record)?,
                    false => Arc::new(Catalogue::load(tx, actor, record)?.offering(&segments)),
                });
            }
        }
        Ok(Self(Arc::new(Loaded { catalogues: all, segments })))
    }

    /// Every type that the reader may see: for the builder.
    pub fn whole(tx: &mut OrgTx, actor: &Actor) -> AppResult<Self> {
        let seen = RecordType::ALL.into_iter().filter(|record| require_view(actor, *record).is_ok());
        let segments = segments::all(tx)?;
        let all = seen.map(|record| Ok(Arc::new(Catalogue::load(tx, actor, record)?.offering(&segments))));
        Ok(Self(Arc::new(Loaded { catalogues: all.collect::<AppResult<_>>()?, segments })))
    }

    pub fn get(&self, record: RecordType) -> Option<&Catalogue> {
        self.0.catalogues.iter().find(|catalogue| catalogue.record == record).map(Arc::as_ref)
    }

    pub(super) fn segment(&self, record: RecordType, id: &str) -> Option<&Segment> {
        self.0.segments.iter().find(|s| s.record() == Some(record) && s.id.to_string() == id)
    }
}

fn targets(record: RecordType, filter: &Filter, wanted: &mut Vec<RecordType>) {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().for_each(|part| targets(record, part, wanted)),
        Filter::Rule { .. } => {}
        Filter::Related { relation: key, filter, .. } => {
            let Some(relation) = relation(record, key) else { return };
            if !wanted.contains(&relation.target) {
                wanted.push(relation.target);
            }
            targets(relation.target, filter, wanted);
        }
    }
}
