//! `/activities/{id}/guests`: inviting and withdrawing, on the activity's page.

use super::commands::{self, Invitee};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::activities,
    kernel::{ActivityId, people::parse_email},
    web::{Allow, Form, FormErrors, Page, flash::Flash, permission::activities::Edit, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use uuid::Uuid;

/// `POST /activities/{id}/guests`: `guest`… (contacts), `guest_email` (addresses between commas), `guest_message`, `guest_scope` (`later`: to
/// the later dates of its series too)
pub(in crate::features::calendar) async fn invite(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let sent = db
        .org(&page, move |tx| {
            activities::find(tx, &by, id)?;
            let (people, message) = parse(&posted)?;
            if posted.get("guest_scope") == "later" {
                return commands::invite_on(tx, &by, id, &people, message.as_deref());
            }
            commands::invite(tx, &by, id, &people, message)
        })
        .await;
    match sent {
        Ok(0) => {
            let told = Flash::info("They are invited already, so nothing was sent");
            Ok(reply::redirect(&page.req, &format!("/activities/{id}#guests"), Some(told)))
        }
        Ok(n) => {
            let told = format!("{n} invitation{} on the way", if n == 1 { " is" } else { "s are" });
            Ok(reply::redirect(&page.req, &format!("/activities/{id}#guests"), Some(Flash::success(told))))
        }
        Err(AppError::Invalid(errors)) => {
            activities::refused(&page, &db, id, form, StatusCode::UNPROCESSABLE_ENTITY, errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /activities/{id}/guests/removal`: `guest`
pub(in crate::features::calendar) async fn withdraw(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let guest: Uuid = form.get("guest").parse().unwrap_or_default();
    db.org(&page, move |tx| commands::withdraw(tx, &by, id, guest)).await?;
    Ok(reply::redirect(&page.req, &format!("/activities/{id}#guests"), None))
}

fn parse(form: &Form) -> AppResult<(Vec<Invitee>, Option<String>)> {
    let mut people: Vec<Invitee> = form.all("guest").filter_map(|id| id.parse().ok()).map(Invitee::Contact).collect();
    let mut p = form.parser();
    let message = p.text("guest_message", 2_000);
    for part in form.get("guest_email").split([',', ';', '\n', ' ']).filter(|part| !part.is_empty()) {
        match parse_email(part) {
            Ok(email) => people.push(Invitee::Address(email)),
            Err(_) => p.error("guest_email", format!("“{part}” is no e-mail address.")),
        }
    }
    p.finish()?;
    if people.is_empty() {
        return Err(FormErrors::one("guest_email", "Say whom to invite.").into());
    }
    Ok((people, message))
}
