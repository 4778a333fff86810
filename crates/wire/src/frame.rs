//! WebSocket frames: RFC 6455, section 5.
//!
//! [`Decoder::next`] turns received bytes into [`Event`]s, in place where it can; [`header()`] makes what precedes a payload.
//! The reserved bits must be 0, but for the first one where [`permessage-deflate`](crate::deflate) is negotiated.
mod close;
mod decoder;
mod error;
mod header;
mod mask;
mod partial;

pub use close::{CLOSE_REASON_BYTES_MAX, CloseFrame, close_frame, is_close_code};
pub use decoder::{Decoder, Event, Role};
pub use error::FrameError;
pub use header::{Header, header, masked_header};
pub(crate) use header::{compressed_header, split_frame};
pub use mask::mask;
pub use partial::Partial;

/// Longest payload of a control frame in bytes: RFC 6455, section 5.5.
pub const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is: RFC 6455, section 5.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opcode {
    /// More of the message that an earlier frame began.
    Continuation,
    /// The begin of a text message, or all of it.
    Text,
    /// The begin of a binary message, or all of it.
    Binary,
    /// The close handshake.
    Close,
    /// A sign of life is wanted.
    Ping,
    /// A sign of life.
    Pong,
}

impl Opcode {
    /// The lower four bits of a frame's first byte.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// What the lower four bits of `first` mean; `None` if the RFC reserves them.
    #[must_use]
    pub const fn from_bits(first: u8) -> Option<Self> {
        Some(match first & 0x0f {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// True for frames that may come between the fragments of a message.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Anything.
    Binary,
}

impl Kind {
    /// The opcode of the message's first frame.
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}
