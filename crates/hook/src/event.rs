//! What comes in from shards, and what goes back to them.
use hyper::body::Bytes;

use crate::ask::Ask;
use crate::told::Told;

/// Names a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Of {
    /// Its shard.
    pub shard: u16,
    /// Its slot there.
    pub conn: u32,
    /// Tells it from others that had the slot.
    pub generation: u32,
}

/// What a back end is to be told.
#[derive(Debug)]
pub enum Event {
    /// A client wants in.
    Connect {
        /// Which connection.
        of: Of,
        /// Which of the hooks, as an index.
        hook: usize,
        /// The ClientID, as the client wrote it.
        id: String,
        /// The query that came with it.
        query: Option<String>,
        /// Header fields to pass on.
        fields: Vec<(Box<str>, Box<[u8]>)>,
    },
    /// A client says something.
    Message(Message),
    /// Something is asked about a Centrifugo client.
    Ask(Box<Ask>),
    /// An accepted connection has ended: its last event.
    End(End),
}

/// A message of a client.
#[derive(Debug)]
pub struct Message {
    /// Which connection.
    pub of: Of,
    /// Which of the hooks.
    pub hook: usize,
    /// The ClientID.
    pub id: String,
    /// What it says.
    pub payload: Payload,
}

/// The end of a connection.
#[derive(Debug)]
pub struct End {
    /// Which connection.
    pub of: Of,
    /// Which of the hooks.
    pub hook: usize,
    /// The ClientID.
    pub id: String,
    /// The close code; 1006 without a close frame.
    pub code: u16,
    /// Who ended it: `client`, `fin`, `reset` or `server`.
    pub by: &'static str,
    /// The reason.
    pub reason: String,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// Valid UTF-8.
    Text(Bytes),
    /// Any bytes.
    Binary(Bytes),
}

impl Payload {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// What a shard is told.
#[derive(Debug)]
pub enum Reply {
    /// To [`Event::Connect`].
    Verdict {
        /// Which connection.
        of: Of,
        /// Which of the hooks.
        hook: usize,
        /// The ClientID.
        id: String,
        /// Whether it may come in.
        verdict: Verdict,
    },
    /// To [`Event::Ask`].
    Told {
        /// Which connection.
        of: Of,
        /// What the back end says.
        told: Told,
    },
    /// To [`Event::Message`].
    Outcome {
        /// Which connection.
        of: Of,
        /// What comes of it.
        outcome: Outcome,
    },
}

/// Whether a client may come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may, and this is the subprotocol that the back end chose, if it did.
    Accept(Option<String>),
    /// It may not.
    Refuse {
        /// The status to answer.
        status: u16,
        /// Why, in words that give nothing of the back end away.
        reason: &'static str,
    },
}

/// What comes of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing.
    Nothing,
    /// A message back.
    Reply(Payload),
    /// The connection is to be closed.
    Close {
        /// The code of the close frame.
        code: u16,
        /// Its reason.
        reason: &'static str,
    },
}
