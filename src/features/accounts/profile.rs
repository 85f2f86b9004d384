//! One's own profile: name, place, theme, picture.

use super::{
    account::{self, Account},
    picture::{self, Picture},
};
use crate::{
    db::{Db, OrgTx, Reason, SystemTx, Tx},
    error::{AppError, AppResult},
    events::Changes,
    features::{
        pipeline::closing,
        settings::{self, SettingsNav},
    },
    kernel::{Locale, MemberId, UserId},
    schema::{members, user_avatars, users},
    web::{Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, reply, upload},
};
use actix_multipart::Multipart;
use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    web::{self, Data, Path},
};
use askama::Template;
use chrono_tz::{TZ_VARIANTS, Tz};
use diesel::prelude::*;

pub const THEMES: [(&str, &str); 3] = [("auto", "As the system"), ("light", "Light"), ("dark", "Dark")];
/// Pixels of a kept avatar.
const SIDE: u32 = 256;

#[derive(Template)]
#[template(path = "accounts/profile.html")]
struct ProfilePage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    view: FormView,
    time_zones: Vec<SelectOption>,
    locales: Vec<SelectOption>,
    themes: Vec<SelectOption>,
    has_picture: bool,
    accept: &'static str,
    celebrate: Celebrate,
}

/// Whether wins are celebrated: by the person's own choice, and at all in the organisation.
struct Celebrate {
    mine: bool,
    everybody: bool,
}

struct Profile {
    name: String,
    time_zone: String,
    locale: String,
    theme: &'static str,
}

/// `GET /settings/profile`.
pub async fn form(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let user = UserId::from(page.actor.id);
    let account = db.system(Reason::SignIn, move |tx| account::by_id(tx, user)).await?;
    show(&page, &db, StatusCode::OK, filled(&account), FormErrors::default()).await
}

/// `POST /settings/profile`.
pub async fn save(page: Page, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let profile = match parse(&form) {
        Ok(profile) => profile,
        Err(errors) => return show(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
    };
    let user = UserId::from(page.actor.id);
    db.system(Reason::SignIn, move |tx| update(tx, user, &profile)).await?;
    Ok(reply::redirect(&page.req, "/settings/profile", Some(Flash::success("Your profile is saved."))))
}

/// `POST /settings/theme`: from the menu on every page, back to where one was.
pub async fn set_theme(page: Page, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let mut p = form.parser();
    let theme = p.choice("theme", &THEMES).unwrap_or("auto");
    p.finish()?;
    let user = UserId::from(page.actor.id);
    db.system(Reason::SignIn, move |tx| {
        diesel::update(users::table.find(user)).set(users::theme.eq(theme)).execute(tx.conn())?;
        Ok(())
    })
    .await?;
    Ok(reply::redirect(&page.req, &back(&page), None))
}

/// `POST /settings/profile/avatar`.
pub async fn set_avatar(page: Page, db: Data<Db>, upload: Multipart) -> AppResult<HttpResponse> {
    match read_avatar(upload).await {
        Ok(picture) => {
            let user = UserId::from(page.actor.id);
            db.system(Reason::SignIn, move |tx| keep_avatar(tx, user, Some(&picture))).await?;
            Ok(reply::redirect(&page.req, "/settings/profile", Some(Flash::success("Your picture is saved."))))
        }
        Err(AppError::Invalid(errors)) => {
            let user = UserId::from(page.actor.id);
            let account = db.system(Reason::SignIn, move |tx| account::by_id(tx, user)).await?;
            show(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, filled(&account), errors).await
        }
        Err(error) => Err(error),
    }
}

/// `POST /settings/profile/avatar/removal`.
pub async fn remove_avatar(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let user = UserId::from(page.actor.id);
    db.system(Reason::SignIn, move |tx| keep_avatar(tx, user, None)).await?;
    Ok(reply::redirect(&page.req, "/settings/profile", Some(Flash::success("Your picture is removed."))))
}

/// `GET /avatars/{member}`: of one's own organisation; under its tag it never changes.
pub async fn avatar(page: Page, db: Data<Db>, member: Path<MemberId>) -> AppResult<HttpResponse> {
    let member = member.into_inner();
    let tag = db.org(&page, move |tx| tag_of(tx, member)).await?.ok_or(AppError::NotFound)?;
    let etag = format!("\"{tag}\"");
    let current = super::sign_in::query(&page.req, "v") == tag;
    let cache = if current { "private, max-age=31536000, immutable" } else { "private, no-cache" };
    let headers = page.req.headers();
    if headers.get(IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == etag.as_bytes()) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, etag))
            .insert_header((CACHE_CONTROL, cache))
            .finish());
    }
    let (kind, bytes) = db
        .system(Reason::SignIn, move |tx| {
            let columns = (user_avatars::content_type, user_avatars::bytes);
            Ok(user_avatars::table.find(UserId::from(member)).select(columns).first::<(String, Vec<u8>)>(tx.conn())?)
        })
        .await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, kind)).insert_header((ETAG, etag)).insert_header((CACHE_CONTROL, cache));
    Ok(answer.body(bytes))
}

