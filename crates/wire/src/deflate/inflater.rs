//! Compressed messages, read: RFC 7692, section 7.2.2.
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{ROOM_BYTES_KEPT, Window};
use crate::frame::FrameError;

/// What the sender has left out of the message's last block, and after it an empty last block of ours: only a message that ends with a block
/// ends with ours.
const TAIL: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];

/// Room for a message to begin with, in bytes.
const ROOM_BYTES_MIN: usize = 4 << 10;

/// Reads compressed messages, one after the other, of whatever connections. Makes what it needs (some 45 KiB) for the first one, and has room for
/// the last one.
#[derive(Default)]
pub struct Inflater {
    stream: Option<Box<Inflate>>,
    room: Vec<u8>,
}

impl fmt::Debug for Inflater {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Inflater").field("room_bytes", &self.room.len()).finish_non_exhaustive()
    }
}

impl Inflater {
    /// Reads a whole message's payload, all frames' together, and says how many bytes it is; they are in [`Inflater::message`] then.
    ///
    /// # Errors
    /// [`FrameError::DeflateInvalid`]; [`FrameError::MessageTooLarge`] as soon as it is more than `bytes_max`, however many bytes would come:
    /// no more than these are ever held.
    pub(crate) fn inflate(&mut self, payload: &[u8], bytes_max: usize) -> Result<usize, FrameError> {
        let made = self.read(payload, bytes_max);
        if made.is_err() {
            // Nothing of what was wrong is left.
            self.stream = None;
        }
        made
    }

    fn read(&mut self, payload: &[u8], bytes_max: usize) -> Result<usize, FrameError> {
        if self.room.len() > ROOM_BYTES_KEPT {
            self.room = Vec::new();
        }
        let stream = self.stream.get_or_insert_with(|| Box::new(Inflate::new(false, Window::Bits15.bits())));
        let mut made = 0;
        stream.reset(false);
        for (mut input, is_tail) in [(payload, false), (&TAIL, true)] {
            loop {
                // One byte more than may be: it is there if the message is too large.
                let most = bytes_max.saturating_add(1);
                if made == self.room.len() {
                    self.room.resize((made * 2).clamp(ROOM_BYTES_MIN, most.max(ROOM_BYTES_MIN)), 0);
                }
                let end = self.room.len().min(most);
                let before = (stream.total_in(), stream.total_out());
                let status = stream
                    .decompress(input, &mut self.room[made..end], InflateFlush::NoFlush)
                    .map_err(|_| FrameError::DeflateInvalid)?;
                input = &input[count(stream.total_in() - before.0)..];
                made += count(stream.total_out() - before.1);
                if made > bytes_max {
                    return Err(FrameError::MessageTooLarge);
                }
                match status {
                    Status::StreamEnd if is_tail && input.is_empty() => return Ok(made),
                    // The sender marked a block as its last one, which it may (section 7.2.3.4): what follows may still refer to it.
                    Status::StreamEnd => {
                        stream.reset(false);
                        let window = &self.room[made.saturating_sub(Window::Bits15.bytes())..made];
                        stream.set_dictionary(window).map_err(|_| FrameError::DeflateInvalid)?;
                    }
                    // All read, and all of it written: else there would be no room left.
                    Status::Ok | Status::BufError if input.is_empty() && made < end => break,
                    Status::Ok => {}
                    Status::BufError if made == end => {}
                    Status::BufError => return Err(FrameError::DeflateInvalid),
                }
            }
        }
        // It ends in the middle of a block.
        Err(FrameError::DeflateInvalid)
    }

    /// The first `length` bytes of the last message.
    pub(crate) fn message(&mut self, length: usize) -> &mut [u8] {
        &mut self.room[..length]
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.room.capacity()
    }
}

/// Bytes of one step, which are bytes of a slice.
fn count(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
