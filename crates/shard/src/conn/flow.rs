//! Flow: whose bytes are handled, and whose wait. What can't be handled yet is kept at most once, and the peer is not read meanwhile.
use alloc::vec::Vec;

use base::{ConnId, Instant, NONE};

use super::{Flags, Phase};
use crate::border::Effects;
use crate::shard::Shard;

/// Those who are to go on.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// With what they have not read yet, after this input.
    ready: Vec<ConnId>,
    /// When there is room in mailboxes, or for events.
    stalled: Vec<ConnId>,
}

impl Flow {
    /// True if somebody could go on now.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}

impl Shard {
    // ---- waiting ----

    /// Keeps bytes for later and pauses reading, so that a peer can't make the server keep more than one read.
    pub(crate) fn keep_unread(&mut self, conn: ConnId, bytes: &[u8], world: &mut impl Effects) {
        self.conns.lend(conn).unread.extend_from_slice(bytes);
        let flags = &mut self.conns[conn].flags;
        if !flags.has(Flags::PAUSED) {
            flags.set(Flags::PAUSED, true);
            world.pause(conn, true);
        }
        if self.conns[conn].phase() == Phase::Poll {
            // The wait may be long, and nobody else would notice that the peer has gone.
            world.watch(conn);
        }
    }

    /// Stops reading from a peer that makes us queue more than it reads, until it has read.
    pub(crate) fn stall_if_full(&mut self, conn: ConnId, world: &mut impl Effects) {
        if self.conns[conn].outbox.bytes as usize > self.config.outbox.bytes {
            self.flush(conn, world);
        }
        let row = &mut self.conns[conn];
        if row.outbox.bytes as usize > self.config.outbox.bytes {
            row.flags.set(Flags::STALLED, true);
        }
    }

    /// Stops reading from a peer whose requests make parcels while more of them wait than should, until there is room.
    pub(crate) fn stall_if_backlogged(&mut self, conn: ConnId) {
        if self.mail.is_over_bound() {
            self.stall_until_room(conn);
        }
    }

    /// Stops reading from a peer until there is room for what its requests make.
    pub(crate) fn stall_until_room(&mut self, conn: ConnId) {
        self.conns[conn].flags.set(Flags::STALLED, true);
        self.list_stalled(conn);
    }

    fn list_stalled(&mut self, conn: ConnId) {
        let flags = &mut self.conns[conn].flags;
        if !flags.has(Flags::LISTED) {
            flags.set(Flags::LISTED, true);
            self.lives.flow.stalled.push(conn);
        }
    }

    // ---- going on ----

    /// Has a connection go on with what it has not read yet, after this input.
    pub(crate) fn wake(&mut self, conn: ConnId) {
        let row = &self.conns[conn];
        let has_more = row.lent != NONE || self.centrifugo.has_uplink(conn);
        if has_more || row.flags.has(Flags::PAUSED) || row.flags.has(Flags::FINISHED) {
            self.lives.flow.ready.push(conn);
        }
    }

    /// Has them go on.
    pub(crate) fn resume_ready(&mut self, now: Instant, world: &mut impl Effects) {
        while let Some(conn) = self.lives.flow.ready.pop() {
            self.end_run(now, world);
            if self.conns[conn].phase() != Phase::Vacant {
                self.resume(conn, now, world);
            }
        }
    }

    /// Goes on with a connection whose answer has come: first the commands that waited, then the bytes.
    fn resume(&mut self, conn: ConnId, now: Instant, world: &mut impl Effects) {
        if !self.can_read(conn) {
            return;
        }
        let mut commands = self.conns.lent(conn).map(|lent| core::mem::take(&mut lent.commands)).unwrap_or_default();
        if !commands.is_empty()
            && let Some(dialect) = self.conns[conn].transport.dialect()
        {
            if dialect.is_uni() {
                self.connect_uni(conn, commands.rest(), now, world);
            } else {
                let left = self.on_commands(conn, dialect.encoding(), commands.rest(), now, world);
                if left > 0 {
                    commands.keep_last(left);
                    self.conns.lend(conn).commands = commands;
                }
            }
        }
        if self.centrifugo.has_uplink(conn) && self.can_read(conn) {
            self.go_on_with_uplinks(conn, now, world);
        }
        if self.can_read(conn) {
            let mut unread = self.conns.take_unread(conn);
            self.received(conn, &mut unread, now, world);
        }
        if self.can_read(conn) && self.conns[conn].flags.has(Flags::FINISHED) {
            // Everything before the peer's FIN has been handled by now. A last count goes out by itself.
            if !self.withholds_close(conn) {
                self.close_after_outbox(conn, now, world);
            }
            return;
        }
        if self.can_read(conn) && self.conns[conn].flags.has(Flags::PAUSED) {
            self.conns[conn].flags.set(Flags::PAUSED, false);
            world.pause(conn, false);
        }
        self.conns.reclaim(conn);
    }

    /// Whether what the connection says may be handled now.
    pub(crate) fn can_read(&self, conn: ConnId) -> bool {
        let row = &self.conns[conn];
        matches!(row.phase(), Phase::Head | Phase::Body | Phase::Open) && !row.flags.has(Flags::STALLED)
    }

    /// Ends the stall of a connection whose outbox has room again.
    pub(crate) fn unstall(&mut self, conn: ConnId) {
        let row = &mut self.conns[conn];
        if !row.flags.has(Flags::STALLED) || !row.outbox.is_empty() || self.awaits_back_end(conn) {
            return;
        }
        let row = &mut self.conns[conn];
        if self.mail.has_room() && self.hooks.has_room() {
            row.flags.set(Flags::STALLED, false);
            self.wake(conn);
        } else {
            self.list_stalled(conn);
        }
    }

    /// Ends the stall of those who wait for room in mailboxes, or for events, once there is.
    pub(crate) fn unstall_listed(&mut self) {
        if self.mail.has_room() && self.hooks.has_room() {
            for conn in core::mem::take(&mut self.lives.flow.stalled) {
                self.conns[conn].flags.set(Flags::LISTED, false);
                self.unstall(conn);
            }
        }
    }
}
