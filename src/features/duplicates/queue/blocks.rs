//! Candidates, set by set, in the database: every live record is given keys, and those that share one are compared, unless the key is
//! everybody's. An address, a number, a company's domain or name is a key by itself. Names are fuzzy, and a key for them is some of
//! what fuzzy names still share, within a company, a domain or a city: the initials, or one whole word and the beginning of another.

use super::super::finding;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
};
use diesel::prelude::*;

/// A key that more records share says nothing.
const BLOCK: i64 = 50;

/// Folding is dear, and cities are few.
const CITIES: &str = "
CREATE TEMPORARY TABLE likely_cities ON COMMIT DROP AS
SELECT city, app.fold(btrim(city)) AS key FROM (SELECT DISTINCT city FROM {table} WHERE btrim(city) <> '') t";

/// Words of the names in alphabetical order, as `finding::key` has them. (OFFSET 0: each array is made once.)
const NAMES: &str = "
CREATE TEMPORARY TABLE likely_names ON COMMIT DROP AS
SELECT id, array_to_string(words, ' ') AS name, words[1] AS first, words[cardinality(words)] AS last,
  left(words[1], 1) || coalesce(left(words[2], 1), '') || coalesce(left(words[3], 1), '') AS initials
FROM (
  SELECT r.id, ARRAY(
    SELECT w FROM unnest(string_to_array(regexp_replace(translate(r.name_key, '.''’', ''), '[^[:alnum:]]+', ' ', 'g'), ' ')) w
    WHERE w <> '' AND w <> ALL ('{legal}'::text[]) ORDER BY w COLLATE \"C\") AS words
  FROM {table} r WHERE r.archived_at IS NULL AND r.deleted_at IS NULL OFFSET 0) t";

/// `sure`: worth comparing whatever the names.
const KEYS: &str = "
CREATE TEMPORARY TABLE likely_keys ON COMMIT DROP AS
SELECT hashtextextended(k, 0) AS key, id, starts_with(k, '=') AS sure FROM (
  SELECT r.id, array_remove(ARRAY[{keys}]{lists}, NULL) AS keys
  FROM {table} r JOIN likely_names n ON n.id = r.id LEFT JOIN likely_cities c ON c.city = r.city
  WHERE r.archived_at IS NULL AND r.deleted_at IS NULL OFFSET 0) t, unnest(keys) k";

const PAIRS: &str = "
CREATE TEMPORARY TABLE likely_pairs ON COMMIT DROP AS
SELECT row_number() OVER () AS n, t.a, t.b FROM (
  SELECT a, b, bool_or(sure) AS sure FROM (
    SELECT array_agg(id ORDER BY id) AS ids, bool_or(sure) AS sure FROM likely_keys GROUP BY key HAVING count(*) BETWEEN 2 AND {block}
  ) g, unnest(ids) WITH ORDINALITY x (a, i), unnest(ids[i + 1:]) y (b) WHERE a <> b GROUP BY a, b) t
JOIN likely_names na ON na.id = t.a JOIN likely_names nb ON nb.id = t.b
WHERE t.sure OR similarity(na.name, nb.name) >= 0.5";

/// Fills `likely_pairs`, numbered from 1. `told` hears how far it is, in percent, roughly as long as
/// each step takes.
pub(super) fn gather(tx: &mut OrgTx, record: RecordType, mut told: impl FnMut(i16) -> AppResult<()>) -> AppResult<()> {
    let legal = if record == RecordType::Company { finding::LEGAL.join(",") } else { String::new() };
    let (keys, lists) = keys(record);
    let statements = [
        (1, "SET LOCAL work_mem = '64MB'".to_owned()),
        (5, CITIES.to_owned()),
        (30, NAMES.replace("{legal}", &format!("{{{legal}}}"))),
        (32, "ANALYZE likely_names".to_owned()),
        (60, KEYS.replace("{keys}", &keys.join(", ")).replace("{lists}", lists)),
        (63, "ANALYZE likely_keys".to_owned()),
        (97, PAIRS.replace("{block}", &BLOCK.to_string())),
        (99, "CREATE UNIQUE INDEX ON likely_pairs (n)".to_owned()),
        (100, "DROP TABLE likely_keys".to_owned()),
    ];
    for (percent, statement) in statements {
        diesel::sql_query(statement.replace("{table}", record.noun())).execute(tx.conn())?;
        told(percent)?;
    }
    Ok(())
}

/// Expressions over `r` (the record), `n` (its name) and `c` (its city); NULL where there is nothing. Those that begin with `=` are sure.
fn keys(record: RecordType) -> (Vec<String>, &'static str) {
    const EMAILS: &str =
        " || CASE WHEN r.other_emails = '{}' THEN '{}' ELSE ARRAY(SELECT '=e ' || e FROM unnest(r.other_emails) e) END
      || CASE WHEN r.other_phones = '{}' THEN '{}' ELSE ARRAY(SELECT '=p ' || p FROM unnest(r.other_phones) p) END";
    let shared = finding::SHARED.join(",");
    let own = |domain: &str| format!("CASE WHEN {domain} <> ALL ('{{{shared}}}'::text[]) THEN {domain} END");
    let mut keys = vec![
        "'=p ' || r.phone".to_owned(),
        "'y ' || c.key || ' ' || n.first || ' ' || left(n.last, 3)".to_owned(),
        "'z ' || c.key || ' ' || left(n.first, 3) || ' ' || n.last".to_owned(),
    ];
    match record {
        RecordType::Company => {
            keys.push(format!("'=d ' || {}", own("r.domain")));
            keys.push("'=n ' || nullif(n.name, '')".to_owned());
            keys.push(
                "'f ' || CASE WHEN n.first = n.last THEN left(n.first, 5) ELSE n.first || ' ' || left(n.last, 3) END"
                    .to_owned(),
            );
            keys.push("'g ' || left(n.first, 3) || ' ' || n.last".to_owned());
            (keys, "")
        }
        _ => {
            keys.push("'=e ' || r.email".to_owned());
            keys.push(format!("'d ' || {} || ' ' || n.initials", own("nullif(split_part(r.email, '@', 2), '')")));
            let company =
                if record == RecordType::Lead { "app.fold(nullif(r.company_name, ''))" } else { "r.company_id" };
            keys.push(format!("'c ' || {company} || ' ' || n.initials"));
            (keys, EMAILS)
        }
    }
}
