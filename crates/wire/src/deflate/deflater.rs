//! Frames, compressed: RFC 7692, section 7.2.1.
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{Deflate, DeflateFlush, Status};

use super::{ROOM_BYTES_KEPT, Window};
use crate::frame::{Opcode, compressed_header, split_frame};

/// Shorter payloads are not tried: hardly any becomes shorter.
const PAYLOAD_BYTES_MIN: usize = 32;

/// What a flush ends with, and a message leaves out.
const FLUSHED: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Compresses frames, one message at a time. Makes what it needs (some 200 KiB a window) for the first message of each window.
pub struct Deflater {
    level: u8,
    streams: [Option<Box<Deflate>>; 3],
    /// Messages looked at.
    tried: u64,
    room: Vec<u8>,
}

impl fmt::Debug for Deflater {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Deflater").field("level", &self.level).field("tried", &self.tried).finish_non_exhaustive()
    }
}

impl Deflater {
    /// A deflater that has made nothing yet. `level` is from 1, the fastest, to 9.
    #[must_use]
    pub fn new(level: u8) -> Self {
        debug_assert!((1..=9).contains(&level), "zlib's levels");
        Self { level, streams: [const { None }; 3], tried: 0, room: Vec::new() }
    }

    /// How many messages it has compressed, or tried to.
    #[must_use]
    pub fn tried(&self) -> u64 {
        self.tried
    }

    /// Finished frames of a server, with their messages of more than `payload_bytes` compressed where that makes them shorter; `None` if none
    /// of them is. Control frames, and messages in several frames, stay as they are.
    #[must_use]
    pub fn frames(&mut self, frames: &[u8], window: Window, payload_bytes: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let (mut rest, mut kept) = (frames, frames);
        while let Some((opcode, payload, after)) = split_frame(rest) {
            if !matches!(opcode, Opcode::Text | Opcode::Binary) || payload.len() <= payload_bytes {
                rest = after;
                continue;
            }
            if let Some(compressed) = self.message(payload, window) {
                out.extend_from_slice(&kept[..kept.len() - rest.len()]);
                out.extend_from_slice(compressed_header(opcode, compressed.len()).as_slice());
                out.extend_from_slice(compressed);
                kept = after;
            }
            rest = after;
        }
        if out.is_empty() {
            return None;
        }
        out.extend_from_slice(kept);
        Some(out)
    }

    /// A payload compressed, if that makes it shorter.
    fn message(&mut self, payload: &[u8], window: Window) -> Option<&[u8]> {
        if payload.len() < PAYLOAD_BYTES_MIN {
            return None;
        }
        self.tried += 1;
        if self.room.len() > ROOM_BYTES_KEPT {
            self.room = Vec::new();
        }
        let window = window.enough_for(payload.len());
        let stream = self.streams[window as usize]
            .get_or_insert_with(|| Box::new(Deflate::new(i32::from(self.level), false, window.bits())));
        stream.reset();
        // Room for the worst, a literal of 9 bits for each byte, though nothing comes of that: a stream of this library that once ran out of
        // room has less of its own from then on, and panics in the end (0.6.8, `Pending::reset_keep`).
        let wanted = payload.len() + payload.len() / 4 + 256;
        if self.room.len() < wanted {
            self.room.resize(wanted, 0);
        }
        let done = stream.compress(payload, &mut self.room, DeflateFlush::SyncFlush);
        let made = usize::try_from(stream.total_out()).unwrap_or(usize::MAX);
        let is_done =
            matches!(done, Ok(Status::Ok)) && stream.total_in() == payload.len() as u64 && made < self.room.len();
        if !is_done {
            debug_assert!(false, "there is room for everything");
            self.streams[window as usize] = None;
            return None;
        }
        let compressed = self.room[..made].strip_suffix(&FLUSHED);
        debug_assert!(compressed.is_some(), "a flush ends with an empty block");
        compressed.filter(|compressed| compressed.len() < payload.len())
    }
}
