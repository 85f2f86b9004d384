//! Tags by name: as people type them, as files have them. And the search documents of records whose tag has a new name.

use super::{
    commands,
    model::{LONGEST, Tag},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{RecordType, TagId, text},
    search,
    web::{
        Actor, Allow,
        permission::{Permission, tags::Create},
    },
};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) const JOB: &str = "tags.reindex";
const BATCH: i64 = 1_000;

/// The names in a text: separated by `;`, `,` or line breaks, each once.
pub fn parse(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split([';', ',', '\n']) {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if !name.is_empty() && names.iter().all(|n| text::fold(n) != text::fold(&name)) {
            names.push(name);
        }
    }
    names
}

/// The tags of these names; those that are not there yet are made, when the actor may. Errors belong to `field`.
pub fn resolve(tx: &mut OrgTx, actor: &Actor, names: &[String], field: &str) -> AppResult<Vec<Tag>> {
    let mut tags = Vec::with_capacity(names.len());
    for name in names {
        if name.chars().count() > LONGEST {
            return Err(AppError::field(field, format!("are at most {LONGEST} characters each")));
        }
        let tag = match queries::by_name(tx, name)? {
            Some(tag) => tag,
            None if actor.may(Create::KEY) => commands::create(tx, &Allow::check(actor)?, name, None)?,
            None => {
                let told = format!("“{name}” is not a tag yet, and your role does not let you make one");
                return Err(AppError::field(field, told));
            }
        };
        if tags.iter().all(|t: &Tag| t.id != tag.id) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// The tags of these names; one that is not there is an error at `field`.
pub fn known(tx: &mut OrgTx, names: &[String], field: &str) -> AppResult<Vec<Tag>> {
    let mut tags = Vec::with_capacity(names.len());
    for name in names {
        let tag = queries::by_name(tx, name)?;
        let short: String = name.chars().take(LONGEST).collect();
        tags.push(tag.ok_or_else(|| AppError::field(field, format!("“{short}” is not a tag")))?);
    }
    Ok(tags)
}

#[derive(Serialize, Deserialize)]
struct Payload {
    tag: TagId,
}

/// After this transaction, the search documents of every record that has the tag are written anew.
pub(super) fn enqueue_reindex(tx: &mut OrgTx, tag: TagId) -> AppResult<()> {
    jobs::enqueue(tx, Job::new(JOB, &Payload { tag })?)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    record_id: Uuid,
}

pub(super) fn run_job(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { tag } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    for record in RecordType::ALL {
        let mut after = Some(Uuid::nil());
        while let Some(last) = after {
            after = ctx.db.org_now(&org, |tx| {
                let rows: Vec<Id> = diesel::sql_query(
                    "SELECT record_id FROM record_tags WHERE tag_id = $1 AND record_type = $2 AND record_id > $3 ORDER BY record_id LIMIT $4",
                )
                .bind::<sql_types::Uuid, _>(tag)
                .bind::<sql_types::Text, _>(record.key())
                .bind::<sql_types::Uuid, _>(last)
                .bind::<sql_types::BigInt, _>(BATCH)
                .load(tx.conn())?;
                let ids: Vec<Uuid> = rows.into_iter().map(|row| row.record_id).collect();
                search::reindex(tx, record, &ids)?;
                Ok(ids.last().copied())
            })?;
        }
    }
    Ok(JobOutcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_as_people_do() {
        assert_eq!(parse("VIP; vip ,  Key   account\n;;,"), ["VIP", "Key account"]);
        assert!(parse(" ; \n").is_empty());
    }
}
