//! Going through what is selected, a batch at a time: the one way rows come into a file.

use super::{
    cells,
    formats::{self, Sheet, Sink},
    model::{self, Format, Order},
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        deals::people_text,
        fields::{Catalogue, Entry, Kind},
        records::list::Selection,
    },
    kernel::{RecordType, quoted},
    web::{
        Actor,
        permission::{Permission, contacts},
    },
};
use std::{fs::File, path::Path};
use uuid::Uuid;

/// Records in memory at once.
const BATCH: i64 = 1_000;

/// A file on its way, and how far it is.
pub(super) struct Walk {
    order: Order,
    entries: Vec<Entry>,
    sink: Box<dyn Sink>,
    after: Option<Uuid>,
    pub rows: u64,
    pub is_over: bool,
}

impl Walk {
    /// With the fields that the actor may see now. `scratch`: where a format keeps parts of the file.
    pub fn begin(tx: &mut OrgTx, actor: &Actor, order: Order, file: File, scratch: &Path) -> AppResult<Self> {
        let mut entries = entries(&Catalogue::load(tx, actor, order.record)?, &order);
        if order.record == RecordType::Deal {
            take_up(actor, &mut entries);
        }
        let sheet = Sheet {
            title: order.record.plural(),
            entries: entries.clone(),
            bom: order.options.bom,
            scratch: scratch.to_owned(),
        };
        let sink = formats::open(order.format, sheet, file)?;
        Ok(Self { order, entries, sink, after: None, rows: 0, is_over: false })
    }

    /// Writes the next batch of what the actor may export at this moment.
    pub fn step(&mut self, tx: &mut OrgTx, actor: &Actor) -> AppResult<()> {
        model::check(actor, self.order.record)?;
        let selection = Selection::restore(tx, actor, self.order.record, &self.order.options.selection)?;
        let ids = selection.next(tx, actor, self.after, BATCH)?;
        for row in cells::read(tx, actor, self.order.record, &self.entries, &ids)? {
            self.sink.row(&row)?;
            self.rows += 1;
        }
        self.after = ids.last().copied().or(self.after);
        self.is_over = i64::try_from(ids.len()).is_ok_and(|n| n < BATCH);
        Ok(())
    }

    /// The file is whole after this; answers what was ordered and how many rows came of it.
    pub fn finish(self) -> AppResult<(Order, u64)> {
        self.sink.finish()?;
        Ok((self.order, self.rows))
    }
}

/// As an import takes them up again: a deal's people with addresses (of those whose records the actor sees) and parts, and competitors of any
/// name.
fn take_up(actor: &Actor, entries: &mut [Entry]) {
    let seen = match actor.visible_owners() {
        _ if !actor.may(contacts::View::KEY) => "false".to_owned(),
        None => "true".to_owned(),
        Some(owners) => {
            let ids: Vec<String> = owners.iter().map(|id| format!("'{id}'")).collect();
            format!("coalesce(c.owner_id = ANY (ARRAY[{}]::uuid[]), false)", ids.join(", "))
        }
    };
    for entry in entries {
        match (entry.key.as_str(), &mut entry.kind) {
            ("contacts", _) => entry.expr = people_text::written(&seen),
            ("competitors", Kind::Choices(all)) => all.iter_mut().for_each(|c| c.label = quoted::quote(&c.label)),
            _ => {}
        }
    }
}

fn entries(catalogue: &Catalogue, order: &Order) -> Vec<Entry> {
    let known = |key: &str| catalogue.get(key).filter(|entry| entry.exportable).cloned();
    match order.format {
        Format::Vcard => formats::CARD.iter().filter_map(|key| known(key)).collect(),
        _ => order.fields.iter().filter_map(|key| known(key)).collect(),
    }
}
