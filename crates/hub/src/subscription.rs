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
}

impl Default for Subscription {
    fn default() -> Self {
        Self { conn: ConnId(NONE), subject: NONE, next: NONE, prev: NONE, sibling: NONE, live: false }
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
