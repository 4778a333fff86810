//! What a connection in the middle of a frame, or of a message, holds.
use alloc::vec::Vec;

use super::header::HEADER_BYTES_MAX;
use super::{CONTROL_BYTES_MAX, FrameError, Kind, Opcode};

/// Least room that is made for a message, so that one that comes byte by byte doesn't grow eight times for its first line.
const GROWTH_BYTES_MIN: usize = 64;

/// A frame whose header is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    /// The first frame of a compressed message.
    pub(super) deflated: bool,
    /// Zero where the peer doesn't mask.
    pub(super) key: [u8; 4],
    /// Payload bytes to come.
    pub(super) left: usize,
    /// Payload bytes that came.
    pub(super) done: usize,
}

/// The begin of a header.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct HeadBytes {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl HeadBytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds as much of `bytes` as fits, and says how much that is.
    pub(super) fn extend(&mut self, bytes: &[u8]) -> usize {
        let room = &mut self.bytes[usize::from(self.len)..];
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.len += u8::try_from(count).unwrap_or(0);
        count
    }
}

/// What was delivered out of a [`Partial`], and is to be forgotten by the next call.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Delivered {
    #[default]
    Nothing,
    Message,
    Control,
}

/// What [`super::Decoder::next`] keeps of a connection between two pieces of bytes, while there is something to keep.
#[derive(Default, Debug)]
pub struct Partial {
    /// A header whose end has not come. Empty while `frame` is there.
    pub(super) head: HeadBytes,
    /// A frame whose end has not come.
    pub(super) frame: Option<Frame>,
    /// The kind of the message that `message` is the begin of.
    pub(super) kind: Option<Kind>,
    /// That message is compressed: it is read once it is complete.
    pub(super) deflated: bool,
    /// The begin of a message, as it came.
    pub(super) message: Vec<u8>,
    /// Of a text message: bytes found to be UTF-8, up to the end of a character.
    checked: usize,
    /// The begin of a control frame's payload.
    pub(super) control: Vec<u8>,
    delivered: Delivered,
}

impl Partial {
    /// Bytes held on the heap, with the partial itself.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.message.capacity() + self.control.capacity()
    }

    /// True if nothing is to be kept.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.frame.is_none() && self.kind.is_none()
    }

    pub(super) fn mark_delivered(&mut self, control: bool) {
        self.delivered = if control { Delivered::Control } else { Delivered::Message };
    }

    /// Forgets what was delivered by the last call. True if nothing else is left.
    pub(super) fn forget_delivered(&mut self) -> bool {
        match core::mem::take(&mut self.delivered) {
            Delivered::Nothing => {}
            Delivered::Message => self.message = Vec::new(),
            Delivered::Control => self.control = Vec::new(),
        }
        self.is_empty()
    }

    /// Adds a piece of a message, after which at most `rest_max` bytes come.
    pub(super) fn extend_message(&mut self, frame: &Frame, piece: &[u8], rest_max: usize) -> Result<(), FrameError> {
        let opcode = frame.opcode;
        debug_assert!(!opcode.is_control());
        let kind = *self.kind.get_or_insert(if opcode == Opcode::Text { Kind::Text } else { Kind::Binary });
        self.deflated |= frame.deflated;
        let room = self.message.capacity() - self.message.len();
        if room < piece.len() {
            // Doubled, but never beyond what can be needed: an announced length by itself reserves nothing.
            let doubled = self.message.len().max(GROWTH_BYTES_MIN);
            self.message.reserve_exact(doubled.max(piece.len()).min(piece.len() + rest_max));
        }
        self.message.extend_from_slice(piece);
        match kind {
            Kind::Text if !self.deflated => self.check_text(),
            Kind::Text | Kind::Binary => Ok(()),
        }
    }

    /// Looks at what is new. A character whose end has not come is looked at again, if what there is of it can become one.
    fn check_text(&mut self) -> Result<(), FrameError> {
        match simdutf8::compat::from_utf8(&self.message[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(FrameError::TextNotUtf8),
        }
        debug_assert!(self.message.len() - self.checked < 4, "an unfinished character has at most 3 bytes");
        Ok(())
    }

    /// The message is complete: says what it is, and whether it is compressed.
    pub(super) fn finish_message(&mut self) -> Result<(Kind, bool), FrameError> {
        let kind = self.kind.take().unwrap_or(Kind::Binary);
        let checked = core::mem::take(&mut self.checked);
        let deflated = core::mem::take(&mut self.deflated);
        if kind == Kind::Text && !deflated && checked != self.message.len() {
            return Err(FrameError::TextNotUtf8);
        }
        Ok((kind, deflated))
    }
}

// A slow peer in mid-frame costs this and its bytes.
const _: () = assert!(size_of::<Partial>() <= 128 && CONTROL_BYTES_MAX <= 125);
