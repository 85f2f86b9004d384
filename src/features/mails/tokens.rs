//! The tokens of public links: whose organisation, which recipient, what for, signed. A forged one is told from a real one without
//! asking the database, and a real one says nothing about others.

use crate::kernel::OrgId;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

/// What a link does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Unsubscribe,
    Open,
    /// The link of that place in the message.
    Click(u16),
}

impl Purpose {
    fn key(self) -> (&'static [u8], u16) {
        match self {
            Purpose::Unsubscribe => (b"mail-unsubscribe:", 0),
            Purpose::Open => (b"mail-open:", 0),
            Purpose::Click(place) => (b"mail-click:", place),
        }
    }
}

/// Bytes: organisation, recipient, place, signature.
const LENGTH: usize = 16 + 16 + 2 + 16;

pub fn sign(secret: &[u8], purpose: Purpose, org: OrgId, recipient: Uuid) -> String {
    let (_, place) = purpose.key();
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend_from_slice(org.0.as_bytes());
    bytes.extend_from_slice(recipient.as_bytes());
    bytes.extend_from_slice(&place.to_be_bytes());
    let signature = mac(secret, purpose, &bytes).map(|mac| mac.finalize().into_bytes()[..16].to_vec());
    bytes.extend(signature.unwrap_or_default());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Organisation, recipient and place, when the token is ours and for that purpose; the place in `purpose` does not matter.
pub fn read(secret: &[u8], purpose: Purpose, token: &str) -> Option<(OrgId, Uuid, u16)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == LENGTH)?;
    let (said, signature) = bytes.split_at(LENGTH - 16);
    mac(secret, purpose, said)?.verify_truncated_left(signature).ok()?;
    let org = Uuid::from_slice(&said[..16]).ok()?;
    let recipient = Uuid::from_slice(&said[16..32]).ok()?;
    Some((OrgId(org), recipient, u16::from_be_bytes([said[32], said[33]])))
}

fn mac(secret: &[u8], purpose: Purpose, said: &[u8]) -> Option<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    Some(mac.chain_update(purpose.key().0).chain_update(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_tokens_for_their_own_purpose() {
        let (secret, org, recipient) = (b"a secret".as_slice(), OrgId(Uuid::now_v7()), Uuid::now_v7());
        let token = sign(secret, Purpose::Click(7), org, recipient);
        assert_eq!(read(secret, Purpose::Click(0), &token), Some((org, recipient, 7)));
        assert_eq!(read(secret, Purpose::Open, &token), None);
        assert_eq!(read(b"another", Purpose::Click(0), &token), None);
        for place in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap_or_default();
            // The last letter holds bits that no byte needs.
            assert!(read(secret, Purpose::Click(0), &forged).is_none() || place + 1 == token.len(), "{place}");
        }
        assert_eq!(read(secret, Purpose::Open, "no-such-token"), None);
    }
}
