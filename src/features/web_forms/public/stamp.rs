//! The signed time at which a form was opened: who sends at once, or a day later, or with a time of their own making, is hardly
//! somebody who filled the form in. It also tells one opening from another.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha2::Sha256;

/// Seconds that nobody is quicker than.
const QUICKEST: i64 = 2;
/// Seconds after which the page was left open and forgotten.
const SLOWEST: i64 = 24 * 3600;

/// What a stamp says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// There is none: the form stands in somebody's own page.
    None,
    Good(String),
    /// Why it is not believed.
    Doubtful(&'static str),
}

/// A stamp of now, good for the form of that token.
pub(super) fn issue(secret: &[u8], token: &str) -> String {
    let mut nonce = [0u8; 12];
    rand::rng().fill_bytes(&mut nonce);
    sign(secret, token, Utc::now().timestamp(), &URL_SAFE_NO_PAD.encode(nonce))
}

fn sign(secret: &[u8], token: &str, at: i64, nonce: &str) -> String {
    let payload = format!("{at}.{nonce}");
    let mac = mac(secret, token, &payload).map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    format!("{payload}.{}", mac.unwrap_or_default())
}

fn mac(secret: &[u8], token: &str, payload: &str) -> Option<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    Some(mac.chain_update(b"web-form:").chain_update(token).chain_update(b":").chain_update(payload))
}

pub(super) fn read(secret: &[u8], token: &str, stamp: &str) -> Stamp {
    if stamp.is_empty() {
        return Stamp::None;
    }
    let believed = stamp.rsplit_once('.').and_then(|(payload, sent)| {
        let sent = URL_SAFE_NO_PAD.decode(sent).ok()?;
        mac(secret, token, payload)?.verify_slice(&sent).ok()?;
        payload.split_once('.')?.0.parse::<i64>().ok()
    });
    match believed.map(|at| Utc::now().timestamp() - at) {
        None => Stamp::Doubtful("the form's stamp was forged"),
        Some(age) if age < QUICKEST => Stamp::Doubtful("filled in faster than anybody types"),
        Some(age) if age > SLOWEST => Stamp::Doubtful("the form was opened more than a day before"),
        Some(_) => Stamp::Good(stamp.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_stamps_of_the_right_age_are_good() {
        let (secret, ago) = (b"secret".as_slice(), |secs: i64| Utc::now().timestamp() - secs);
        let told = |stamp: &str| read(secret, "form", stamp);
        let good = sign(secret, "form", ago(60), "n");
        assert_eq!(told(&good), Stamp::Good(good.clone()));
        assert_eq!(told(""), Stamp::None);
        for doubtful in [
            issue(secret, "form"),
            sign(secret, "form", ago(SLOWEST + 5), "n"),
            sign(secret, "form", ago(-60), "n"),
            sign(secret, "other", ago(60), "n"),
            sign(b"other", "form", ago(60), "n"),
            good.replace(".n.", ".m."),
            good[1..].to_owned(),
            "..".to_owned(),
            "💣.💣.💣".to_owned(),
        ] {
            assert!(matches!(told(&doubtful), Stamp::Doubtful(_)), "{doubtful}");
        }
    }
}
