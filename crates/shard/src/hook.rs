//! Hooks: WebSockets whose life is a back end's. The client opens `<prefix><ClientID>`; a back end is asked before the answer, is given each
//! message, and hears once that it is over; what it posts to the same address goes to the client.
//!
//! The shard makes no requests. It gives [`HookEvent`]s to the world, which has an engine on other threads, and takes [`HookReply`]s as
//! commands. It never waits: a connection with as many messages under way as it may have is not read.
//!
//! Invariants:
//! - For each [`Verdict::Accept`] that comes in, exactly one [`HookEvent::End`] goes out, whatever becomes of the connection, and whether or not
//!   it is still there when the verdict comes. It is the connection's last event.
//! - Who has an address is decided by the address's owner, the shard that its keyed hash names, and known to it before the client is told that
//!   its connection is open. A connection that goes takes only its own entry away.
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use base::{ConnId, SubjectName};
use compact_str::format_compact;
use hub::Kind;

use crate::proxy::{Ask, Told};

mod directory;
mod ending;
mod hop;
mod knock;
mod push;
mod request;
mod rows;
mod traffic;

pub(crate) use directory::Directory;
pub use directory::Holder;
pub use hop::{HookDelivery, HookRequest};
pub(crate) use knock::{Knock, Upgraded};
pub use push::Pushed;
pub(crate) use push::{Push, Pushing};
pub(crate) use request::read;
pub(crate) use rows::Rows;

/// Events that may wait for the world to take them before connections that make more of them are not read.
pub(crate) const EVENTS_MAX: usize = 4_096;

/// Most connections of one address where several may have it.
pub(crate) const HOLDERS_MAX: usize = 16;

/// One prefix, and what a shard has to know of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// What the path begins with; begins and ends with a slash.
    pub prefix: Box<str>,
    /// Keys that may push; one of them is wanted unless `open`.
    pub keys: Vec<Box<str>>,
    /// Whether anybody may push.
    pub open: bool,
    /// Header fields of the client's request that the back end is told, in lower case; see [`FORWARDED_FOR`].
    pub fields: Vec<Box<str>>,
    /// Whether it is told the query.
    pub query: bool,
    /// Largest message of a client in bytes.
    pub message_bytes: usize,
    /// Largest message of a back end that is pushed, in bytes.
    pub push_bytes: usize,
    /// Messages of one connection that may be under way: those in requests, and those that wait for them. At least 1.
    pub messages: u16,
    /// What happens to one more.
    pub overflow: Overflow,
    /// What happens when an address is taken already.
    pub duplicates: Duplicates,
}

/// The field to which the client's own address is added, if it is among [`Hook::fields`].
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// What happens to a message that there is no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    /// It is not read yet: TCP pushes the client back.
    Wait,
    /// The connection is closed with 1013.
    Close,
    /// It is dropped, and counted.
    Drop,
}

/// What happens when a client comes with an address that another one has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duplicates {
    /// The older one is closed with 4409, once the back end has accepted the newer one.
    Newest,
    /// The newer one is refused with 409, and the back end does not hear of it.
    Refuse,
    /// Both stay, and each push goes to both.
    Both,
}

/// Names a connection to the engine, and back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HookConn {
    /// Its slot.
    pub conn: ConnId,
    /// Tells it from others that had the slot.
    pub generation: u32,
}

/// What a back end is to be told.
#[derive(Debug)]
pub enum HookEvent {
    /// A client wants in. Answered by [`HookReply::Verdict`].
    Connect {
        /// Which connection.
        of: HookConn,
        /// Its address: see [`address_parts`].
        address: SubjectName,
        /// The query, without its question mark, if there is one and it is told.
        query: Option<Box<str>>,
        /// Header fields to pass on: name and value.
        fields: Vec<(Box<str>, Box<[u8]>)>,
    },
    /// A client says something. Answered by [`HookReply::Answer`].
    Message {
        /// Which connection.
        of: HookConn,
        /// Its address.
        address: SubjectName,
        /// What the payload is.
        kind: Kind,
        /// What it says.
        payload: Box<[u8]>,
    },
    /// Something is asked about a Centrifugo client. Answered by [`HookReply::Told`].
    Ask {
        /// Which connection.
        of: HookConn,
        /// What.
        ask: Box<Ask>,
    },
    /// An accepted connection has ended. The last event of the connection, and not answered.
    End {
        /// Which connection.
        of: HookConn,
        /// Its address.
        address: SubjectName,
        /// How.
        ending: Ending,
    },
}

