//! Compressed messages: of connections that agreed to them, both ways. What is compressed is a finished frame, whoever made it and for whatever
//! dialect; a frame that goes to many is compressed for the first one, and shared like the frame itself.
use alloc::rc::Rc;
use alloc::vec::Vec;

use base::ConnId;
use wire::deflate::{Deflater, Inflater, Window};

use crate::border::Frame;
use crate::config::Compression;
use crate::shard::Shard;

/// Most frames that are remembered with what they became: those of one publication are two encodings, with and without what some
/// subscribers get beside, in three windows at most.
const REMEMBERED_MAX: usize = 16;

/// What compression needs, once a shard. Before anybody has agreed to it, it is a few words.
#[derive(Debug)]
pub(super) struct Deflates {
    deflater: Deflater,
    /// Those of deflaters before it.
    tried_before: u64,
    /// Lent to the decoder.
    pub(super) inflater: Inflater,
    /// Frames of this turn, and what they became. Each is held, so that its address is not another one's meanwhile.
    remembered: Vec<(Frame, Window, Frame)>,
    /// The one that is given up next.
    oldest: usize,
}

impl Deflates {
    pub(super) fn new(compression: &Compression) -> Self {
        Self {
            deflater: Deflater::new(compression.level),
            tried_before: 0,
            inflater: Inflater::default(),
            remembered: Vec::new(),
            oldest: 0,
        }
    }

    /// Messages that were compressed, or tried.
    pub(super) fn tried(&self) -> u64 {
        self.tried_before + self.deflater.tried()
    }

    /// From now on compresses so hard.
    pub(super) fn set_level(&mut self, level: u8) {
        self.tried_before = self.tried();
        self.deflater = Deflater::new(level);
    }

    /// Frames that go to one connection.
    fn own(&mut self, frame: Frame, window: Window, payload_bytes: usize) -> Frame {
        self.deflater.frames(&frame, window, payload_bytes).map_or(frame, Frame::from)
    }

    /// Frames that may go to others too.
    fn shared(&mut self, frame: Frame, window: Window, payload_bytes: usize) -> Frame {
        let window = window.enough_for(frame.len());
        let is_it = |(of, with, _): &&(Frame, Window, Frame)| *with == window && Rc::ptr_eq(of, &frame);
        if let Some((_, _, known)) = self.remembered.iter().rev().find(is_it) {
            return Rc::clone(known);
        }
        let made = self.own(Rc::clone(&frame), window, payload_bytes);
        let entry = (frame, window, Rc::clone(&made));
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.push(entry);
        } else {
            self.remembered[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % REMEMBERED_MAX;
        }
        made
    }

    /// Forgets the frames of the turn.
    pub(super) fn forget(&mut self) {
        self.remembered.clear();
        self.oldest = 0;
    }
}

impl Shard {
    /// What is said to this connection alone, as it takes it.
    pub(super) fn deflated_own(&mut self, conn: ConnId, frame: Frame) -> Frame {
        match self.conns[conn].deflate {
            None => frame,
            Some(window) => self.sending.deflates.own(frame, window, self.config.compression.payload_bytes),
        }
    }

    /// Publications, as this connection takes them.
    pub(crate) fn deflated(&mut self, conn: ConnId, frame: Frame) -> Frame {
        match self.conns[conn].deflate {
            None => frame,
            Some(window) => self.sending.deflates.shared(frame, window, self.config.compression.payload_bytes),
        }
    }
}
