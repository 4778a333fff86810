//! The decoder: received bytes become events.
use alloc::boxed::Box;
use core::ops::Range;

use super::partial::{Frame, Partial};
use super::{CONTROL_BYTES_MAX, FrameError, Kind, Opcode, close, mask};

/// Which side of the connection the decoder is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We are the server: the peer must mask (RFC 6455, section 5.1).
    Server,
    /// We are the client: the peer must not mask.
    Client,
}

/// What a peer sent.
#[derive(PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A whole message.
    Message {
        /// What it is. [`Kind::Text`] has been found to be UTF-8.
        kind: Kind,
        /// All of it, unmasked.
        payload: &'a mut [u8],
    },
    /// The peer wants a pong with this payload.
    Ping(&'a [u8]),
    /// The peer lives. The payload is that of a ping, or anything.
    Pong(&'a [u8]),
    /// The peer closes, or has answered our close. What follows it on the connection is to be ignored.
    Close {
        /// Why, as a code that passed [`super::is_close_code`].
        code: Option<u16>,
        /// Why, in words.
        reason: &'a str,
    },
}

/// The rules for one kind of connection. It holds no state of a connection: that is in a [`Partial`], and only while there
/// is some.
///
/// Driving rule: for each piece of received bytes call [`Decoder::next`] with the same `used`, which starts at 0, until it
/// gives `None`; then all bytes are used. After an error, or after [`Event::Close`], call it no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decoder {
    /// Which side we are.
    pub role: Role,
    /// Largest payload of a data frame in bytes.
    pub frame_bytes_max: usize,
    /// Largest message in bytes, over all its frames.
    pub message_bytes_max: usize,
}

/// What is complete.
enum What {
    Message(Kind),
    Ping,
    Pong,
    Close,
}

/// Where its payload is.
enum Place {
    /// In the received bytes.
    Here(Range<usize>),
    /// In [`Partial::message`].
    Message,
    /// In [`Partial::control`].
    Control,
}

