//! @mentions: "@Ada Ng" in a text becomes a link that carries her id; she is told, once, and follows from then on.

use super::{post::Post, words};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{
        accounts::members::{self, Person},
        notes::MENTION,
        notifications::{self, Kind, Notice, To},
        records::Subject,
    },
    kernel::MemberId,
    schema::post_mentions,
};
use diesel::{prelude::*, sql_types as t};
use std::collections::HashSet;
use uuid::Uuid;

/// Sanitised HTML with its mentions as links, and who they are. A link to somebody who is no active member becomes plain text.
pub fn resolve(tx: &mut OrgTx, html: &str) -> AppResult<(String, Vec<MemberId>)> {
    if !html.contains('@') && !html.contains(MENTION) {
        return Ok((html.to_owned(), vec![]));
    }
    let people: Vec<Person> = members::directory(tx)?.into_iter().filter(|person| person.active).collect();
    let mut text = Text::new(&people);
    text.read(html);
    Ok((text.out, text.mentioned))
}

struct Text<'a> {
    /// Names as the text has them, the longest first: "Ada Ng-Li" is not "Ada Ng".
    names: Vec<(String, &'a Person)>,
    out: String,
    mentioned: Vec<MemberId>,
}

impl<'a> Text<'a> {
    fn new(people: &'a [Person]) -> Self {
        let mut names: Vec<_> = people.iter().filter(|p| !p.name.is_empty()).map(|p| (escaped(&p.name), p)).collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self { names, out: String::new(), mentioned: vec![] }
    }

    fn read(&mut self, html: &str) {
        let mut rest = html;
        while let Some(start) = rest.find('<') {
            self.words(&rest[..start]);
            let Some(end) = rest[start..].find('>') else { break };
            let tag = &rest[start..=start + end];
            rest = &rest[start + end + 1..];
            if !tag.starts_with("<a ") {
                self.out.push_str(tag);
                continue;
            }
            let close = rest.find("</a>").unwrap_or(rest.len());
            let (inner, after) = rest.split_at(close);
            rest = after.strip_prefix("</a>").unwrap_or(after);
            self.link(tag, inner);
        }
        self.words(rest);
    }

    fn link(&mut self, tag: &str, inner: &str) {
        let who = tag.split_once(MENTION).and_then(|(_, rest)| Uuid::parse_str(rest.get(..36)?).ok());
        let Some(who) = who else {
            self.out.push_str(tag);
            self.out.push_str(inner);
            self.out.push_str("</a>");
            return;
        };
        match self.names.iter().find(|(_, person)| person.id.0 == who).map(|(_, person)| *person) {
            Some(person) => self.mention(person),
            None => self.out.push_str(inner),
        }
    }

    fn mention(&mut self, person: &Person) {
        let (id, name) = (person.id, escaped(&person.name));
        self.out.push_str(&format!("<a href=\"{MENTION}{id}\" rel=\"noopener nofollow\">@{name}</a>"));
        if !self.mentioned.contains(&id) {
            self.mentioned.push(id);
        }
    }

    /// Text without tags.
    fn words(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            let (before, after) = (&rest[..at], &rest[at + 1..]);
            self.out.push_str(before);
            // An address has a letter before its sign.
            let opens = !before.chars().next_back().is_some_and(char::is_alphanumeric);
            let named =
                self.names.iter().find(|(name, _)| opens && begins(after, name)).map(|(name, p)| (name.len(), *p));
            match named {
                Some((length, person)) => {
                    self.mention(person);
                    rest = &after[length..];
                }
                None => {
                    self.out.push('@');
                    rest = after;
                }
            }
        }
        self.out.push_str(rest);
    }
}

/// Whether the text begins with that whole name, whatever its letters' size.
fn begins(text: &str, name: &str) -> bool {
    text.get(..name.len()).is_some_and(|start| start == name || start.to_lowercase() == name.to_lowercase())
        && !text[name.len()..].chars().next().is_some_and(char::is_alphanumeric)
}

