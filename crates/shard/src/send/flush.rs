//! *Flush*: what a turn queued leaves at its end, one send a connection.
//!
//! A core that is offered more than it can send must do two things at once: hold up nobody for long, and send less often the
//! more there is to say. So a turn flushes a part of those for whom there are publications, the oldest first, while it
//! reads on; whoever waits collects what comes meanwhile and gets all of it in one send. Answers, control frames and
//! the ends of connections leave in the turn that made them.
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{ConnId, Instant};

use crate::border::Frame;
use crate::border::{Effects, Sent};
use crate::conn::{Flags, Phase};
use crate::limits::{SEND_BATCH_MAX, SEND_BATCH_MIN};
use crate::shard::Shard;

/// Of those who wait for publications at least one in so many is flushed in a turn. What a turn reads is bounded, so this
/// bounds what waits: some eight turns' publications.
const SHARE: usize = 8;

/// Connections that something was queued for, each once.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    /// Flushed at the end of this turn.
    soon: Vec<ConnId>,
    /// Flushed in turn, the oldest first.
    later: VecDeque<ConnId>,
    /// Sends that go out together.
    batch: Vec<(ConnId, Frame)>,
    sent: Vec<Sent>,
}

impl Dirty {
    pub(super) fn is_empty(&self) -> bool {
        self.soon.is_empty() && self.later.is_empty()
    }
}

impl Shard {
    /// Has the connection flushed at the end of the turn, unless it is waiting to be flushed already.
    pub(crate) fn flush_soon(&mut self, conn: ConnId) {
        let flags = &mut self.conns[conn].flags;
        if !flags.has(Flags::SOON) {
            flags.set(Flags::SOON, true);
            self.sending.dirty.soon.push(conn);
        }
    }

    /// Has the connection flushed when its turn comes, which may be this one.
    pub(crate) fn flush_later(&mut self, conn: ConnId) {
        let flags = &mut self.conns[conn].flags;
        if !flags.has(Flags::WAITS) {
            flags.set(Flags::LATER, true);
            self.sending.dirty.later.push_back(conn);
        }
    }

    /// How many of those who wait this turn flushes.
    pub(crate) fn share(&self) -> usize {
        self.config.limits.flushes_per_turn.max(self.sending.dirty.later.len() / SHARE).max(1)
    }

    /// Adds up to `share` of the others to those whom this turn must flush, and before them: who published is answered after his
    /// publication has gone out, unless there is too much to send for that. Says what is left of the share.
    pub(crate) fn take_share(&mut self, share: usize) -> usize {
        let Dirty { soon, later, .. } = &mut self.sending.dirty;
        let (count, must) = (share.min(later.len()), soon.len());
        for conn in later.drain(..count) {
            let flags = &mut self.conns[conn].flags;
            flags.set(Flags::LATER, false);
            // Whom this turn must flush for another reason is not listed twice.
            if !flags.has(Flags::SOON) {
                flags.set(Flags::SOON, true);
                soon.push(conn);
            }
        }
        soon.rotate_left(must);
        share - count
    }

    /// Flushes whom this turn must.
    pub(crate) fn flush_dirty(&mut self, now: Instant, world: &mut impl Effects) {
        let mut soon = core::mem::take(&mut self.sending.dirty.soon);
        let together = soon.len() >= SEND_BATCH_MIN;
        for conn in soon.drain(..) {
            self.flush_one(conn, together, now, world);
        }
        self.send_batch(world);
        // What was queued meanwhile is on the new list; its memory is the old one's.
        soon.append(&mut self.sending.dirty.soon);
        self.sending.dirty.soon = soon;
    }

    /// A connection with one thing to send waits for others of its kind: they leave together.
    fn flush_one(&mut self, conn: ConnId, together: bool, now: Instant, world: &mut impl Effects) {
        let row = &mut self.conns[conn];
        row.flags.set(Flags::SOON, false);
        let may_send = !row.flags.has(Flags::BLOCKED);
        let phase = row.phase();
        match phase {
            Phase::Vacant => return,
            Phase::Poll if self.poll_is_ready(conn) => {
                self.answer_poll(conn, now, world);
                return;
            }
            Phase::Head | Phase::Body | Phase::Asked | Phase::Poll | Phase::Open | Phase::Closing => {}
        }
        if together
            && may_send
            && let Some(frame) = self.sending.outboxes.whole(&self.conns[conn].outbox)
        {
            self.sending.dirty.batch.push((conn, frame));
            if self.sending.dirty.batch.len() == SEND_BATCH_MAX {
                self.send_batch(world);
            }
        } else {
            self.flush(conn, world);
            self.after_flush(conn, world);
        }
    }

    fn send_batch(&mut self, world: &mut impl Effects) {
        if self.sending.dirty.batch.is_empty() {
            return;
        }
        let mut batch = core::mem::take(&mut self.sending.dirty.batch);
        let mut sent = core::mem::take(&mut self.sending.dirty.sent);
        world.send_each(&batch, &mut sent);
        for ((conn, frame), sent) in batch.drain(..).zip(sent.drain(..)) {
            let flushed = self.sending.outboxes.settle(&mut self.conns[conn].outbox, frame.len(), sent);
            self.flushed(conn, flushed);
            self.after_flush(conn, world);
        }
        self.sending.dirty.batch = batch;
        self.sending.dirty.sent = sent;
    }

    fn after_flush(&mut self, conn: ConnId, world: &mut impl Effects) {
        self.shut_if_done(conn, world);
        if self.conns[conn].phase() != Phase::Vacant {
            self.unstall(conn);
        }
    }
}
