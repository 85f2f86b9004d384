//! Settings → Notifications: a table of kinds and ways, quiet hours, how long before something one is reminded.

use super::{
    kind::{ByMail, Kind, Ways},
    quiet::Settings,
    reminders,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    features::settings::{self, SettingsNav},
    schema::{notice_choices, notice_settings},
    web::{Actor, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use diesel::prelude::*;
use std::collections::HashMap;

/// A row of the table.
struct KindRow {
    key: &'static str,
    icon: &'static str,
    label: &'static str,
    centre: bool,
    browser: bool,
    mail: Vec<SelectOption>,
}

#[derive(Template)]
#[template(path = "notifications/settings.html")]
struct SettingsPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    view: FormView,
    kinds: Vec<KindRow>,
    leads: Vec<SelectOption>,
    zone: String,
}

/// `GET /settings/notifications`
pub(super) async fn form(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (settings, chosen) = db.org(&page, move |tx| Ok((Settings::load(tx, &actor)?, choices(tx, &actor)?))).await?;
    show(&page, StatusCode::OK, filled(settings, &chosen), FormErrors::default())
}

/// `POST /settings/notifications`
pub(super) async fn save(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (settings, chosen) = match parse(&form) {
        Ok(parsed) => parsed,
        Err(errors) => return show(&page, StatusCode::UNPROCESSABLE_ENTITY, form, errors),
    };
    let actor = page.actor.clone();
    db.org(&page, move |tx| keep(tx, &actor, settings, &chosen)).await?;
    Ok(reply::redirect(&page.req, "/settings/notifications", Some(Flash::success("Saved"))))
}

type Choices = HashMap<Kind, Ways>;

fn choices(tx: &mut OrgTx, actor: &Actor) -> AppResult<Choices> {
    let rows: Vec<(String, bool, bool, String)> = notice_choices::table
        .filter(notice_choices::member_id.eq(actor.id))
        .select((notice_choices::kind, notice_choices::centre, notice_choices::browser, notice_choices::mail))
        .load(tx.conn())?;
    let chosen = rows.into_iter().filter_map(|(kind, centre, browser, mail)| {
        Some((Kind::parse(&kind)?, Ways { centre, browser, mail: ByMail::parse(&mail)? }))
    });
    Ok(chosen.collect())
}

/// Only what differs from the usual is kept: whoever chose nothing goes along when the usual changes.
fn keep(tx: &mut OrgTx, actor: &Actor, settings: Settings, chosen: &Choices) -> AppResult<()> {
    diesel::delete(notice_choices::table.filter(notice_choices::member_id.eq(actor.id))).execute(tx.conn())?;
    let rows: Vec<_> = chosen
        .iter()
        .filter(|(kind, ways)| kind.ways() != **ways)
        .map(|(kind, ways)| {
            (
                notice_choices::member_id.eq(actor.id),
                notice_choices::kind.eq(kind.key()),
                notice_choices::centre.eq(ways.centre),
                notice_choices::browser.eq(ways.browser),
                notice_choices::mail.eq(ways.mail.key()),
            )
        })
        .collect();
    diesel::insert_into(notice_choices::table).values(rows).execute(tx.conn())?;
    diesel::insert_into(notice_settings::table)
        .values((notice_settings::member_id.eq(actor.id), settings))
        .on_conflict((notice_settings::org_id, notice_settings::member_id))
        .do_update()
        .set(settings)
        .execute(tx.conn())?;
    Ok(())
}

fn parse(form: &Form) -> Result<(Settings, Choices), FormErrors> {
    let mut p = form.parser();
    let mut chosen = Choices::new();
    for kind in Kind::ALL {
        let key = kind.key();
        let mail = p.optional(&format!("mail_{key}"), |text| ByMail::parse(text).ok_or("is not one of the choices"));
        let ways = Ways {
            centre: p.checkbox(&format!("centre_{key}")),
            browser: p.checkbox(&format!("browser_{key}")),
            mail: mail.unwrap_or(ByMail::Off),
        };
        chosen.insert(*kind, ways);
    }
    let from = p.optional("quiet_from", minutes);
    let to = p.optional("quiet_to", minutes);
    if from.is_some() && from == to {
        p.error("quiet_to", "must be another time");
    }
    for (name, time) in [("quiet_from", to), ("quiet_to", from)] {
        if time.is_some() && form.get(name).is_empty() {
            p.error(name, "is missing");
        }
    }
    let lead = p.optional("lead_minutes", |text| reminders::parse_lead(text).ok_or("is not one of the choices"));
    let quiet_days_off = p.checkbox("quiet_days_off");
    p.finish()?;
    let settings = Settings { quiet_from: from, quiet_to: to, quiet_days_off, lead_minutes: lead.flatten() };
    Ok((settings, chosen))
}

/// `22:00` as a minute of the day.
fn minutes(text: &str) -> Result<i16, &'static str> {
    const WRONG: &str = "must be a time, such as 22:00";
    let (hour, minute) = text.split_once(':').ok_or(WRONG)?;
    let (hour, minute): (i16, i16) = (hour.parse().map_err(|_| WRONG)?, minute.parse().map_err(|_| WRONG)?);
    if (0..24).contains(&hour) && (0..60).contains(&minute) { Ok(hour * 60 + minute) } else { Err(WRONG) }
}

fn filled(settings: Settings, chosen: &Choices) -> Form {
    let time = |minutes: Option<i16>| minutes.map(|m| format!("{:02}:{:02}", m / 60, m % 60)).unwrap_or_default();
    let on = |on: bool| if on { "true".to_owned() } else { String::new() };
    let mut pairs = vec![
        ("quiet_from".to_owned(), time(settings.quiet_from)),
        ("quiet_to".to_owned(), time(settings.quiet_to)),
        ("quiet_days_off".to_owned(), on(settings.quiet_days_off)),
        ("lead_minutes".to_owned(), reminders::lead_key(settings.lead_minutes)),
    ];
    for kind in Kind::ALL {
        let ways = chosen.get(kind).copied().unwrap_or(kind.ways());
        let key = kind.key();
        pairs.push((format!("centre_{key}"), on(ways.centre)));
        pairs.push((format!("browser_{key}"), on(ways.browser)));
        pairs.push((format!("mail_{key}"), ways.mail.key().to_owned()));
    }
    Form::new(pairs)
}

fn show(page: &Page, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let view = form.view(errors);
    let row = |kind: &Kind| {
        let chosen = view.value(&format!("mail_{}", kind.key()));
        KindRow {
            key: kind.key(),
            icon: kind.icon(),
            label: kind.label(),
            centre: view.checked(&format!("centre_{}", kind.key())),
            browser: view.checked(&format!("browser_{}", kind.key())),
            mail: ByMail::ALL.map(|way| SelectOption::new(way.key(), way.label(), way.key() == chosen)).to_vec(),
        }
    };
    let whole = SettingsPage {
        shell: page.shell("settings"),
        nav: settings::nav(&page.actor),
        section: "notifications",
        kinds: Kind::ALL.iter().map(row).collect(),
        leads: reminders::leads(view.value("lead_minutes")),
        zone: page.zone.name().replace('_', " "),
        view,
    };
    reply::page_with(&page.req, status, &whole)
}
