//! The address at which a guest answers: the guest's id, signed. Nothing of it needs to be kept, and nobody makes one up.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

/// Bytes of the signature that are kept: 128 bits.
const SIGNED: usize = 16;

/// `/rsvp/…`
pub fn path(secret: &[u8], guest: Uuid) -> String {
    let mut token = guest.as_bytes().to_vec();
    token.extend(signature(secret, guest).unwrap_or_default());
    format!("/rsvp/{}", URL_SAFE_NO_PAD.encode(token))
}

/// Whose it is, when we signed it.
pub fn read(secret: &[u8], token: &str) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (id, sent) = bytes.split_at_checked(16)?;
    let guest = Uuid::from_slice(id).ok()?;
    if sent.len() != SIGNED {
        return None;
    }
    mac(secret, guest)?.verify_truncated_left(sent).ok()?;
    Some(guest)
}

fn signature(secret: &[u8], guest: Uuid) -> Option<Vec<u8>> {
    let mut bytes = mac(secret, guest)?.finalize().into_bytes().to_vec();
    bytes.truncate(SIGNED);
    Some(bytes)
}

fn mac(secret: &[u8], guest: Uuid) -> Option<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    Some(mac.chain_update(b"guest:").chain_update(guest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_signed_is_read() {
        let guest = Uuid::from_u128(7);
        let path = path(b"secret", guest);
        let token = path.strip_prefix("/rsvp/").unwrap_or_default();
        assert_eq!(read(b"secret", token), Some(guest));
        assert_eq!(read(b"other", token), None);
        for bad in ["", "x", &token[..token.len() - 2], &token.replacen('A', "B", 1), "no-such-token"] {
            assert_eq!(read(b"secret", bad), None, "{bad}");
        }
    }
}
