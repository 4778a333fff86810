//! Compressed messages: the extension `permessage-deflate`, RFC 7692.
//!
//! [`agree`] reads what a client offers, [`Agreement::write_field`] is the answer; [`Deflater`] makes compressed frames out of finished ones,
//! and an [`Inflater`], lent to [`Decoder::next_inflating`](crate::frame::Decoder::next_inflating), reads them.
//!
//! No message ever depends on another one: both contexts are given up at each (sections 7.1.1.1 and 7.1.1.2). So a compressed frame is the same
//! bytes for everybody, a connection has no window of its own, and one deflater and one inflater do for all connections of a thread.
mod agreement;
mod deflater;
mod inflater;

pub use agreement::{Agreement, agree};
pub use deflater::Deflater;
pub use inflater::Inflater;

/// Room that is kept from one message to the next, in bytes.
const ROOM_BYTES_KEPT: usize = 1 << 20;

/// How far back a compressed message may refer: what a client has room for. A server may use less than is asked for (section 7.1.2.1), so three
/// sizes do for all; the fewer, the more clients share a frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Window {
    /// 512 bytes.
    Bits9,
    /// 4 KiB.
    Bits12,
    /// 32 KiB: whatever deflate can do.
    Bits15,
}

impl Window {
    /// The largest that is within so many bits; `None` below 9, which the library can't do.
    #[must_use]
    pub const fn within(bits: u8) -> Option<Self> {
        match bits {
            0..=8 => None,
            9..=11 => Some(Self::Bits9),
            12..=14 => Some(Self::Bits12),
            15.. => Some(Self::Bits15),
        }
    }

    /// Its size as an exponent of two.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Bits9 => 9,
            Self::Bits12 => 12,
            Self::Bits15 => 15,
        }
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        1 << self.bits()
    }

    /// The smallest that compresses so many bytes as well as this one does: nothing refers to what is before a message.
    #[must_use]
    pub fn enough_for(self, bytes: usize) -> Self {
        [Self::Bits9, Self::Bits12].into_iter().find(|window| bytes <= window.bytes()).map_or(self, |one| one.min(self))
    }
}
