//! Following a record, or muting it. Owners follow without saying so; who mutes is told only of what is addressed to them.

use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::records::Subject,
    kernel::MemberId,
    schema::follows,
    web::{Actor, Form, Page, flash::Flash, reply},
};
use actix_web::{HttpResponse, web::Data};
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// Where a member stands to a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Told of what happens.
    Following,
    /// Told of nothing but what is addressed to them.
    Muted,
    /// Neither.
    Apart,
}

impl Standing {
    const ALL: [Standing; 3] = [Standing::Following, Standing::Apart, Standing::Muted];

    fn key(self) -> &'static str {
        match self {
            Standing::Following => "follow",
            Standing::Apart => "none",
            Standing::Muted => "mute",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Standing::Following => "Following",
            Standing::Apart => "Not following",
            Standing::Muted => "Muted",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Standing::Following => "You are told what happens",
            Standing::Apart => "Only what is addressed to you",
            Standing::Muted => "Nothing, even of your own",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Standing::Following => "bell",
            Standing::Apart => "eye-off",
            Standing::Muted => "bell-off",
        }
    }
}

/// The menu on a record's page, for `notifications/_follow.html`.
#[derive(Clone, Debug)]
pub struct FollowMenu {
    pub about: &'static str,
    pub id: Uuid,
    pub standing: Standing,
    /// Who it belongs to follows, or mutes.
    owner: bool,
}

impl FollowMenu {
    pub fn load(tx: &mut OrgTx, actor: &Actor, about: Subject, is_mine: bool) -> AppResult<Self> {
        let said: Option<bool> = follows::table
            .filter(follows::member_id.eq(actor.id))
            .filter(follows::record_id.eq(about.id()))
            .select(follows::muted)
            .first(tx.conn())
            .optional()?;
        let standing = match said {
            Some(true) => Standing::Muted,
            Some(false) => Standing::Following,
            None if is_mine => Standing::Following,
            None => Standing::Apart,
        };
        Ok(Self { about: about.key(), id: about.id(), standing, owner: is_mine })
    }

    pub fn label(&self) -> &'static str {
        self.standing.label()
    }

    /// The button shows a bell, in colour where one follows.
    pub fn icon(&self) -> &'static str {
        if self.standing == Standing::Muted { "bell-off" } else { "bell" }
    }

    pub fn trigger(&self) -> &'static str {
        if self.standing == Standing::Following { "btn btn-icon is-following" } else { "btn btn-icon" }
    }

    /// Key, icon, what it is called and means, and whether it is so.
    pub fn choices(&self) -> Vec<(&'static str, &'static str, &'static str, &'static str, bool)> {
        let offered = Standing::ALL.into_iter().filter(|choice| !self.owner || *choice != Standing::Apart);
        offered
            .map(|choice| (choice.key(), choice.icon(), choice.label(), choice.meaning(), choice == self.standing))
            .collect()
    }
}

/// Who is told what happens to it: its owner and those who follow, but for those who muted it.
pub fn followers(tx: &mut OrgTx, id: Uuid, owner: Option<MemberId>) -> AppResult<Vec<MemberId>> {
    let said: Vec<(MemberId, bool)> = follows::table
        .filter(follows::record_id.eq(id))
        .select((follows::member_id, follows::muted))
        .limit(1_000)
        .load(tx.conn())?;
    let muted = |id: MemberId| said.iter().any(|(member, muted)| *member == id && *muted);
    let owner = owner.filter(|owner| !muted(*owner));
    let others = said.iter().filter(|(member, muted)| !muted && Some(*member) != owner).map(|(member, _)| *member);
    Ok(owner.into_iter().chain(others).collect())
}

/// Someone took part (wrote a comment, was mentioned): from now on they follow, unless they said otherwise.
pub fn follow(tx: &mut OrgTx, about: Subject, member: MemberId) -> AppResult<()> {
    diesel::insert_into(follows::table)
        .values((
            follows::member_id.eq(member),
            follows::record_type.eq(about.key()),
            follows::record_id.eq(about.id()),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct Follower {
    #[diesel(sql_type = t::Uuid)]
    member_id: Uuid,
}

/// A record was merged into another, or became it: who followed or muted the one does so to the other, unless they said something of
/// that one. Returns who they are, for [`follow_apart`].
pub fn follow_instead(tx: &mut OrgTx, from: Subject, to: Subject) -> AppResult<Vec<Uuid>> {
    let rows: Vec<Follower> = diesel::sql_query(
        "INSERT INTO follows (member_id, record_type, record_id, muted)
         SELECT member_id, $3, $2, muted FROM follows WHERE record_id = $1 ON CONFLICT DO NOTHING RETURNING member_id",
    )
    .bind::<t::Uuid, _>(from.id())
    .bind::<t::Uuid, _>(to.id())
    .bind::<t::Text, _>(to.key())
    .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.member_id).collect())
}

/// That is taken back: they follow the one alone again, unless they said otherwise since.
pub fn follow_apart(tx: &mut OrgTx, from: Subject, to: Subject, members: &[Uuid]) -> AppResult<()> {
    diesel::sql_query(
        "DELETE FROM follows f USING follows o WHERE f.record_id = $2 AND o.org_id = f.org_id AND o.record_id = $1
           AND o.member_id = f.member_id AND o.muted = f.muted AND f.member_id = ANY ($3)",
    )
    .bind::<t::Uuid, _>(from.id())
    .bind::<t::Uuid, _>(to.id())
    .bind::<t::Array<t::Uuid>, _>(members)
    .execute(tx.conn())?;
    Ok(())
}

fn set(tx: &mut OrgTx, actor: &Actor, about: Subject, standing: Standing) -> AppResult<()> {
    let of_mine = follows::table.filter(follows::member_id.eq(actor.id)).filter(follows::record_id.eq(about.id()));
    if standing == Standing::Apart {
        diesel::delete(of_mine).execute(tx.conn())?;
        return Ok(());
    }
    let muted = standing == Standing::Muted;
    diesel::insert_into(follows::table)
        .values((
            follows::member_id.eq(actor.id),
            follows::record_type.eq(about.key()),
            follows::record_id.eq(about.id()),
            follows::muted.eq(muted),
        ))
        .on_conflict((follows::org_id, follows::member_id, follows::record_id))
        .do_update()
        .set(follows::muted.eq(muted))
        .execute(tx.conn())?;
    Ok(())
}

/// `POST /follows`: `about` (`deal`, `activity`, …), `id`, `standing` (`follow`, `none`, `mute`).
pub(super) async fn save(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let id: Uuid = form.get("id").parse().map_err(|_| AppError::NotFound)?;
    let about = Subject::from_key(form.get("about"), id).ok_or(AppError::NotFound)?;
    let asked = form.get("standing").to_owned();
    let standing = Standing::ALL.into_iter().find(|s| s.key() == asked);
    let standing = standing.ok_or_else(|| AppError::field("standing", "is not one of the choices"))?;
    let actor = page.actor.clone();
    db.org(&page, move |tx| {
        // What one may not see one cannot follow: it is not found.
        about.visible(tx, &actor)?;
        set(tx, &actor, about, standing)
    })
    .await?;
    let told = match standing {
        Standing::Following => "You are told what happens here.",
        Standing::Apart => "You no longer follow this.",
        Standing::Muted => "Muted: you hear only what is addressed to you.",
    };
    Ok(reply::redirect(&page.req, &about.href(), Some(Flash::success(told))))
}
