//! A subscription: one connection's interest in one subject.
use base::{ConnId, NONE};

/// One row. It is in two lists: the subject's (both ways, so that leaving is O(1) among a million) and the connection's
/// (one way: a connection has few).
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// Who.
    pub conn: ConnId,
    /// What: the subject's row.
    pub subject: u32,
    /// Next subscription of the subject.
    pub(crate) next: u32,
    /// Previous subscription of the subject.
    pub(crate) prev: u32,
    /// Next subscription of the connection.
    pub(crate) sibling: u32,
    /// False until the owner has answered: what is delivered before the answer is in the answer.
    pub live: bool,
    /// What else it is.
    pub facts: Facts,
}

/// Facts about a subscription, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Facts(u16);

impl Facts {
    /// The owner counts it in its attendance.
    pub const PRESENT: Self = Self(1);
    /// That it comes and goes is told of.
    pub const ANNOUNCES: Self = Self(1 << 1);
    /// That it has come was told of.
    pub const ANNOUNCED: Self = Self(1 << 2);
    /// Is told who comes and goes.
    pub const HEARS: Self = Self(1 << 3);
    /// Takes deltas.
    pub const DELTAS: Self = Self(1 << 4);
    /// Has been sent the newest publication, so that the next one may be a delta of it.
    pub const BASED: Self = Self(1 << 5);
    /// The server has made it.
    pub const SERVER_SIDE: Self = Self(1 << 6);
    /// The connection token has asked for it.
    pub const BY_TOKEN: Self = Self(1 << 7);
    /// Ends as soon as its client has been told that it has begun.
    pub const ENDS: Self = Self(1 << 8);
    /// It is the personal one of a user who may have one connection only.
    pub const SOLE: Self = Self(1 << 9);
    /// Wants some publications only.
    pub const FILTERED: Self = Self(1 << 10);
    /// Nothing but capabilities has allowed it.
    pub const BY_CAPS: Self = Self(1 << 11);

    /// True if one of the facts in `fact` holds.
    #[must_use]
    pub const fn has(self, fact: Self) -> bool {
        self.0 & fact.0 != 0
    }

    /// Makes the facts in `fact` true or false.
    pub fn set(&mut self, fact: Self, on: bool) {
        if on { self.0 |= fact.0 } else { self.0 &= !fact.0 }
    }
}

impl Default for Subscription {
    fn default() -> Self {
        Self {
            conn: ConnId(NONE),
            subject: NONE,
            next: NONE,
            prev: NONE,
            sibling: NONE,
            live: false,
            facts: Facts::default(),
        }
    }
}

impl Subscription {
    /// The next subscription of the same subject, or [`NONE`].
    #[must_use]
    pub fn next(&self) -> u32 {
        self.next
    }

    /// The next subscription of the same connection, or [`NONE`].
    #[must_use]
    pub fn sibling(&self) -> u32 {
        self.sibling
    }
}

const _: () = assert!(size_of::<Subscription>() <= 24);