/// How a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The close code; 1006 if there was no close frame.
    pub code: u16,
    /// Who ended it.
    pub by: EndedBy,
    /// The close frame's reason, or ours in words.
    pub reason: Box<str>,
}

/// Who ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndedBy {
    /// The client, with a close frame.
    Client,
    /// The client's side, with a FIN and no close frame.
    Fin,
    /// The connection broke: a reset, or a time-out of the system's.
    Reset,
    /// The server.
    Server,
}

impl EndedBy {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::Server => "server",
        }
    }
}

/// What the engine says.
#[derive(Debug)]
pub enum HookReply {
    /// To [`HookEvent::Connect`].
    Verdict {
        /// Which connection.
        of: HookConn,
        /// Its address: it is needed if the connection is not there any more.
        address: SubjectName,
        /// Whether it may come in.
        verdict: Verdict,
    },
    /// To [`HookEvent::Ask`].
    Told {
        /// Which connection.
        of: HookConn,
        /// What the back end says.
        told: Told,
    },
    /// To [`HookEvent::Message`].
    Answer {
        /// Which connection.
        of: HookConn,
        /// What comes of it.
        outcome: Outcome,
    },
}

/// Whether a client may come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may.
    Accept {
        /// The subprotocol that the back end chose; one of those that the client offered, or the client is refused with 502.
        protocol: Option<Box<str>>,
    },
    /// It may not.
    Refuse {
        /// The status to answer: 400 to 599.
        status: u16,
        /// Why, in words.
        reason: Box<str>,
    },
}

/// What comes of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing.
    Nothing,
    /// A message back.
    Reply {
        /// What the payload is.
        kind: Kind,
        /// What it says.
        payload: Box<[u8]>,
    },
    /// The connection is closed.
    Close {
        /// The code of the close frame.
        code: u16,
        /// Its reason.
        reason: Box<str>,
    },
}

/// The hook's index in [`crate::ShardConfig::hooks`], and the ClientID as the client wrote it.
#[must_use]
pub fn address_parts(address: &str) -> (usize, &str) {
    let (hook, id) = address.split_once('/').unwrap_or(("", address));
    (hook.parse().unwrap_or(usize::MAX), id)
}

/// The address of a client of a hook.
pub(crate) fn address(hook: usize, id: &str) -> SubjectName {
    format_compact!("{hook}/{id}")
}

/// All of a shard's part in hooks.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    pub(crate) rows: Rows,
    pub(crate) directory: Directory,
    /// What the world has not taken yet, in order.
    pub(crate) events: VecDeque<HookEvent>,
}

impl Hooks {
    /// True while too many events wait.
    pub(crate) fn is_over_bound(&self) -> bool {
        self.events.len() >= EVENTS_MAX
    }

    /// True when those who were stopped may go on.
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() <= EVENTS_MAX / 2
    }

    /// Bytes held, without addresses longer than 24 bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes() + self.directory.bytes()
    }
}

/// What is told of where a client comes from: those before it, and its own address.
fn forwarded_for(before: Option<&[u8]>, peer: Option<IpAddr>) -> Box<[u8]> {
    let peer = peer.map(|peer| alloc::format!("{peer}")).unwrap_or_default();
    match before {
        Some(before) if peer.is_empty() => before.into(),
        Some(before) => [before, b", ", peer.as_bytes()].concat().into(),
        None => peer.into_bytes().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_its_parts() {
        for (hook, id) in [(0, "a"), (7, "a/b"), (65_535, "%2F%zz"), (10, "")] {
            assert_eq!(address_parts(&address(hook, id)), (hook, id));
        }
        assert_eq!(address_parts("nonsense").0, usize::MAX);
    }

    #[test]
    fn a_client_is_the_last_of_those_it_came_through() {
        let peer = Some(IpAddr::from([127, 0, 0, 9]));
        assert_eq!(&*forwarded_for(Some(b"10.1.1.1"), peer), b"10.1.1.1, 127.0.0.9");
        assert_eq!(&*forwarded_for(None, peer), b"127.0.0.9");
        assert_eq!(&*forwarded_for(Some(b"10.1.1.1"), None), b"10.1.1.1");
    }
}
