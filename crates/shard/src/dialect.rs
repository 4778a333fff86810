//! How Centrifugo sessions are spoken to: in an encoding, over a framing. The only place that knows which has which.
use alloc::vec::Vec;

use base::ConnId;
use protocol::Encoding;
use wire::frame::Opcode;

use crate::encode::message;
use crate::report::Transport;
use crate::send::Frame;
use crate::shard::Shard;

/// A Centrifugo dialect. One more is a value here and a line in each function below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Dialect {
    /// JSON over a WebSocket.
    Json,
    /// Protobuf over a WebSocket.
    Protobuf,
}

impl Dialect {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Json, Self::Protobuf];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "centrifugo_json",
            Self::Protobuf => "centrifugo_protobuf",
        }
    }

    /// How its messages are written.
    pub(crate) const fn encoding(self) -> Encoding {
        match self {
            Self::Json => Encoding::Json,
            Self::Protobuf => Encoding::Protobuf,
        }
    }

    /// One encoded reply or push as finished bytes.
    pub(crate) fn frame(self, written: &[u8]) -> Frame {
        match self {
            Self::Json => message(Opcode::Text, written),
            Self::Protobuf => message(Opcode::Binary, written),
        }
    }
}

/// Something a dialect: made when the first connection needs it.
#[derive(Debug)]
pub(crate) struct PerDialect<T>([Option<T>; Dialect::ALL.len()]);

impl<T> Default for PerDialect<T> {
    fn default() -> Self {
        Self([const { None }; Dialect::ALL.len()])
    }
}

impl<T> PerDialect<T> {
    pub(crate) fn get_or_insert_with(&mut self, dialect: Dialect, make: impl FnOnce() -> T) -> &mut T {
        self.0[dialect as usize].get_or_insert_with(make)
    }
}

impl Transport {
    /// The dialect, if a Centrifugo session is spoken to over it.
    pub(crate) const fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Centrifugo(dialect) => Some(dialect),
            Self::Http
            | Self::PlainWebSocket
            | Self::EventStream
            | Self::LongPoll
            | Self::PublishStream
            | Self::Echo => None,
        }
    }
}

impl Shard {
    /// How replies to a session are written.
    pub(crate) fn encoding(&self, conn: ConnId) -> Encoding {
        let dialect = self.conns.rows[conn.0].transport.dialect();
        debug_assert!(dialect.is_some(), "only Centrifugo sessions have replies and pushes");
        dialect.unwrap_or(Dialect::Json).encoding()
    }

    /// Queues what `write` writes, a reply or a push, as the session's dialect has it. Nothing is queued for a connection
    /// that has no session.
    pub(crate) fn tell(&mut self, conn: ConnId, write: impl FnOnce(Encoding, &mut Vec<u8>)) {
        let Some(dialect) = self.conns.rows[conn.0].transport.dialect() else {
            debug_assert!(false, "only Centrifugo sessions have replies and pushes");
            return;
        };
        let mut written = self.take_scratch();
        write(dialect.encoding(), &mut written);
        self.queue_own(conn, dialect.frame(&written));
        self.scratch = written;
    }
}
