//! Bodies in chunks: RFC 9112, section 7.1.
use alloc::vec::Vec;

use super::HeadError;

/// Most bytes of all chunk extensions and trailer fields of a body together. They are skipped.
const EXTRA_BYTES_MAX: usize = 4_096;

/// How far a body in chunks has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes of the input that belong to the body. Fewer than all only when `done`.
    pub used: usize,
    /// True when the body is complete.
    pub done: bool,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The first digit of a chunk's size.
    Size,
    /// Another digit, an extension, or the line's end.
    SizeMore,
    /// An extension, up to CR.
    Extension,
    /// The LF of a size line.
    SizeEnd,
    /// Bytes of a chunk: `left` of them.
    Data,
    /// The CR, then the LF, after a chunk.
    DataCr,
    DataLf,
    /// The begin of a trailer line, or the CR of the last, empty line.
    Trailer,
    /// A trailer line, up to CR.
    TrailerMore,
    /// The LF of a trailer line.
    TrailerEnd,
    /// The very last LF.
    LastLf,
    Done,
}

/// Takes a body in chunks apart as it comes. Line ends must be CR LF, as a proxy in front might see them otherwise.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// Of the chunk's size while it is read, then of its bytes.
    left: u64,
    extra_bytes: usize,
    body_bytes_max: usize,
}

impl ChunkedDecoder {
    /// A decoder for one body of at most `body_bytes_max` bytes.
    #[must_use]
    pub const fn new(body_bytes_max: usize) -> Self {
        Self { state: State::Size, left: 0, extra_bytes: 0, body_bytes_max }
    }

    /// Takes the next bytes and adds what is in their chunks to `body`, which holds the body's begin and nothing else.
    ///
    /// # Errors
    /// [`HeadError::Chunk`] if it isn't to the letter; [`HeadError::BodyTooLarge`] as soon as a chunk's size says so. The
    /// connection can't go on.
    pub fn push(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<Progress, HeadError> {
        let mut used = 0;
        while self.state != State::Done {
            let rest = &bytes[used..];
            let Some(&byte) = rest.first() else { break };
            if self.state == State::Data {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                body.extend_from_slice(&rest[..count]);
                used += count;
                self.left -= count as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            self.state = self.step(byte, body.len())?;
            used += 1;
        }
        Ok(Progress { used, done: self.state == State::Done })
    }

    fn step(&mut self, byte: u8, body_bytes: usize) -> Result<State, HeadError> {
        Ok(match (self.state, byte) {
            (State::Size | State::SizeMore, _) if byte.is_ascii_hexdigit() => {
                self.digit(byte, body_bytes)?;
                State::SizeMore
            }
            (State::SizeMore | State::Extension, b'\r') => State::SizeEnd,
            (State::SizeMore, b';' | b' ' | b'\t') => self.extra(State::Extension)?,
            (State::Extension, _) if is_text(byte) => self.extra(State::Extension)?,
            (State::SizeEnd, b'\n') if self.left == 0 => State::Trailer,
            (State::SizeEnd, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::Trailer, b'\r') => State::LastLf,
            (State::TrailerMore, b'\r') => State::TrailerEnd,
            (State::Trailer | State::TrailerMore, _) if is_text(byte) => self.extra(State::TrailerMore)?,
            (State::TrailerEnd, b'\n') => State::Trailer,
            (State::LastLf, b'\n') => State::Done,
            _ => return Err(HeadError::Chunk),
        })
    }

    fn digit(&mut self, byte: u8, body_bytes: usize) -> Result<(), HeadError> {
        // Leading zeros are no size, but bytes all the same.
        self.extra(State::SizeMore)?;
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            _ => (byte | 0x20) - b'a' + 10,
        };
        self.left = self.left.checked_mul(16).ok_or(HeadError::BodyTooLarge)? | u64::from(digit);
        if self.left > self.body_bytes_max.saturating_sub(body_bytes) as u64 {
            return Err(HeadError::BodyTooLarge);
        }
        Ok(())
    }

    /// Counts a byte that is not the body's.
    fn extra(&mut self, next: State) -> Result<State, HeadError> {
        self.extra_bytes += 1;
        if self.extra_bytes > EXTRA_BYTES_MAX { Err(HeadError::Chunk) } else { Ok(next) }
    }
}

/// Anything but control characters.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