/// As it stands in sanitised HTML.
fn escaped(name: &str) -> String {
    name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Keeps who is mentioned, and tells who was not before; they follow from now on, as does the author. Who follows already is told that
/// something was said, when it is new.
pub fn tell(
    tx: &mut OrgTx,
    post: Post,
    subject: Subject,
    body_html: &str,
    mentioned: &[MemberId],
    new: bool,
) -> AppResult<()> {
    let known = known(tx, post)?;
    let gone: Vec<Uuid> = known.iter().filter(|member| !mentioned.contains(member)).map(|member| member.0).collect();
    if !gone.is_empty() {
        let sql = format!("DELETE FROM post_mentions WHERE {}_id = $1 AND member_id = ANY ($2)", post.key());
        let query = diesel::sql_query(sql).bind::<t::Uuid, _>(post.id());
        query.bind::<t::Array<t::Uuid>, _>(gone).execute(tx.conn())?;
    }
    let (note, comment) = post.columns();
    let fresh: Vec<MemberId> = mentioned.iter().filter(|member| !known.contains(member)).copied().collect();
    let rows: Vec<_> = fresh
        .iter()
        .map(|member| {
            (
                post_mentions::note_id.eq(note),
                post_mentions::comment_id.eq(comment),
                post_mentions::member_id.eq(*member),
            )
        })
        .collect();
    if !rows.is_empty() {
        diesel::insert_into(post_mentions::table).values(rows).execute(tx.conn())?;
    }
    let (once, at) = (post.anchor(), format!("#{}", post.anchor()));
    let notice = |kind| Notice::new(kind).about(subject).once(once.clone()).quoting(&words::plain(body_html)).at(&at);
    if !fresh.is_empty() {
        notifications::tell(tx, &notice(Kind::Mention), To::people(fresh.iter().copied()))?;
        for member in fresh {
            notifications::follow(tx, subject, member)?;
        }
    }
    if new {
        notifications::tell(tx, &notice(Kind::Comment), To::followers())?;
        if let Some(by) = tx.by() {
            notifications::follow(tx, subject, by)?;
        }
    }
    Ok(())
}

/// Who is mentioned in it already.
fn known(tx: &mut OrgTx, post: Post) -> AppResult<HashSet<MemberId>> {
    #[derive(QueryableByName)]
    struct Known {
        #[diesel(sql_type = t::Uuid)]
        member_id: Uuid,
    }
    let sql = format!("SELECT member_id FROM post_mentions WHERE {}_id = $1", post.key());
    let rows: Vec<Known> = diesel::sql_query(sql).bind::<t::Uuid, _>(post.id()).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| MemberId(row.member_id)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: u128, name: &str) -> Person {
        Person {
            id: MemberId(Uuid::from_u128(n)),
            name: name.into(),
            email: String::new(),
            initials: String::new(),
            class: String::new(),
            avatar_url: None,
            active: true,
            may_own: true,
        }
    }

    fn read(html: &str) -> (String, Vec<u128>) {
        let people = [person(1, "Ada"), person(2, "Ada Ng"), person(3, "R & D")];
        let mut text = Text::new(&people);
        text.read(html);
        (text.out, text.mentioned.iter().map(|id| id.0.as_u128()).collect())
    }

    #[test]
    fn names_become_links_and_addresses_do_not() {
        let link = |n: u128, name: &str| {
            format!("<a href=\"{MENTION}{}\" rel=\"noopener nofollow\">@{name}</a>", Uuid::from_u128(n))
        };
        let (html, who) = read("<div>@ada ng, @R &amp; D and me@Ada, @Adam</div>");
        assert_eq!(html, format!("<div>{}, {} and me@Ada, @Adam</div>", link(2, "Ada Ng"), link(3, "R &amp; D")));
        assert_eq!(who, [2, 3]);
        // A link that is one already, of an old name; of nobody; and another link.
        let (html, who) = read(&format!("{} {} <a href=\"https://x\">@Ada</a>", link(1, "Old"), link(9, "Gone")));
        assert_eq!(html, format!("{} @Gone <a href=\"https://x\">@Ada</a>", link(1, "Ada")));
        assert_eq!(who, [1]);
    }
}
