//! A saved view as far as its reader can still have it: a field that it asks for may have been retired since, or be hidden from them.

use super::{Sort, damaged, groups, href};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        records::filter::{self, Filter, Schema},
        views,
    },
    kernel::RecordType,
    web::{Actor, Form},
};

/// The query string of the view without the rules, orders and groups that mean nothing to this reader; `None` when it asks for no view,
/// or for all of one.
pub(super) fn without_what_is_gone(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    asked: &str,
) -> AppResult<Option<String>> {
    let form = Form::decode(asked.as_bytes())?;
    if form.get("edited") == "1" {
        return Ok(None);
    }
    let (Some(view), mut form) = views::resolve(tx, actor, record, form)? else { return Ok(None) };
    let whole = Filter::parse(form.get("filter"))?;
    let schema = Schema::load(tx, actor, record, &whole)?;
    let catalogue = schema.get(record).ok_or_else(damaged)?;
    let Some(rest) = filter::without_what_is_gone(&whole, record, &schema, actor) else { return Ok(None) };
    let sort = form.all("sort").collect::<Vec<_>>().join(",");
    let known = |param: &&str| {
        catalogue.get(param.trim_start_matches('-')).is_some_and(|e| Sort::by(record, e, false).is_some())
    };
    let sorts = sort.split(',').filter(known).collect::<Vec<_>>().join(",");
    let group = form.get("group").to_owned();
    let groups = Some(&group).filter(|key| catalogue.get(key).is_some_and(groups::is_groupable)).cloned();
    let groups = groups.unwrap_or_default();
    if rest == whole && sorts == sort && groups == group {
        return Ok(None);
    }
    for (name, value) in [
        ("filter", rest.json()),
        ("sort", sorts),
        ("group", groups),
        ("view", view.id.to_string()),
        ("edited", "1".into()),
    ] {
        form.set(name, value);
    }
    let pairs: Vec<(String, String)> = form.pairs().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    Ok(Some(href::encode(&pairs)))
}
