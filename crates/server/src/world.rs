//! The world of one shard: sockets, mailboxes, answers. What the shard asks for happens here.
//!
//! Invariants:
//! - A connection's number is its descriptor. The descriptor is closed, and so may come again, only when nothing of it is in
//!   flight in the ring: no completion is ever taken for another connection's.
//! - A poll for input is made anew after each read, except for busy connections. So while the shard handles bytes of a
//!   connection that is not busy nothing of it is in flight, and a hand-over or a close needs no cancel. The end of a pause that is watched
//!   cancels the poll that watched.
//! - A closing connection gives no input: its slot is not `Open`.
use std::net::SocketAddr;
use std::sync::Arc;

use base::{ConnId, Instant, ShardId};
use ring::{Completion, Courier, Kind, Received, Ring, Sender, Socket, Written};
use shard::{Close, Effects as _, End};

use crate::accept::{Accepted, Acceptor};
use crate::desk::Desk;
use crate::hooks::Events;
use crate::mesh::{Beds, Mesh};
use crate::slots::{Fact, Slot, Slots};
use crate::tally::Tally;

mod effects;

/// Poll events after which a read must go on to the end: data and FIN may have come in one.
const LAST: i32 = 0x2018; // POLLRDHUP | POLLHUP | POLLERR

/// Those after which nothing can be read or sent any more.
const BROKEN: i32 = 0x0018; // POLLHUP | POLLERR

/// Everything around one shard.
pub(crate) struct World {
    me: ShardId,
    pub(crate) ring: Ring,
    sender: Sender,
    /// What became of a batch of sends; empty between batches.
    written: Vec<Written>,
    pub(crate) mesh: Mesh,
    pub(crate) beds: Beds,
    pub(crate) tally: Tally,
    /// By their numbers.
    acceptors: Vec<Acceptor>,
    /// Addresses of the listeners, by their doors: the server's own first.
    doors: Arc<[SocketAddr]>,
    slots: Slots,
    /// Connections to read in the next turn, without waiting for a poll.
    queued: Vec<ConnId>,
    courier: Arc<Courier>,
    desk: Arc<Desk>,
    connections_max: u32,
    events: Option<Events>,
    /// A descriptor was closed in this turn.
    released: bool,
}

/// What a completion means for the shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A new connection.
    Accepted(ConnId),
    /// There is something to read.
    Input {
        /// From whom.
        conn: ConnId,
        /// The last: read on to the end.
        last: bool,
    },
    /// A paused connection ends.
    Ended(ConnId, End),
    /// There is room to send.
    Room(ConnId),
}

/// The parts of a world.
pub(crate) struct Parts {
    pub(crate) me: ShardId,
    pub(crate) ring: Ring,
    pub(crate) sender: Sender,
    pub(crate) mesh: Mesh,
    pub(crate) beds: Beds,
    pub(crate) acceptors: Vec<Acceptor>,
    pub(crate) doors: Arc<[SocketAddr]>,
    pub(crate) courier: Arc<Courier>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) connections_max: u32,
    pub(crate) events: Option<Events>,
}

fn socket(conn: ConnId) -> Socket {
    Socket::from_slot(conn.0).expect("a connection's number is the descriptor that accept gave")
}

