//! The browsers a person is signed in with, in plain words.

use crate::{
    db::{SystemTx, Tx},
    error::{AppError, AppResult},
    kernel::UserId,
    schema::sessions,
    web::{
        Actor,
        auth::SESSION_ID,
        sessions::{ABSOLUTE, IDLE},
    },
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct Device {
    /// The row's id, a hash: it names the session without opening it.
    pub id: String,
    /// `Firefox on Windows`.
    pub name: String,
    pub icon: &'static str,
    pub ip: String,
    pub last_seen: String,
    pub exact: String,
    pub current: bool,
}

type Row = (String, serde_json::Value, Option<String>, Option<String>, DateTime<Utc>);

/// Live sessions, this one first, then the latest used. `sid` names this one.
pub fn list(tx: &mut SystemTx, actor: &Actor, sid: &str) -> AppResult<Vec<Device>> {
    let now = Utc::now();
    let rows = sessions::table
        .filter(sessions::user_id.eq(UserId::from(actor.id).0))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::created_at.gt(now - ABSOLUTE))
        .filter(sessions::last_seen_at.gt(now - IDLE))
        .order(sessions::last_seen_at.desc())
        .limit(100)
        .select((sessions::id, sessions::state, sessions::ip, sessions::user_agent, sessions::last_seen_at))
        .load::<Row>(tx.conn())?;
    let mut devices: Vec<Device> = rows.into_iter().map(|row| device(row, actor, sid)).collect();
    devices.sort_by_key(|d| !d.current);
    Ok(devices)
}

/// Ends one of the person's sessions; says whether it was this one.
pub fn end(tx: &mut SystemTx, user: UserId, id: &str, sid: &str) -> AppResult<bool> {
    let ended: Option<serde_json::Value> =
        diesel::delete(sessions::table.find(id).filter(sessions::user_id.eq(user.0)))
            .returning(sessions::state)
            .get_result(tx.conn())
            .optional()?;
    Ok(is_named(&ended.ok_or(AppError::NotFound)?, sid))
}

fn device((id, state, ip, agent, seen): Row, actor: &Actor, sid: &str) -> Device {
    let (name, icon) = describe(agent.as_deref().unwrap_or_default());
    Device {
        current: is_named(&state, sid),
        id,
        name,
        icon,
        ip: ip.unwrap_or_else(|| "unknown address".to_owned()),
        last_seen: actor.moment(seen),
        exact: actor.exact(seen),
    }
}

/// Values in a session's state are JSON texts.
fn is_named(state: &serde_json::Value, sid: &str) -> bool {
    let named = state.get(SESSION_ID).and_then(|v| v.as_str()).and_then(|v| serde_json::from_str::<String>(v).ok());
    !sid.is_empty() && named.as_deref() == Some(sid)
}

/// Browser and system from a User-Agent, as far as it tells; the order matters, since each pretends to be the next.
fn describe(agent: &str) -> (String, &'static str) {
    const BROWSERS: [(&str, &str); 7] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str, &str); 7] = [
        ("iPhone", "iPhone", "device-mobile"),
        ("iPad", "iPad", "device-mobile"),
        ("Android", "Android", "device-mobile"),
        ("Windows", "Windows", "device-desktop"),
        ("Mac OS X", "macOS", "device-laptop"),
        ("CrOS", "ChromeOS", "device-laptop"),
        ("Linux", "Linux", "device-desktop"),
    ];
    let agent = if agent.contains("CriOS") { agent.replace("CriOS", "Chrome/") } else { agent.to_owned() };
    let browser = BROWSERS.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    let system = SYSTEMS.iter().find(|(mark, ..)| agent.contains(mark));
    let icon = system.map_or("device-desktop", |(_, _, icon)| icon);
    let name = match (browser, system) {
        (Some(browser), Some((_, system, _))) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some((_, system, _))) => (*system).to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    };
    (name, icon)
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn agents_in_plain_words() {
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36";
        assert_eq!(describe(windows).0, "Chrome on Windows");
        assert_eq!(describe(&format!("{windows} Edg/131.0")).0, "Edge on Windows");
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(describe(phone), ("Safari on iPhone".to_owned(), "device-mobile"));
        assert_eq!(describe("curl/8.5").0, "Unknown browser");
    }
}
