//! An epoch as clients see it: six characters that mean nothing to them.
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Length of every epoch text in bytes.
pub const TEXT_BYTES: usize = 6;

/// Appends the epoch's text: base64url (RFC 4648 section 5) of its four bytes, so it needs no escaping anywhere, and is
/// never `_`, which Centrifugo's SDKs keep for themselves.
pub fn write(out: &mut Vec<u8>, epoch: u32) {
    out.extend_from_slice(&text(epoch));
}

/// The epoch's text, ASCII.
#[must_use]
pub fn text(epoch: u32) -> [u8; TEXT_BYTES] {
    let mut text = [0; TEXT_BYTES];
    let written = URL_SAFE_NO_PAD.encode_slice(epoch.to_be_bytes(), &mut text);
    debug_assert_eq!(written.ok(), Some(TEXT_BYTES), "four bytes are six characters of base64");
    text
}

/// The epoch that `text` stands for; `None` if it isn't one of ours. A client may send anything.
#[must_use]
pub fn read(text: &str) -> Option<u32> {
    let mut bytes = [0; 4];
    if text.len() != TEXT_BYTES {
        return None;
    }
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(4) => Some(u32::from_be_bytes(bytes)),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_is_read_back() {
        let mut random = base::Prng::new(1, "epoch");
        for _ in 0..10_000 {
            let epoch = u32::try_from(random.below(1 << 32)).unwrap();
            let mut out = Vec::new();
            write(&mut out, epoch);
            assert_eq!(read(core::str::from_utf8(&out).unwrap()), Some(epoch));
        }
    }

    #[test]
    fn what_is_not_an_epoch_is_refused() {
        for text in ["", "_", "AAAAA", "AAAAAAA", "AAAAA=", "AAAA!A", "AAAAAB", "кирил"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