impl World {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { me, ring, sender, mesh, beds, acceptors, doors, courier, desk, connections_max, events } = parts;
        Self {
            me,
            ring,
            sender,
            written: Vec::new(),
            mesh,
            beds,
            tally: Tally::default(),
            acceptors,
            doors,
            slots: Slots::default(),
            queued: Vec::new(),
            courier,
            desk,
            connections_max,
            events,
            released: false,
        }
    }

    /// Which shard's.
    pub(crate) fn me(&self) -> ShardId {
        self.me
    }

    /// Starts to accept.
    pub(crate) fn open(&mut self) {
        self.acceptors.iter_mut().for_each(|acceptor| acceptor.start(&mut self.ring));
    }

    /// Stops accepting, for good.
    pub(crate) fn leave(&mut self) {
        self.acceptors.iter_mut().for_each(Acceptor::stop);
    }

    /// Translates a completion.
    pub(crate) fn completed(&mut self, completion: Completion, now: Instant) -> Option<Event> {
        let conn = ConnId(completion.token.slot());
        match completion.token.kind()? {
            Kind::Accept => self.accepted(completion, now),
            Kind::Readable => self.readable(conn, completion),
            Kind::Writable => {
                self.slots[conn].clear(Fact::PollsOutput);
                if self.slots[conn].has(Fact::Open) {
                    return Some(Event::Room(conn));
                }
                self.release_if_idle(conn);
                None
            }
            // Being awake is all that a doorbell is for. A refused one belongs to a shard that is gone, and a removal that found
            // nothing came after the poll's own completion.
            Kind::Doorbell | Kind::Refused => None,
        }
    }

    fn accepted(&mut self, completion: Completion, now: Instant) -> Option<Event> {
        let acceptor = self.acceptors.get_mut(completion.token.slot() as usize)?;
        match acceptor.completed(completion, &mut self.ring, now) {
            Accepted::Conn(conn) if self.slots.open() >= self.connections_max => {
                self.tally.refused += 1;
                socket(conn).reset();
                socket(conn).close();
                None
            }
            Accepted::Conn(conn) => {
                self.slots.occupy(conn);
                Some(Event::Accepted(conn))
            }
            Accepted::Nothing => None,
            Accepted::Paused => {
                self.tally.accept_pauses += 1;
                None
            }
        }
    }

    fn readable(&mut self, conn: ConnId, completion: Completion) -> Option<Event> {
        let slot = &mut self.slots[conn];
        if !completion.more {
            slot.clear(Fact::PollsInput);
            slot.clear(Fact::PollsAlways);
        }
        if !slot.has(Fact::Open) {
            self.release_if_idle(conn);
            return None;
        }
        if slot.is_watched() {
            return self.watched(conn, completion.result);
        }
        slot.count_poll();
        // Paused: the read after the pause finds what is there. Queued: it will be read anyway.
        if !slot.wants_input() || slot.has(Fact::Queued) {
            return None;
        }
        let last = completion.result < 0 || completion.result & LAST != 0;
        Some(Event::Input { conn, last })
    }

    /// A poll of a paused connection whose end is watched has said something, or one that it had before the pause has ended.
    fn watched(&mut self, conn: ConnId, events: i32) -> Option<Event> {
        let end = match events {
            ..0 => None,
            events if events & BROKEN != 0 => Some(End::Broken),
            events if events & LAST != 0 => Some(End::Foreseen),
            _ => None,
        };
        if end.is_none() {
            self.await_end(conn);
            return None;
        }
        self.slots[conn].watch(false);
        if end == Some(End::Broken) {
            self.close(conn, Close::Abort);
        }
        end.map(|end| Event::Ended(conn, end))
    }

    /// Waits for the end of a connection that is not read. What polls it already comes home first: it may have told of the end before the pause.
    fn await_end(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn];
        if !slot.has(Fact::PollsInput) {
            slot.set(Fact::PollsInput);
            self.ring.poll_end(socket(conn), conn.0);
        } else if slot.has(Fact::PollsAlways) {
            self.ring.stop_polling(Kind::Readable, conn.0);
        }
    }

    /// The connections that were queued for reading; give the list back with [`World::requeue`].
    pub(crate) fn take_queued(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.queued)
    }

    /// Gives back the list of those who had no turn: they are before those who were queued meanwhile.
    pub(crate) fn requeue(&mut self, mut list: Vec<ConnId>) {
        list.append(&mut self.queued);
        self.queued = list;
    }

    /// Takes a connection off the list; true if there is something to say to the shard about it.
    pub(crate) fn unqueue(&mut self, conn: ConnId) -> bool {
        self.slots[conn].clear(Fact::Queued);
        self.is_readable(conn)
    }

    /// Whether a read would have something to say to the shard: what it wants, or that the connection broke.
    pub(crate) fn is_readable(&self, conn: ConnId) -> bool {
        let slot = self.slots[conn];
        slot.wants_input() || slot.has(Fact::Open) && slot.has(Fact::Broken)
    }

    /// Has the connection read in the next turn, which then comes without waiting.
    pub(crate) fn queue(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn];
        if !slot.has(Fact::Queued) {
            slot.set(Fact::Queued);
            self.queued.push(conn);
        }
    }

    /// Whether the shard wants what this connection sends.
    pub(crate) fn wants_input(&self, conn: ConnId) -> bool {
        self.slots[conn].wants_input()
    }

    /// Whether a read that came up short has seen all there is: a poll that goes on tells only of what comes later.
    pub(crate) fn polls_always(&self, conn: ConnId) -> bool {
        self.slots[conn].has(Fact::PollsAlways)
    }

    /// Reads. After [`Received::Broken`] the socket is being released.
    pub(crate) fn receive(&mut self, conn: ConnId, scratch: &mut [u8]) -> Received {
        self.tally.receives += 1;
        let received =
            if self.slots[conn].has(Fact::Broken) { Received::Broken } else { socket(conn).receive(scratch) };
        match received {
            Received::Bytes(_) | Received::Nothing => {}
            Received::End => self.slots[conn].set(Fact::Ended),
            Received::Broken => self.close(conn, Close::Abort),
        }
        received
    }

    /// Waits for input, if it is wanted and not waited for already. What came meanwhile completes at once.
    pub(crate) fn await_input(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn];
        if !slot.wants_input() || slot.has(Fact::PollsInput) {
            return;
        }
        slot.set(Fact::PollsInput);
        if slot.is_busy() {
            slot.set(Fact::PollsAlways);
            self.ring.poll_input_always(socket(conn), conn.0);
        } else {
            self.ring.poll_input(socket(conn), conn.0);
        }
    }

    /// What has to happen at the end of a turn; says when the next turn must come at the latest: `Some(now)`: at once.
    pub(crate) fn finish_turn(&mut self, now: Instant) -> Option<Instant> {
        let released = std::mem::take(&mut self.released);
        self.acceptors.iter_mut().for_each(|acceptor| acceptor.resume(&mut self.ring, now, released));
        for bell in self.mesh.bells(&self.beds) {
            self.ring.ring(bell, u32::from(self.me.0));
            self.tally.doorbells += 1;
        }
        let again = (!self.queued.is_empty()).then_some(now);
        self.acceptors.iter().map(Acceptor::next_timeout).chain([again]).flatten().min()
    }

    /// The counters as they are.
    pub(crate) fn tally(&self) -> Tally {
        Tally {
            enters: self.ring.enters(),
            slot_bytes: u64::try_from(self.slots.bytes()).unwrap_or(u64::MAX),
            cpu: crate::clock::thread_cpu(),
            ..self.tally.clone()
        }
    }

    /// Connections that hold a descriptor.
    pub(crate) fn connections(&self) -> u32 {
        self.slots.open()
    }

    /// Closes the descriptor of a connection that the shard does not know any more, once nothing is in flight.
    fn release_if_idle(&mut self, conn: ConnId) {
        let slot = self.slots[conn];
        debug_assert!(!slot.has(Fact::Open), "{conn} is in use");
        if !slot.in_flight() {
            socket(conn).close();
            self.slots.release(conn);
            self.released = true;
        }
    }

    /// The slot of a connection that the shard speaks of; `None` if it ought to know better.
    fn open_slot(&mut self, conn: ConnId) -> Option<&mut Slot> {
        let slot = &mut self.slots[conn];
        debug_assert!(slot.has(Fact::Open), "{conn} is closed");
        slot.has(Fact::Open).then_some(slot)
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "World of shard {} ({} connections)", self.me.0, self.slots.open())
    }
}
