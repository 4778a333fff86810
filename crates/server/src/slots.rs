//! What the world keeps for each connection: two bytes in a table that is indexed by descriptor.
use base::{ConnId, Table};

/// One connection's part. The kernel hands descriptors out densely, lowest first, so the table has no holes to speak of.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Slot {
    flags: u8,
    /// Polls that brought input, up to [`Slot::BUSY_POLLS`]; in the top bit whether a pause is [watched](shard::Effects::watch).
    polls: u8,
}

// A million connections live on one core: each byte here is a mebibyte there.
const _: () = assert!(size_of::<Slot>() == 2);

/// One fact about a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Fact {
    /// The shard knows it. Cleared by close and hand-over.
    Open = 1,
    /// A poll for input is in flight.
    PollsInput = 2,
    /// That poll goes on until it is stopped.
    PollsAlways = 4,
    /// A poll for room is in flight.
    PollsOutput = 8,
    /// The shard does not want to read.
    Paused = 16,
    /// It is in the list of those to be read.
    Queued = 32,
    /// Nothing more will come: the peer's FIN has been reported.
    Ended = 64,
    /// A send found it broken, which has not been reported yet.
    Broken = 128,
}

impl Slot {
    /// After so many polls that brought input, one that goes on pays: it saves 0.65 µs an event (measured), and costs a walk
    /// through one of the kernel's 256 lists of polls when it is stopped.
    pub(crate) const BUSY_POLLS: u8 = 64;

    const WATCHED: u8 = 128;

    pub(crate) fn has(self, fact: Fact) -> bool {
        self.flags & fact as u8 != 0
    }

    pub(crate) fn set(&mut self, fact: Fact) {
        self.flags |= fact as u8;
    }

    pub(crate) fn clear(&mut self, fact: Fact) {
        self.flags &= !(fact as u8);
    }

    /// Something of it is in flight in the kernel: its descriptor must not be closed yet.
    pub(crate) fn in_flight(self) -> bool {
        self.has(Fact::PollsInput) || self.has(Fact::PollsOutput)
    }

    /// The shard knows it and wants what comes.
    pub(crate) fn wants_input(self) -> bool {
        self.has(Fact::Open) && !self.has(Fact::Paused) && !self.has(Fact::Ended)
    }

    /// Starts over for a new connection; what is true of the lists that hold the number stays.
    pub(crate) fn open(&mut self) {
        self.flags = Fact::Open as u8 | self.flags & Fact::Queued as u8;
        self.polls = 0;
    }

    /// Counts a poll that brought input; true if it is a busy connection.
    pub(crate) fn count_poll(&mut self) -> bool {
        if !self.is_busy() {
            self.polls += 1;
        }
        self.is_busy()
    }

    pub(crate) fn is_busy(self) -> bool {
        self.polls & !Self::WATCHED >= Self::BUSY_POLLS
    }

    /// It is not read, and the shard wants to know of its end all the same.
    pub(crate) fn is_watched(self) -> bool {
        self.has(Fact::Open) && self.polls & Self::WATCHED != 0
    }

    pub(crate) fn watch(&mut self, on: bool) {
        self.polls = if on { self.polls | Self::WATCHED } else { self.polls & !Self::WATCHED };
    }
}

/// All connections of a shard.
#[derive(Default, Debug)]
pub(crate) struct Slots {
    table: Table<Slot>,
    open: u32,
}

impl Slots {
    /// Connections that hold a descriptor.
    pub(crate) fn open(&self) -> u32 {
        self.open
    }

    /// A connection got the descriptor.
    pub(crate) fn occupy(&mut self, conn: ConnId) {
        debug_assert!(!self.table.grow_to(conn.0).has(Fact::Open), "{conn} is accepted twice");
        self.table.grow_to(conn.0).open();
        self.open += 1;
    }

    /// The descriptor was closed.
    pub(crate) fn release(&mut self, conn: ConnId) {
        debug_assert!(!self.table[conn.0].in_flight(), "{conn} is closed under the kernel");
        self.open -= 1;
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes()
    }
}

impl std::ops::Index<ConnId> for Slots {
    type Output = Slot;

    fn index(&self, conn: ConnId) -> &Slot {
        &self.table[conn.0]
    }
}

impl std::ops::IndexMut<ConnId> for Slots {
    fn index_mut(&mut self, conn: ConnId) -> &mut Slot {
        &mut self.table[conn.0]
    }
}
