//! Queueing, and what happens when a reader is slow.
use base::ConnId;
use hub::OutboxPolicy;
use protocol::centrifugo::Disconnect;

use super::outbox::{Content, Flushed};
use crate::border::{Effects, Frame};
use crate::conn::{Conn, Flags, Phase};
use crate::shard::Shard;

impl Shard {
    /// Queues a frame of `count` publications; the outbox's policy decides what happens if it is at its bound.
    pub(crate) fn queue(&mut self, conn: ConnId, frame: Frame, subject: u32, count: u32, world: &mut impl Effects) {
        let row = &self.conns[conn];
        // Nothing comes behind a publication that a condemned connection did not get.
        if matches!(row.phase(), Phase::Vacant | Phase::Closing) || row.flags.has(Flags::DOOMED) {
            return;
        }
        let bytes_max = self.config.outbox.bytes;
        let over = |row: &Conn| !row.outbox.is_empty() && row.outbox.bytes as usize + frame.len() > bytes_max;
        if over(&self.conns[conn]) {
            // A burst within one turn is no slow reader: the socket may take it.
            self.flush(conn, world);
        }
        let flags = self.conns[conn].flags;
        if flags.has(Flags::BLOCKED) {
            let policy = self.hub.namespace(subject).and_then(|namespace| namespace.outbox);
            let policy = policy.unwrap_or(self.config.outbox.policy);
            let row = &mut self.conns[conn];
            let before = self.sending.outboxes.frames();
            if policy == OutboxPolicy::Conflate {
                while let Some(dropped) = self.sending.outboxes.drop_oldest(&mut row.outbox, Some(subject)) {
                    self.report.outbox_conflated += u64::from(dropped);
                }
            }
            while over(row) {
                let dropped = match policy {
                    OutboxPolicy::Close => None,
                    OutboxPolicy::DropOldest | OutboxPolicy::Conflate => {
                        self.sending.outboxes.drop_oldest(&mut row.outbox, None)
                    }
                };
                let Some(dropped) = dropped else {
                    self.report.outbox_closed += 1;
                    self.doom(conn, Disconnect::Slow);
                    return;
                };
                self.report.outbox_dropped += u64::from(dropped);
            }
            if self.sending.outboxes.frames() < before {
                self.forget_bases(conn);
            }
        }
        self.sending.outboxes.push(&mut self.conns[conn].outbox, frame, Content::Publications { subject, count });
        self.flush_later(conn);
    }

    /// Queues what is not a publication: it is never dropped.
    pub(crate) fn queue_own(&mut self, conn: ConnId, frame: Frame) {
        let frame = self.deflated_own(conn, frame);
        let frame = self.unchunked(conn, frame);
        self.sending.outboxes.push(&mut self.conns[conn].outbox, frame, Content::Own);
        self.flush_soon(conn);
    }

    /// Queues what a client may miss: not behind half of an outbox, so that publications keep their room.
    pub(crate) fn queue_notice(&mut self, conn: ConnId, frame: Frame) {
        let frame = self.unchunked(conn, frame);
        let row = &mut self.conns[conn];
        if matches!(row.phase(), Phase::Vacant | Phase::Closing) || row.flags.has(Flags::DOOMED) {
            return;
        }
        if row.outbox.bytes as usize + frame.len() > self.config.outbox.bytes / 2 {
            self.report.untold += 1;
            return;
        }
        self.sending.outboxes.push(&mut row.outbox, frame, Content::Notice);
        self.flush_later(conn);
    }

    /// Queues the head of what has been held back, behind the row `anchor` of the outbox: what was delivered meanwhile comes after it.
    pub(crate) fn queue_head(&mut self, conn: ConnId, anchor: u32, head: Frame) {
        let row = &mut self.conns[conn];
        row.flags.set(Flags::HELD, false);
        self.sending.outboxes.push_behind(&mut row.outbox, anchor, head);
        self.flush_soon(conn);
    }

    /// Offers the outbox to the socket, unless it is known to be full or the response has not begun.
    pub(crate) fn flush(&mut self, conn: ConnId, world: &mut impl Effects) {
        let row = &mut self.conns[conn];
        if row.flags.has(Flags::BLOCKED) {
            return;
        }
        let flushed = self.sending.outboxes.flush(conn, &mut row.outbox, world);
        self.flushed(conn, flushed);
    }

    /// Takes note of what became of a connection's outbox.
    pub(super) fn flushed(&mut self, conn: ConnId, flushed: Flushed) {
        let row = &mut self.conns[conn];
        match flushed {
            Flushed::Empty | Flushed::Rest => {}
            Flushed::Full => row.flags.set(Flags::FULL, true),
            // `Ended` is on its way; until then nothing more is worth keeping.
            Flushed::Broken => self.sending.outboxes.clear(&mut row.outbox),
        }
    }

    /// Drops the publications that wait for a connection.
    pub(crate) fn drop_publications(&mut self, conn: ConnId) {
        self.sending.outboxes.drop_publications(&mut self.conns[conn].outbox);
    }

    /// Drops all that waits for a connection which is gone.
    pub(crate) fn drop_outbox(&mut self, conn: ConnId) {
        self.sending.outboxes.clear(&mut self.conns[conn].outbox);
    }
}
