//! Sealed places: 128 bits that name a place inside the server, and that nobody can make up.
//!
//! A synthetic initialization vector in small (the construction of RFC 5297, with SipHash-2-4 for the keyed function): the first half
//! is a tag over the place and a secret of whoever is there, the second half is the place, masked by what the tag hashes to.
//! So a name needs no table: it tells its place to the server, nothing to others, and fits one occupant only.
use core::fmt;
use core::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::SubjectKey;

/// The secret under which a server seals places. The same on every shard of a server.
#[derive(Clone, Copy, Debug)]
pub struct SealKey {
    tag: [u64; 2],
    mask: [u64; 2],
}

/// A place as others may name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sealed {
    tag: u64,
    masked: u64,
}

impl SealKey {
    /// The key for one `use_of_it`, from the server's secret.
    #[must_use]
    pub fn new(secret: &SubjectKey, use_of_it: &str) -> Self {
        let part = |number: u8| {
            let mut sip = SipHasher24::new_with_keys(secret.0[0], secret.0[1]);
            // No subject's name begins with a zero.
            sip.write(&[0, number]);
            sip.write(use_of_it.as_bytes());
            sip.finish()
        };
        Self { tag: [part(0), part(1)], mask: [part(2), part(3)] }
    }

    /// Seals a place for the occupant that has this secret.
    #[must_use]
    pub fn seal(&self, place: u64, secret: u128) -> Sealed {
        let tag = self.tag(place, secret);
        Sealed { tag, masked: place ^ self.mask(tag) }
    }

    /// The place that is named, if it is one: only [`SealKey::fits`] tells whether the name is ours.
    #[must_use]
    pub fn place(&self, sealed: Sealed) -> u64 {
        sealed.masked ^ self.mask(sealed.tag)
    }

    /// True if the name was given to the occupant that has this secret. Guessing takes 2^63 tries for each place.
    #[must_use]
    pub fn fits(&self, sealed: Sealed, secret: u128) -> bool {
        self.tag(self.place(sealed), secret) == sealed.tag
    }

    fn tag(&self, place: u64, secret: u128) -> u64 {
        let mut sip = SipHasher24::new_with_keys(self.tag[0], self.tag[1]);
        sip.write(&place.to_le_bytes());
        sip.write(&secret.to_le_bytes());
        sip.finish()
    }

    fn mask(&self, tag: u64) -> u64 {
        let mut sip = SipHasher24::new_with_keys(self.mask[0], self.mask[1]);
        sip.write(&tag.to_le_bytes());
        sip.finish()
    }
}

impl Sealed {
    /// Bytes of its text.
    pub const TEXT_BYTES: usize = 32;

    /// Reads its text: 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_ours = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        if text.len() != Self::TEXT_BYTES || !text.bytes().all(is_ours) {
            return None;
        }
        let half = |from: usize| u64::from_str_radix(&text[from..from + 16], 16).ok();
        Some(Self { tag: half(0)?, masked: half(16)? })
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}{:016x}", self.tag, self.masked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    const SECRET: SubjectKey = SubjectKey([3, 4]);

    #[test]
    fn a_name_leads_to_its_place_and_fits_one_occupant() {
        let key = SealKey::new(&SECRET, "session");
        for place in [0, 1, u64::MAX, 0x0102_0304_0506_0708] {
            let sealed = key.seal(place, 77);
            let text = sealed.to_string();
            assert_eq!(text.len(), Sealed::TEXT_BYTES);
            let read = Sealed::read(&text).unwrap();
            assert_eq!((read, key.place(read)), (sealed, place));
            assert!(key.fits(read, 77) && !key.fits(read, 78));
        }
    }

    #[test]
    fn a_changed_digit_makes_it_nobodys() {
        let key = SealKey::new(&SECRET, "session");
        let text = key.seal(5, 77).to_string();
        for at in 0..text.len() {
            let digit = if &text[at..=at] == "0" { "1" } else { "0" };
            let changed = [&text[..at], digit, &text[at + 1..]].concat();
            let sealed = Sealed::read(&changed).unwrap();
            assert!(!key.fits(sealed, 77), "{changed}");
        }
    }

    #[test]
    fn another_use_or_secret_is_another_name() {
        let key = SealKey::new(&SECRET, "session");
        let sealed = key.seal(5, 77);
        for other in [SealKey::new(&SECRET, "client"), SealKey::new(&SubjectKey([3, 5]), "session")] {
            assert!(!other.fits(sealed, 77));
            assert_ne!(other.seal(5, 77), sealed);
        }
        // Neighbours have nothing in common that one sees.
        let near = key.seal(6, 77);
        assert!((sealed.tag ^ near.tag).count_ones() > 10 && (sealed.masked ^ near.masked).count_ones() > 10);
    }

    #[test]
    fn only_its_own_form_is_read() {
        let text = SealKey::new(&SECRET, "session").seal(5, 77).to_string();
        for wrong in
            ["", &text[1..], &(text.clone() + "0"), &text.to_uppercase(), &["+", &text[1..]].concat(), &"é".repeat(16)]
        {
            assert_eq!(Sealed::read(wrong), None, "{wrong}");
        }
    }
}
