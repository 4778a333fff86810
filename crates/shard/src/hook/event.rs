//! What crosses to the engine, and back.
use alloc::boxed::Box;
use alloc::vec::Vec;

use base::{ConnId, SubjectName};
use hub::Kind;

use crate::proxy::{Ask, Told};

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
        /// Whether it comes in if it may. In strict mode the back end is asked about requests too that can't become a WebSocket.
        upgrades: bool,
        /// Its address: see [`super::address_parts`].
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
        /// [`Ask::number`].
        number: u32,
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
        /// The status to answer: 400 to 599; 200 for counters that were asked for.
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