fn tag_of(tx: &mut OrgTx, member: MemberId) -> AppResult<Option<String>> {
    let tag = members::table.filter(members::id.eq(member)).select(members::avatar_tag).first(tx.conn());
    Ok(tag.optional()?.flatten())
}

fn parse(form: &Form) -> Result<Profile, FormErrors> {
    let mut p = form.parser();
    let name = p.required("name", 100);
    let _ = p.required("time_zone", 64);
    let zone =
        p.optional("time_zone", |text| text.parse::<Tz>().map_err(|_| "is not a time zone, such as Europe/Paris"));
    let locale = p.optional("locale", |tag| {
        if Locale::is_supported(tag) { Ok(tag.to_owned()) } else { Err("is not one of the choices") }
    });
    let theme = p.choice("theme", &THEMES);
    p.finish()?;
    Ok(Profile {
        name,
        time_zone: zone.unwrap_or(Tz::UTC).name().to_owned(),
        locale: locale.unwrap_or_else(|| Locale::from_tag("").tag().to_owned()),
        theme: theme.unwrap_or("auto"),
    })
}

fn update(tx: &mut SystemTx, user: UserId, new: &Profile) -> AppResult<()> {
    let before = account::by_id(tx, user)?;
    diesel::update(users::table.find(user))
        .set((
            users::name.eq(&new.name),
            users::time_zone.eq(&new.time_zone),
            users::locale.eq(&new.locale),
            users::theme.eq(new.theme),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    account::record_change(tx, user, changes.track("name", &before.name, &new.name))
}

async fn read_avatar(form: Multipart) -> AppResult<Picture> {
    let file = upload::small_file(form, "avatar", picture::MAX_BYTES).await?;
    let file = file.ok_or_else(|| AppError::field("avatar", "choose a picture first"))?;
    let made = web::block(move || picture::square(&file, SIDE)).await;
    let made = made.map_err(|_| AppError::Internal(anyhow::anyhow!("the worker thread was cancelled")))?;
    made.map_err(|message| AppError::field("avatar", message))
}

fn keep_avatar(tx: &mut SystemTx, user: UserId, picture: Option<&Picture>) -> AppResult<()> {
    diesel::delete(user_avatars::table.find(user)).execute(tx.conn())?;
    if let Some(picture) = picture {
        diesel::insert_into(user_avatars::table)
            .values((
                user_avatars::user_id.eq(user),
                user_avatars::content_type.eq(picture::CONTENT_TYPE),
                user_avatars::bytes.eq(&picture.bytes),
            ))
            .execute(tx.conn())?;
    }
    let tag = picture.map(|p| p.tag.clone());
    diesel::update(users::table.find(user)).set(users::avatar_tag.eq(tag)).execute(tx.conn())?;
    Ok(())
}

fn filled(account: &Account) -> Form {
    let fields = [
        ("name", &account.name),
        ("time_zone", &account.time_zone),
        ("locale", &account.locale),
        ("theme", &account.theme),
    ];
    Form::new(fields.map(|(name, value)| (name.to_owned(), value.clone())))
}

async fn show(page: &Page, db: &Db, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let member = page.actor.id;
    let celebrate = db
        .org(page, move |tx| Ok(Celebrate { mine: closing::chose(tx, member)?, everybody: closing::celebrates(tx)? }))
        .await?;
    let option = |name: &str, value: &str, label: &str| SelectOption::new(value, label, form.get(name) == value);
    let whole = ProfilePage {
        shell: page.shell("settings"),
        nav: settings::nav(&page.actor),
        section: "profile",
        time_zones: TZ_VARIANTS.iter().map(|z| option("time_zone", z.name(), &z.name().replace('_', " "))).collect(),
        locales: Locale::all().map(|(tag, name)| option("locale", tag, name)).collect(),
        themes: THEMES.iter().map(|(key, label)| option("theme", key, label)).collect(),
        has_picture: page.actor.avatar_tag.is_some(),
        accept: picture::ACCEPT,
        celebrate,
        view: form.view(errors),
    };
    reply::page_with(&page.req, status, &whole)
}

/// The page the request came from, when it is one of ours.
fn back(page: &Page) -> String {
    let from = page.req.headers().get("Referer").and_then(|v| v.to_str().ok());
    let url = from.and_then(|r| url::Url::parse(r).ok());
    let path = url.map(|u| match u.query() {
        Some(query) => format!("{}?{query}", u.path()),
        None => u.path().to_owned(),
    });
    super::sign_in::local_path(&path.unwrap_or_default())
}
