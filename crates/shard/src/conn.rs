//! The life of a connection: its row, what is lent to it while it has something in flight, its timer, its end.
use core::ops::{Index, IndexMut};

use base::{ConnId, Instant, NONE, Slab, Table, TimerLink, Timers, Wheel};
use wire::deflate::Window;

use crate::hop::Waiter;
use crate::send::Outbox;

mod closing;
mod drain;
mod flow;
mod heartbeat;
mod lent;
mod transport;

use closing::Ends;
use drain::Drain;
use flow::Flow;
use heartbeat::Constant;
pub(crate) use heartbeat::{CLOSING_TIMEOUT, second};
pub(crate) use lent::{Lent, State};
pub use transport::Transport;

/// Where a connection is in its life.
///
/// ```text
/// Vacant → Head ⇄ Body         a request comes
///          Head | Body → Asked → Head | Poll | Open         an owner has to answer first
///          Head | Body → Open ⇄ Asked         a response without an end; a session asks
///          Head | Body | Asked | Poll → Head         the answer to a request, and the next one
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

impl Phase {
    /// Whether a connection may go from here to there: the arrows above. [`Conns::accept`] begins its life, [`Conns::vacate`] ends it.
    const fn leads_to(self, next: Self) -> bool {
        match self {
            Self::Vacant => false,
            Self::Head => matches!(next, Self::Head | Self::Body | Self::Asked | Self::Open | Self::Closing),
            Self::Body => matches!(next, Self::Head | Self::Asked | Self::Open | Self::Closing),
            Self::Asked => matches!(next, Self::Head | Self::Poll | Self::Open | Self::Closing),
            Self::Poll => matches!(next, Self::Head | Self::Closing),
            Self::Open => matches!(next, Self::Asked | Self::Closing),
            Self::Closing => matches!(next, Self::Closing),
        }
    }
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
    lent: u32,
    /// The Centrifugo session, or `NONE`.
    pub(crate) session: u32,
    pub(crate) outbox: Outbox,
    timer: TimerLink,
    /// Second of the last message either way.
    active_s: u32,
    pub(crate) subscription_count: u16,
    pub(crate) flags: Flags,
    phase: Phase,
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

impl Conn {
    /// Where it is in its life.
    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// It goes on to another phase.
    #[inline]
    pub(crate) fn enter(&mut self, phase: Phase) {
        debug_assert!(self.phase.leads_to(phase), "from {:?} to {phase:?}", self.phase);
        self.phase = phase;
    }

    /// Something is said, by whichever side.
    pub(crate) fn note_active(&mut self, now: Instant) {
        self.active_s = second(now);
    }
}

/// All rows of a shard, each found by its connection's slot, and what is lent to them.
#[derive(Debug, Default)]
pub(crate) struct Conns {
    rows: Table<Conn>,
    lents: Slab<Lent>,
    open: usize,
}

impl Index<ConnId> for Conns {
    type Output = Conn;

    #[inline]
    fn index(&self, conn: ConnId) -> &Conn {
        &self.rows[conn.0]
    }
}

impl IndexMut<ConnId> for Conns {
    #[inline]
    fn index_mut(&mut self, conn: ConnId) -> &mut Conn {
        &mut self.rows[conn.0]
    }
}

impl Timers for Conns {
    fn timer(&mut self, row: u32) -> &mut TimerLink {
        &mut self.rows[row].timer
    }
}

impl Conns {
    /// A connection begins in its slot.
    pub(crate) fn accept(&mut self, conn: ConnId) {
        let row = self.rows.grow_to(conn.0);
        debug_assert_eq!(row.phase, Phase::Vacant, "{conn} is accepted while it is open");
        let flags = row.flags.of(Flags::LISTS);
        *row = Conn { generation: row.generation.wrapping_add(1), phase: Phase::Head, flags, ..Conn::default() };
        self.open += 1;
    }

    /// A connection is over, and what it had has been given back: its slot may be another one's.
    pub(crate) fn vacate(&mut self, conn: ConnId) {
        let row = &mut self.rows[conn.0];
        debug_assert_eq!((row.lent, row.session, row.subscriptions), (NONE, NONE, NONE), "{conn} leaves something");
        *row = Conn { generation: row.generation, flags: row.flags.of(Flags::LISTS), ..Conn::default() };
        self.open -= 1;
    }

    /// The slot's row, if there has been a connection in it.
    pub(crate) fn get(&self, conn: ConnId) -> Option<&Conn> {
        self.rows.get(conn.0)
    }

    /// The row of `conn` if it is the connection of that generation and still there.
    pub(crate) fn find(&mut self, conn: ConnId, generation: u32) -> Option<&mut Conn> {
        self.rows.get_mut(conn.0).filter(|row| row.generation == generation && row.phase != Phase::Vacant)
    }

    /// Names the connection to whom it asks.
    pub(crate) fn waiter(&self, conn: ConnId) -> Waiter {
        Waiter::Conn { conn, generation: self[conn].generation }
    }

    /// Connections there are.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Bytes held for rows, without what is lent.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes()
    }
}

/// What a shard has of the lives of its connections, beside their rows.
#[derive(Debug)]
pub(crate) struct Lives {
    wheel: Wheel,
    flow: Flow,
    ends: Ends,
    drain: Option<Drain>,
    constant: Constant,
}

impl Lives {
    /// There are no connections yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            wheel: Wheel::new(now),
            flow: Flow::default(),
            ends: Ends::default(),
            drain: None,
            constant: Constant::default(),
        }
    }

    /// When the next timer fires.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.wheel.next_due()
    }

    /// Armed timers.
    pub(crate) fn timers(&self) -> usize {
        self.wheel.len()
    }

    /// True while a connection is to go on, or to end.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.flow.has_ready() || !self.ends.is_empty()
    }
}
