//! *Send*: what a turn queues for a connection leaves in one send at the turn's end.
use wire::deflate::Inflater;

use crate::config::Compression;
use crate::report::Report;

mod chunk;
mod deflate;
mod flush;
mod outbox;
mod queue;

use chunk::Unchunked;
pub(crate) use chunk::{chunk, write_begin};
use deflate::Deflates;
use flush::Dirty;
pub(crate) use outbox::Outbox;
use outbox::Outboxes;

/// A shard's part in sending.
#[derive(Debug)]
pub(crate) struct Sending {
    outboxes: Outboxes,
    dirty: Dirty,
    deflates: Deflates,
    unchunked: Unchunked,
}

impl Sending {
    /// Nothing is queued yet.
    pub(crate) fn new(compression: &Compression) -> Self {
        Self {
            outboxes: Outboxes::default(),
            dirty: Dirty::default(),
            deflates: Deflates::new(compression),
            unchunked: Unchunked::default(),
        }
    }

    /// From now on compresses so hard.
    pub(crate) fn set_level(&mut self, level: u8) {
        self.deflates.set_level(level);
    }

    /// Lent to the decoder, until it is given back.
    pub(crate) fn take_inflater(&mut self) -> Inflater {
        core::mem::take(&mut self.deflates.inflater)
    }

    /// It comes back.
    pub(crate) fn give_inflater_back(&mut self, inflater: Inflater) {
        self.deflates.inflater = inflater;
    }

    /// True while something is to be flushed.
    pub(crate) fn is_due(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The turn is over.
    pub(crate) fn end_turn(&mut self) {
        self.deflates.forget();
        self.unchunked.forget();
    }

    /// Frames that wait, counted once for each outbox they wait in.
    pub(crate) fn frames(&self) -> usize {
        self.outboxes.frames()
    }

    /// Bytes held: the rows, and the frames as if none were shared.
    pub(crate) fn bytes(&self) -> usize {
        self.outboxes.memory()
    }

    /// Adds what it has counted.
    pub(crate) fn report(&self, report: &mut Report) {
        report.bytes_out = self.outboxes.taken;
        report.outbox_bytes = self.outboxes.bytes as u64;
        report.deflated = self.deflates.tried();
    }
}
