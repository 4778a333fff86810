//! What the shard asks for, done.
use std::net::{IpAddr, Shutdown, SocketAddr};

use base::{ConnId, ShardId};
use ring::{Kind, Written};
use shard::{Answer, Close, Effects, Frame, HookEvent, Parcel, Sent, Ticket};

use super::{World, socket};
use crate::slots::Fact;

impl World {
    fn may_send(&mut self, conn: ConnId) -> bool {
        self.open_slot(conn).is_some_and(|slot| !slot.has(Fact::Broken))
    }

    /// What a send of `offered` bytes means, and what it asks for.
    fn sent(&mut self, conn: ConnId, offered: usize, written: Written) -> Sent {
        match written {
            Written::Bytes(count) if count == offered => Sent::All,
            Written::Bytes(count) => {
                if !self.slots[conn].has(Fact::PollsOutput) {
                    self.slots[conn].set(Fact::PollsOutput);
                    self.ring.poll_output(socket(conn), conn.0);
                }
                Sent::Full(count)
            }
            Written::Broken => {
                // Reported from the list, whether or not anybody polls or reads.
                self.slots[conn].set(Fact::Broken);
                self.queue(conn);
                Sent::Broken
            }
        }
    }
}

impl Effects for World {
    fn send(&mut self, conn: ConnId, pieces: &[&[u8]]) -> Sent {
        if !self.may_send(conn) {
            return Sent::Broken;
        }
        self.tally.sends += 1;
        let offered = pieces.iter().map(|piece| piece.len()).sum();
        let written = socket(conn).send_pieces(pieces);
        self.sent(conn, offered, written)
    }

    fn send_each(&mut self, frames: &[(ConnId, Frame)], sent: &mut Vec<Sent>) {
        sent.clear();
        if !frames.iter().all(|(conn, _)| self.may_send(*conn)) {
            sent.extend(frames.iter().map(|(conn, frame)| self.send(*conn, &[frame])));
            return;
        }
        self.tally.sends += 1;
        let batch: Vec<_> = frames.iter().map(|(conn, frame)| (socket(*conn), &frame[..])).collect();
        let mut written = std::mem::take(&mut self.written);
        self.sender.send(&batch, &mut written);
        for ((conn, frame), written) in frames.iter().zip(written.drain(..)) {
            sent.push(self.sent(*conn, frame.len(), written));
        }
        self.written = written;
    }

    fn hop(&mut self, to: ShardId, parcel: Parcel) -> Result<(), Parcel> {
        self.mesh.send(to, parcel)
    }

    fn shut(&mut self, conn: ConnId) {
        if self.open_slot(conn).is_some() {
            socket(conn).shutdown(Shutdown::Write);
        }
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        let Some(slot) = self.open_slot(conn) else { return };
        slot.clear(Fact::Open);
        let slot = *slot;
        match how {
            Close::Abort => socket(conn).reset(),
            Close::Graceful if slot.in_flight() => socket(conn).shutdown(Shutdown::Both),
            // Closing says as much.
            Close::Graceful => {}
        }
        // The other polls end by what was just done.
        if slot.has(Fact::PollsAlways) {
            self.ring.stop_polling(Kind::Readable, conn.0);
        }
        self.release_if_idle(conn);
    }

    fn pause(&mut self, conn: ConnId, paused: bool) {
        let Some(slot) = self.open_slot(conn) else { return };
        if paused {
            slot.set(Fact::Paused);
        } else if slot.has(Fact::Paused) {
            slot.clear(Fact::Paused);
            let was_watched = slot.is_watched() && slot.has(Fact::PollsInput);
            slot.watch(false);
            if was_watched {
                // It tells of the end only. The read that its own end brings waits for what comes then.
                self.ring.stop_polling(Kind::Readable, conn.0);
            }
            // What came during the pause was not noted.
            self.queue(conn);
        }
    }

    fn watch(&mut self, conn: ConnId) {
        let Some(slot) = self.open_slot(conn) else { return };
        debug_assert!(slot.has(Fact::Paused), "{conn} is watched although it is read");
        if !slot.is_watched() {
            slot.watch(true);
            self.await_end(conn);
        }
    }

    fn hand_over(&mut self, conn: ConnId, bytes: &[u8]) {
        let Some(slot) = self.open_slot(conn) else { return };
        slot.clear(Fact::Open);
        let slot = *slot;
        if self.courier.send(socket(conn), bytes).is_err() {
            // The control plane is behind by all that fits between us; the client may come again.
            self.tally.handed_over_lost += 1;
            socket(conn).reset();
        }
        // Not by a shutdown: the connection lives on in other hands.
        if slot.has(Fact::PollsInput) {
            self.ring.stop_polling(Kind::Readable, conn.0);
        }
        if slot.has(Fact::PollsOutput) {
            self.ring.stop_polling(Kind::Writable, conn.0);
        }
        self.release_if_idle(conn);
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        let tally = matches!(answer, Answer::Report(_)).then(|| self.tally());
        self.desk.answered(ticket, self.me, answer, tally);
    }

    fn tell_back_end(&mut self, event: HookEvent) -> Result<(), HookEvent> {
        match &self.events {
            Some(events) => events.send(event),
            None => Err(event),
        }
    }

    fn door(&mut self, conn: ConnId) -> u16 {
        if self.doors.len() < 2 {
            return 0;
        }
        // Nothing is kept of it: a connection is asked once or twice in its life. What can't be told has no door that leads anywhere.
        let local = self.open_slot(conn).and_then(|_| socket(conn).local());
        let is_at = |door: &SocketAddr| {
            local.is_some_and(|local| {
                local.port() == door.port() && (door.ip().is_unspecified() || door.ip().to_canonical() == local.ip())
            })
        };
        self.doors.iter().position(is_at).and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX)
    }

    fn peer(&mut self, conn: ConnId) -> Option<IpAddr> {
        self.open_slot(conn)?;
        socket(conn).peer()
    }
}
