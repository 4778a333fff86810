//! A connection's row, and what is lent to it while it has something in flight.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::{ConnId, NONE, Slab, Table, TimerLink, Timers};
use wire::deflate::Window;
use wire::frame::Partial;

use crate::centrifugo::AnswerTo;
use crate::hook::{Knock, Pushing};
use crate::plain::{Listener, Publisher};
use crate::proxy::Asked;
use crate::report::Transport;
use crate::request::{Body, Introduction};
use crate::send::Outbox;

mod closing;
mod heartbeat;

pub(crate) use closing::Drain;
pub(crate) use heartbeat::{CLOSING_TIMEOUT, second};

/// Where a connection is in its life.
///
/// ```text
/// Vacant → Head ⇄ Body → Asked → Open → Closing → Vacant
///             ⇅      ╲_____↗  ↘ Poll ↗
/// ```
/// Every phase may go to `Closing`, and to `Vacant` when the socket breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Phase {
    /// No connection.
    #[default]
    Vacant,
    /// An HTTP request's head is awaited.
    Head,
    /// The body of a `POST` is awaited.
    Body,
    /// The answer of a subject's owner is awaited; what the peer sends meanwhile waits.
    Asked,
    /// A long poll waits for a publication.
    Poll,
    /// A WebSocket or a response without an end.
    Open,
    /// The last bytes are on their way; what the peer sends is thrown away.
    Closing,
}

/// Facts about a connection, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Flags(u16);

impl Flags {
    /// On the list of connections that this turn flushes.
    pub(crate) const SOON: Self = Self(1);
    /// The socket is full: [`crate::Input::Writable`] will come.
    pub(crate) const FULL: Self = Self(1 << 1);
    /// The peer has sent its FIN.
    pub(crate) const FINISHED: Self = Self(1 << 2);
    /// Our FIN is out.
    pub(crate) const SHUT: Self = Self(1 << 3);
    /// The world has been asked not to read.
    pub(crate) const PAUSED: Self = Self(1 << 4);
    /// What is queued waits for the response's head.
    pub(crate) const HELD: Self = Self(1 << 5);
    /// A ping is out and unanswered.
    pub(crate) const PINGED: Self = Self(1 << 6);
    /// The timer is the ping's deadline, not the next ping.
    pub(crate) const PONG_DUE: Self = Self(1 << 7);
    /// The peer's close frame has come, or ours is out: no more frames.
    pub(crate) const GOODBYE: Self = Self(1 << 8);
    /// On the list of connections that wait for room in mailboxes or in their own outbox.
    pub(crate) const STALLED: Self = Self(1 << 9);
    /// On the turn's list of connections to close.
    pub(crate) const DOOMED: Self = Self(1 << 10);
    /// A request has been answered, and the connection was kept alive for the next one.
    pub(crate) const SERVED: Self = Self(1 << 11);

    /// A Centrifugo session that is pinged by WebSocket frames, not by empty replies.
    pub(crate) const FRAME_PINGS: Self = Self(1 << 12);
    /// On the list of connections that are flushed when their turn comes.
    pub(crate) const LATER: Self = Self(1 << 13);
    /// On the list of connections that are looked at when mailboxes have room.
    pub(crate) const LISTED: Self = Self(1 << 14);

    /// The last request was of HTTP/1.0: a response without an end is not in chunks.
    pub(crate) const NO_CHUNKS: Self = Self(1 << 15);

    /// What is queued will be flushed.
    pub(crate) const WAITS: Self = Self(Self::SOON.0 | Self::LATER.0);
    /// The lists that a slot may still be on after its connection has left: the next one in the slot is on them too.
    pub(crate) const LISTS: Self = Self(Self::SOON.0 | Self::LATER.0 | Self::LISTED.0);
    /// Whatever is queued waits: the socket is full, or the response has not begun.
    pub(crate) const BLOCKED: Self = Self(Self::FULL.0 | Self::HELD.0);

    /// True if one of the facts in `flag` holds.
    pub(crate) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Those of the facts that are in `mask`.
    pub(crate) const fn of(self, mask: Self) -> Self {
        Self(self.0 & mask.0)
    }

    pub(crate) fn set(&mut self, flag: Self, on: bool) {
        if on { self.0 |= flag.0 } else { self.0 &= !flag.0 }
    }
}

/// One connection. Whatever only some connections need is lent (`lent`), so that a quiet one is this row, its
/// subscription's row and its subject's row, and nothing else.
#[derive(Debug)]
pub(crate) struct Conn {
    /// Tells this connection from others that had the slot.
    pub(crate) generation: u32,
    /// First of its subscriptions.
    pub(crate) subscriptions: u32,
    /// What is lent, or `NONE`.
    pub(crate) lent: u32,
    /// The Centrifugo session, or `NONE`.
    pub(crate) session: u32,
    pub(crate) outbox: Outbox,
    pub(crate) timer: TimerLink,
    /// Second of the last message either way.
    pub(crate) active_s: u32,
    pub(crate) subscription_count: u16,
    pub(crate) flags: Flags,
    pub(crate) phase: Phase,
    pub(crate) transport: Transport,
    /// Messages may be compressed, and ours may refer so far back.
    pub(crate) deflate: Option<Window>,
}

