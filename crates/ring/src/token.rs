//! What a completion is about: a kind and a slot in the 64 bits that the kernel carries for us.

/// The kind of entry that a completion answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// The multishot accept of a listener.
    Accept = 1,
    /// A poll for input.
    Readable = 2,
    /// A poll for room to send.
    Writable = 3,
    /// Another ring rang this one's doorbell.
    Doorbell = 4,
    /// An entry whose success is silent failed: a doorbell that was not heard, a removal that found nothing.
    Refused = 5,
}

/// A [`Kind`] and a slot, packed: the slot in the lower half, the kind in the top byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Token(u64);

impl Token {
    /// Packs.
    #[must_use]
    pub const fn new(kind: Kind, slot: u32) -> Self {
        Self((kind as u64) << 56 | slot as u64)
    }

    /// Unpacks what the kernel brought back; `None` if it is nothing of ours.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        match self.0 >> 56 {
            1 => Some(Kind::Accept),
            2 => Some(Kind::Readable),
            3 => Some(Kind::Writable),
            4 => Some(Kind::Doorbell),
            5 => Some(Kind::Refused),
            _ => None,
        }
    }

    /// The slot.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the slot is the lower half")]
    pub const fn slot(self) -> u32 {
        self.0 as u32
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        for kind in [Kind::Accept, Kind::Readable, Kind::Writable, Kind::Doorbell, Kind::Refused] {
            for slot in [0, 1, 19_999, u32::MAX] {
                let token = Token::from_bits(Token::new(kind, slot).bits());
                assert_eq!((token.kind(), token.slot()), (Some(kind), slot));
            }
        }
        assert_eq!(Token::from_bits(0).kind(), None);
        assert_eq!(Token::from_bits(u64::MAX).kind(), None);
    }
}
