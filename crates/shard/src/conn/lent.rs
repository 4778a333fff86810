//! What is lent to a connection while it has something in flight.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::{ConnId, NONE};
use wire::frame::Partial;

use super::Conns;
use crate::centrifugo::{AnswerTo, Waiting};
use crate::hook::{Knock, Pushing};
use crate::plain::{Listener, Publisher};
use crate::proxy::Asked;
use crate::request::{Body, Introduction};

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
    Command(Waiting),
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

impl Conns {
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
        let at = self[conn].lent;
        (at != NONE).then(|| &mut self.lents[at])
    }

    /// What the connection is doing beyond its phase, if anything.
    pub(crate) fn state(&self, conn: ConnId) -> Option<&State> {
        let at = self[conn].lent;
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

    /// Takes back everything that is lent, and what the connection was doing.
    pub(super) fn take_lent(&mut self, conn: ConnId) -> Option<Lent> {
        let at = core::mem::replace(&mut self[conn].lent, NONE);
        (at != NONE).then(|| self.lents.remove(at))
    }

    /// Connections to which something is lent.
    pub(crate) fn lents(&self) -> usize {
        self.lents.len()
    }

    /// Bytes of all that is lent.
    pub(crate) fn lent_bytes(&self) -> usize {
        self.lents.bytes() + self.lents.iter().map(Lent::bytes).sum::<usize>()
    }
}
