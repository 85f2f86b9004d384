//! Reactions: a few emoji, each on or off, and who gave them.

use super::{
    post::{self, Found, Post},
    words,
};
use crate::{
    db::{OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::notifications::{self, Kind, Notice, To},
    kernel::MemberId,
    live::{self, LiveMessage},
    schema::post_reactions,
    web::Actor,
};
use diesel::{prelude::*, sql_types as t};
use std::collections::HashMap;
use uuid::Uuid;

/// What there is to choose from, and what it is called.
pub(super) const ALL: [(&str, &str); 6] = [
    ("👍", "Thumbs up"),
    ("❤️", "Heart"),
    ("🎉", "Celebrate"),
    ("😄", "Smile"),
    ("👀", "Looking at it"),
    ("✅", "Done"),
];

/// How many gave one of them, for a button that takes part or leaves.
#[derive(Clone, Debug)]
pub struct Reaction {
    pub emoji: String,
    pub label: &'static str,
    pub count: i64,
    pub mine: bool,
    /// "Ada, Ben and 3 more".
    pub who: String,
}

/// Gives it, or takes it back. Its author is told of it once.
pub(super) fn toggle(tx: &mut OrgTx, actor: &Actor, post: Post, emoji: &str) -> AppResult<Found> {
    let found = post::find(tx, actor, post, false)?;
    found.subject.require_edit(actor)?;
    if !ALL.iter().any(|(known, _)| *known == emoji) {
        return Err(AppError::field("emoji", "is not one of the choices"));
    }
    let (note, comment) = post.columns();
    let sql = format!("DELETE FROM post_reactions WHERE {}_id = $1 AND member_id = $2 AND emoji = $3", post.key());
    let query = diesel::sql_query(sql).bind::<t::Uuid, _>(post.id()).bind::<t::Uuid, _>(actor.id.0);
    let taken = query.bind::<t::Text, _>(emoji).execute(tx.conn())?;
    if taken == 0 {
        diesel::insert_into(post_reactions::table)
            .values((
                (post_reactions::note_id.eq(note), post_reactions::comment_id.eq(comment)),
                (post_reactions::member_id.eq(actor.id), post_reactions::emoji.eq(emoji)),
            ))
            .on_conflict_do_nothing()
            .execute(tx.conn())?;
        if let Some(author) = found.author {
            let notice = Notice::new(Kind::Reaction)
                .about(found.subject)
                .once(format!("reaction-{}-{}", post.anchor(), actor.id))
                .quoting(&words::plain(&found.body_html))
                .param("with", &emoji)
                .at(&format!("#{}", post.anchor()));
            notifications::tell(tx, &notice, To::people([MemberId(author)]))?;
        }
    }
    live::publish(tx, &LiveMessage::record(found.subject.key(), found.subject.id()))?;
    Ok(found)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    post: Uuid,
    #[diesel(sql_type = t::Text)]
    emoji: String,
    #[diesel(sql_type = t::BigInt)]
    count: i64,
    #[diesel(sql_type = t::Bool)]
    mine: bool,
    #[diesel(sql_type = t::Array<t::Text>)]
    who: Vec<String>,
}

/// Of these posts, by their ids.
pub(super) fn of(tx: &mut OrgTx, actor: &Actor, posts: &[Post]) -> AppResult<HashMap<Uuid, Vec<Reaction>>> {
    if posts.is_empty() {
        return Ok(HashMap::new());
    }
    let (notes, comments): (Vec<Post>, Vec<Post>) = posts.iter().partition(|post| matches!(post, Post::Note(_)));
    let ids = |posts: Vec<Post>| posts.into_iter().map(Post::id).collect::<Vec<_>>();
    let query = diesel::sql_query(
        "SELECT coalesce(r.note_id, r.comment_id) AS post, r.emoji, count(*) AS count, bool_or(r.member_id = $3) AS mine,
           (array_agg(m.name ORDER BY r.created_at))[1:8] AS who
         FROM post_reactions r JOIN members m ON m.org_id = r.org_id AND m.id = r.member_id
         WHERE r.note_id = ANY ($1) OR r.comment_id = ANY ($2) GROUP BY 1, 2 ORDER BY min(r.created_at)",
    )
    .bind::<t::Array<t::Uuid>, _>(ids(notes))
    .bind::<t::Array<t::Uuid>, _>(ids(comments))
    .bind::<t::Uuid, _>(actor.id.0);
    let mut found: HashMap<Uuid, Vec<Reaction>> = HashMap::new();
    for row in kept(query).load::<Row>(tx.conn())? {
        let label = ALL.iter().find(|(emoji, _)| *emoji == row.emoji).map_or("", |(_, label)| label);
        let reaction = Reaction { label, count: row.count, mine: row.mine, who: who(&row), emoji: row.emoji };
        found.entry(row.post).or_default().push(reaction);
    }
    Ok(found)
}

fn who(row: &Row) -> String {
    let named = row.who.join(", ");
    let others = row.count - i64::try_from(row.who.len()).unwrap_or(0);
    if others > 0 { format!("{named} and {others} more") } else { named }
}
