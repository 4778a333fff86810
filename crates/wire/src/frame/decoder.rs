//! The decoder: received bytes become events.
use alloc::boxed::Box;
use core::ops::Range;

use super::partial::{Frame, Partial};
use super::{FrameError, Kind, Opcode, close, mask};
use crate::deflate::Inflater;

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
    /// Largest message in bytes, over all its frames, as it comes.
    pub message_bytes_max: usize,
    /// Largest compressed message in bytes, as it is when it has been read. `None`: there are none, since
    /// [`permessage-deflate`](crate::deflate) is not negotiated.
    pub inflated_bytes_max: Option<usize>,
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
    /// In the inflater; so many bytes.
    Inflated(usize),
}

impl Decoder {
    /// The next event in `bytes[*used..]`; `None` when they are used up. For connections without compression.
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
        debug_assert!(self.inflated_bytes_max.is_none(), "compressed messages want an inflater");
        self.event(partial, bytes, used, None)
    }

    /// The same where messages may be compressed. Such a message is kept as it came until all of it is there, and read at once then, so
    /// that nobody who sends slowly holds a window; it is in `inflater` until the next call.
    ///
    /// # Errors
    /// Those of [`Decoder::next`], and what is wrong with a compressed message, once all of it is there.
    #[inline]
    pub fn next_inflating<'a>(
        &self,
        partial: &'a mut Option<Box<Partial>>,
        bytes: &'a mut [u8],
        used: &mut usize,
        inflater: &'a mut Inflater,
    ) -> Result<Option<Event<'a>>, FrameError> {
        self.event(partial, bytes, used, Some(inflater))
    }

    #[inline]
    fn event<'a>(
        &self,
        partial: &'a mut Option<Box<Partial>>,
        bytes: &'a mut [u8],
        used: &mut usize,
        mut inflater: Option<&'a mut Inflater>,
    ) -> Result<Option<Event<'a>>, FrameError> {
        debug_assert!(*used <= bytes.len());
        if let Some(held) = partial
            && held.forget_delivered()
        {
            *partial = None;
        }
        let (what, place) = match self.step(partial, bytes, used, inflater.as_deref_mut()) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => {
                *partial = None;
                return Err(error);
            }
        };
        let payload: &'a mut [u8] = match (place, partial, inflater) {
            (Place::Here(range), _, _) => &mut bytes[range],
            (Place::Message, Some(held), _) => &mut held.message,
            (Place::Control, Some(held), _) => &mut held.control,
            (Place::Inflated(length), _, Some(inflater)) => inflater.message(length),
            (Place::Message | Place::Control, None, _) | (Place::Inflated(_), _, None) => &mut [],
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
        mut inflater: Option<&mut Inflater>,
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
            let found = if whole && frame.deflated && frame.fin {
                Some(self.inflate(frame.opcode, payload, inflater.as_deref_mut())?)
            } else if whole {
                alone(&frame, payload)?.map(|what| (what, Place::Here(start..end)))
            } else {
                None
            };
            if found.is_some() {
                if let Some(held) = partial
                    && held.is_empty()
                {
                    *partial = None;
                }
                return Ok(found);
            }
            let held = partial.get_or_insert_default();
            if let Some(found) = self.gather(held, frame, payload, inflater.as_deref_mut())? {
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
                let parsed = self.parse_header(held.head.as_slice(), gathered)?;
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
        let parsed = self.parse_header(rest, gathered)?;
        if let Some((frame, len)) = parsed {
            *used += len;
            return Ok(Some(frame));
        }
        partial.get_or_insert_default().head.extend(rest);
        *used = bytes.len();
        Ok(None)
    }

    /// Adds what came of a frame to what is held, and says what is complete by it.
    #[inline(never)]
    fn gather(
        &self,
        held: &mut Partial,
        mut frame: Frame,
        payload: &[u8],
        inflater: Option<&mut Inflater>,
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
                held.extend_message(&frame, payload, rest_max)?;
                (frame.left == 0 && frame.fin, Place::Message)
            }
        };
        if frame.left > 0 {
            held.frame = Some(frame);
        }
        if !done {
            return Ok(None);
        }
        let found = match frame.opcode {
            Opcode::Ping => (What::Ping, place),
            Opcode::Pong => (What::Pong, place),
            Opcode::Close => {
                close::parse(&held.control)?;
                (What::Close, place)
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => match held.finish_message()? {
                (kind, true) => self.inflate(kind.opcode(), &held.message, inflater)?,
                (kind, false) => (What::Message(kind), place),
            },
        };
        held.mark_delivered(matches!(found.1, Place::Control));
        Ok(Some(found))
    }

    /// Reads a compressed message.
    fn inflate(
        &self,
        opcode: Opcode,
        payload: &[u8],
        inflater: Option<&mut Inflater>,
    ) -> Result<(What, Place), FrameError> {
        let (Some(inflater), Some(bytes_max)) = (inflater, self.inflated_bytes_max) else {
            return Err(FrameError::ReservedBitSet);
        };
        let length = inflater.inflate(payload, bytes_max)?;
        let kind = if opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
        if kind == Kind::Text {
            simdutf8::basic::from_utf8(inflater.message(length)).map_err(|_| FrameError::TextNotUtf8)?;
        }
        Ok((What::Message(kind), Place::Inflated(length)))
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