impl Default for Conn {
    fn default() -> Self {
        Self {
            generation: 0,
            subscriptions: NONE,
            lent: NONE,
            session: NONE,
            outbox: Outbox::default(),
            timer: TimerLink::default(),
            active_s: 0,
            subscription_count: 0,
            flags: Flags::default(),
            phase: Phase::Vacant,
            transport: Transport::Http,
            deflate: None,
        }
    }
}

// Twenty million connections in 96 GB: each byte here is 20 MB there.
const _: () = assert!(size_of::<Conn>() <= 64);

/// What is lent to a connection with something in flight. Given back as soon as all of it is empty.
#[derive(Debug, Default)]
pub(crate) struct Lent {
    /// A WebSocket message that has not wholly arrived.
    pub(crate) partial: Option<Box<Partial>>,
    /// Bytes received that can't be handled yet: an unfinished head, or what came while an answer is awaited.
    pub(crate) unread: Vec<u8>,
    /// Commands of a message whose handling waits for an owner, or for room.
    pub(crate) commands: Remainder,
    /// What the connection is doing, beyond its phase.
    pub(crate) state: State,
}

/// The end of a message that is handled piece by piece, without being copied again for each.
#[derive(Debug, Default)]
pub(crate) struct Remainder {
    bytes: Box<[u8]>,
    from: usize,
}

impl Remainder {
    /// What is left.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Only the last `count` bytes are left.
    pub(crate) fn keep_last(&mut self, count: usize) {
        self.from = self.bytes.len() - count;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }
}

impl From<&[u8]> for Remainder {
    fn from(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), from: 0 }
    }
}

/// What a connection is doing, beyond its phase.
#[derive(Debug, Default)]
pub(crate) enum State {
    /// Nothing.
    #[default]
    None,
    /// Receiving the body of a `POST`.
    Body(Box<Body>),
    /// Waiting for the position of its publication.
    Publishing {
        /// Whether the connection goes on after the answer.
        keep_alive: bool,
        /// Names the subject in the position that the answer gives.
        subject_tag: u32,
    },
    /// Listening by a plain transport that has more to remember than the row has room for.
    Listening(Box<Listener>),
    /// Publishing by the publish stream with `?ack=1`.
    Publisher(Box<Publisher>),
    /// Waiting until the commands of its `POST /emulation` have been handled.
    Uplink(AnswerTo),
    /// A Centrifugo client that has not connected, and who it is according to whoever is in front of the server.
    Introduced(Box<Introduction>),
    /// Waiting to be let in by a back end.
    Knock(Box<Knock>),
    /// Waiting until its message is in somebody's outbox.
    Push(Box<Pushing>),
    /// A back end is asked about a Centrifugo client, or has answered.
    Asked(Box<Asked>),
    /// A Centrifugo command waits for its subject's owner.
    Command(crate::centrifugo::Waiting),
}

impl Lent {
    fn is_empty(&self) -> bool {
        self.partial.is_none()
            && self.unread.is_empty()
            && self.commands.is_empty()
            && matches!(self.state, State::None)
    }

    /// Heap bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.bytes()) + self.unread.capacity() + self.commands.bytes.len()
    }
}

/// All rows of a shard.
#[derive(Debug, Default)]
pub(crate) struct Conns {
    pub(crate) rows: Table<Conn>,
    pub(crate) lents: Slab<Lent>,
    pub(crate) open: usize,
}

impl Timers for Conns {
    fn timer(&mut self, row: u32) -> &mut TimerLink {
        &mut self.rows[row].timer
    }
}

impl Conns {
    /// The row of `conn` if it is the connection of that generation and still there.
    pub(crate) fn find(&mut self, conn: ConnId, generation: u32) -> Option<&mut Conn> {
        self.rows.get_mut(conn.0).filter(|row| row.generation == generation && row.phase != Phase::Vacant)
    }

    /// What is lent to the connection, lent now if nothing is.
    pub(crate) fn lend(&mut self, conn: ConnId) -> &mut Lent {
        let row = &mut self.rows[conn.0];
        if row.lent == NONE {
            row.lent = self.lents.insert(Lent::default());
        }
        &mut self.lents[row.lent]
    }

    /// What is lent to the connection, if anything.
    pub(crate) fn lent(&mut self, conn: ConnId) -> Option<&mut Lent> {
        let at = self.rows[conn.0].lent;
        (at != NONE).then(|| &mut self.lents[at])
    }

    /// What the connection is doing beyond its phase, if anything.
    pub(crate) fn state(&self, conn: ConnId) -> Option<&State> {
        let at = self.rows[conn.0].lent;
        (at != NONE).then(|| &self.lents[at].state)
    }

    /// Takes back what is lent if nothing is in it any more.
    pub(crate) fn reclaim(&mut self, conn: ConnId) {
        let row = &mut self.rows[conn.0];
        if row.lent != NONE && self.lents[row.lent].is_empty() {
            self.lents.remove(row.lent);
            row.lent = NONE;
        }
    }

    /// Takes what the connection is doing, leaving nothing.
    pub(crate) fn take_state(&mut self, conn: ConnId) -> State {
        self.lent(conn).map(|lent| core::mem::take(&mut lent.state)).unwrap_or_default()
    }

    /// Takes the bytes that wait to be read.
    pub(crate) fn take_unread(&mut self, conn: ConnId) -> Vec<u8> {
        self.lent(conn).map(|lent| core::mem::take(&mut lent.unread)).unwrap_or_default()
    }
}