impl Decoder {
    /// The next event in `bytes[*used..]`; `None` when they are used up.
    ///
    /// A frame that is complete in `bytes` and is a message by itself is unmasked and delivered where it is. Otherwise what came
    /// is kept in `partial`, which is `None` again after the call that follows the last event.
    ///
    /// # Errors
    /// The first rule that the peer broke, as early as its bytes tell. `partial` is given back then.
    #[inline]
    pub fn next<'a>(
        &self,
        partial: &'a mut Option<Box<Partial>>,
        bytes: &'a mut [u8],
        used: &mut usize,
    ) -> Result<Option<Event<'a>>, FrameError> {
        debug_assert!(*used <= bytes.len());
        if let Some(held) = partial
            && held.forget_delivered()
        {
            *partial = None;
        }
        let (what, place) = match self.step(partial, bytes, used) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => {
                *partial = None;
                return Err(error);
            }
        };
        let payload: &'a mut [u8] = match (place, partial) {
            (Place::Here(range), _) => &mut bytes[range],
            (Place::Message, Some(held)) => &mut held.message,
            (Place::Control, Some(held)) => &mut held.control,
            (Place::Message | Place::Control, None) => &mut [],
        };
        Ok(Some(match what {
            What::Message(kind) => Event::Message { kind, payload },
            What::Ping => Event::Ping(payload),
            What::Pong => Event::Pong(payload),
            What::Close => {
                let (code, reason) = close::parse(payload)?;
                Event::Close { code, reason }
            }
        }))
    }

    /// Takes frames, whole or in part, until one completes something.
    fn step(
        &self,
        partial: &mut Option<Box<Partial>>,
        bytes: &mut [u8],
        used: &mut usize,
    ) -> Result<Option<(What, Place)>, FrameError> {
        while let Some(frame) = self.frame(partial, bytes, used)? {
            let start = *used;
            let end = start + frame.left.min(bytes.len() - start);
            *used = end;
            let payload = &mut bytes[start..end];
            if frame.key != [0; 4] {
                mask(payload, frame.key, frame.done);
            }
            let whole = frame.done == 0 && frame.left == payload.len();
            if whole && let Some(what) = alone(&frame, payload)? {
                if let Some(held) = partial
                    && held.is_empty()
                {
                    *partial = None;
                }
                return Ok(Some((what, Place::Here(start..end))));
            }
            let held = partial.get_or_insert_default();
            if let Some(found) = self.gather(held, frame, payload)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The frame that the next payload bytes belong to: the one begun before, or a new one, whose header is used up. `None` if
    /// there are no more bytes, or if they end within the header.
    fn frame(
        &self,
        partial: &mut Option<Box<Partial>>,
        bytes: &[u8],
        used: &mut usize,
    ) -> Result<Option<Frame>, FrameError> {
        let rest = &bytes[*used..];
        if rest.is_empty() {
            return Ok(None);
        }
        let mut gathered = None;
        if let Some(held) = partial {
            if let Some(frame) = held.frame.take() {
                return Ok(Some(frame));
            }
            gathered = held.kind.map(|_| held.message.len());
            if !held.head.is_empty() {
                let before = held.head.len();
                let taken = held.head.extend(rest);
                let parsed = self.parse(held.head.as_slice(), gathered)?;
                *used += match &parsed {
                    Some((_, len)) => len - before,
                    None => taken,
                };
                if parsed.is_some() {
                    held.head.clear();
                }
                return Ok(parsed.map(|(frame, _)| frame));
            }
        }
        let parsed = self.parse(rest, gathered)?;
        if let Some((frame, len)) = parsed {
            *used += len;
            return Ok(Some(frame));
        }
        partial.get_or_insert_default().head.extend(rest);
        *used = bytes.len();
        Ok(None)
    }

    /// The header at the begin of `bytes` and its length; `None` if it is not complete. Checks go byte by byte from the left,
    /// so that a header in pieces gives the same error as a whole one, only sooner. `gathered` counts the bytes of the
    /// message in whose middle we are.
    #[inline]
    fn parse(&self, bytes: &[u8], gathered: Option<usize>) -> Result<Option<(Frame, usize)>, FrameError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(FrameError::ReservedBitSet);
        }
        let opcode = Opcode::from_bits(first).ok_or(FrameError::OpcodeReserved)?;
        let fin = first & 0x80 != 0;
        if opcode.is_control() {
            if !fin {
                return Err(FrameError::ControlFragmented);
            }
        } else if opcode == Opcode::Continuation && gathered.is_none() {
            return Err(FrameError::ContinuationUnexpected);
        } else if opcode != Opcode::Continuation && gathered.is_some() {
            return Err(FrameError::MessageInterrupted);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let masked = second & 0x80 != 0;
        match self.role {
            Role::Server if !masked => return Err(FrameError::MaskMissing),
            Role::Client if masked => return Err(FrameError::MaskUnexpected),
            Role::Server | Role::Client => {}
        }
        let short = usize::from(second & 0x7f);
        if opcode.is_control() && short > CONTROL_BYTES_MAX {
            return Err(FrameError::ControlTooLong);
        }
        let Some((left, len)) = length(short, &bytes[2..])? else { return Ok(None) };
        if !opcode.is_control() {
            if left > self.frame_bytes_max {
                return Err(FrameError::FrameTooLarge);
            }
            if left > self.message_bytes_max.saturating_sub(gathered.unwrap_or(0)) {
                return Err(FrameError::MessageTooLarge);
            }
        }
        if !masked {
            return Ok(Some((Frame { opcode, fin, key: [0; 4], left, done: 0 }, len)));
        }
        let Some(&key) = bytes[len..].first_chunk::<4>() else { return Ok(None) };
        Ok(Some((Frame { opcode, fin, key, left, done: 0 }, len + 4)))
    }

    /// Adds what came of a frame to what is held, and says what is complete by it.
    #[inline(never)]
    fn gather(
        &self,
        held: &mut Partial,
        mut frame: Frame,
        payload: &[u8],
    ) -> Result<Option<(What, Place)>, FrameError> {
        if payload.is_empty() && frame.left > 0 {
            held.frame = Some(frame);
            return Ok(None);
        }
        frame.left -= payload.len();
        frame.done += payload.len();
        let (done, place) = match frame.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                held.control.extend_from_slice(payload);
                (frame.left == 0, Place::Control)
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                // What may still come: of the last frame it is known, else the bound is all that is.
                let rest_max = if frame.fin {
                    frame.left
                } else {
                    self.message_bytes_max.saturating_sub(held.message.len() + payload.len())
                };
                held.extend_message(frame.opcode, payload, rest_max)?;
                (frame.left == 0 && frame.fin, Place::Message)
            }
        };
        if frame.left > 0 {
            held.frame = Some(frame);
        }
        if !done {
            return Ok(None);
        }
        let what = match frame.opcode {
            Opcode::Ping => What::Ping,
            Opcode::Pong => What::Pong,
            Opcode::Close => {
                close::parse(&held.control)?;
                What::Close
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => What::Message(held.finish_message()?),
        };
        held.mark_delivered(matches!(place, Place::Control));
        Ok(Some((what, place)))
    }
}

/// The payload's length, and that of the header up to its end, from the 7-bit length and the bytes after it: RFC 6455,
/// section 5.2, "the minimal number of bytes MUST be used".
#[inline]
fn length(short: usize, after: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
    match short {
        126 => {
            let Some(&long) = after.first_chunk::<2>() else { return Ok(None) };
            let long = usize::from(u16::from_be_bytes(long));
            if long < 126 { Err(FrameError::LengthNotMinimal) } else { Ok(Some((long, 4))) }
        }
        127 => {
            if after.first().is_some_and(|top| top & 0x80 != 0) {
                return Err(FrameError::LengthInvalid);
            }
            let Some(&long) = after.first_chunk::<8>() else { return Ok(None) };
            let long = u64::from_be_bytes(long);
            if long <= u64::from(u16::MAX) {
                return Err(FrameError::LengthNotMinimal);
            }
            usize::try_from(long).map(|long| Some((long, 10))).map_err(|_| FrameError::FrameTooLarge)
        }
        _ => Ok(Some((short, 2))),
    }
}

/// What a frame that is there in full is by itself; `None` for a fragment.
#[inline]
fn alone(frame: &Frame, payload: &[u8]) -> Result<Option<What>, FrameError> {
    Ok(match frame.opcode {
        Opcode::Text if frame.fin => {
            simdutf8::basic::from_utf8(payload).map_err(|_| FrameError::TextNotUtf8)?;
            Some(What::Message(Kind::Text))
        }
        Opcode::Binary if frame.fin => Some(What::Message(Kind::Binary)),
        Opcode::Text | Opcode::Binary | Opcode::Continuation => None,
        Opcode::Close => {
            close::parse(payload)?;
            Some(What::Close)
        }
        Opcode::Ping => Some(What::Ping),
        Opcode::Pong => Some(What::Pong),
    })
}
