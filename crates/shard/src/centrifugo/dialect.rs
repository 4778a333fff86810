//! How Centrifugo sessions are spoken to: in an encoding, over a framing. The only place that knows which has which.
use alloc::vec::Vec;

use base::ConnId;
use protocol::Encoding;
use wire::frame::Opcode;
use wire::sse;

use super::uni::bare;
use crate::border::Frame;
use crate::encode::message;
use crate::send::chunk;
use crate::shard::Shard;

/// A Centrifugo dialect. One more is a value here and a line in each function below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Dialect {
    /// JSON over a WebSocket.
    Json,
    /// Protobuf over a WebSocket.
    Protobuf,
    /// JSON in an event stream.
    JsonEvents,
    /// JSON in a response without an end, a line each.
    JsonLines,
    /// Protobuf in a response without an end.
    ProtobufStream,
    /// Pushes in JSON over a WebSocket.
    UniJson,
    /// Pushes in JSON in an event stream.
    UniEvents,
    /// Pushes in JSON in a response without an end, a line each.
    UniLines,
}

impl Dialect {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Json,
        Self::Protobuf,
        Self::JsonEvents,
        Self::JsonLines,
        Self::ProtobufStream,
        Self::UniJson,
        Self::UniEvents,
        Self::UniLines,
    ];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "centrifugo_json",
            Self::Protobuf => "centrifugo_protobuf",
            Self::JsonEvents => "centrifugo_sse",
            Self::JsonLines => "centrifugo_http_stream",
            Self::ProtobufStream => "centrifugo_http_stream_protobuf",
            Self::UniJson => "centrifugo_uni_websocket",
            Self::UniEvents => "centrifugo_uni_sse",
            Self::UniLines => "centrifugo_uni_http_stream",
        }
    }

    /// How its messages are written.
    pub(crate) const fn encoding(self) -> Encoding {
        match self {
            Self::Json | Self::JsonEvents | Self::JsonLines | Self::UniJson | Self::UniEvents | Self::UniLines => {
                Encoding::Json
            }
            Self::Protobuf | Self::ProtobufStream => Encoding::Protobuf,
        }
    }

    /// One encoded reply or push as finished bytes.
    pub(crate) fn frame(self, written: &[u8]) -> Frame {
        match self {
            Self::Json => message(Opcode::Text, written),
            Self::Protobuf => message(Opcode::Binary, written),
            Self::JsonEvents => event(written),
            Self::JsonLines => chunk(&[written, b"\n"]),
            Self::UniJson => message(Opcode::Text, bare(written)),
            Self::UniEvents => event(bare(written)),
            Self::UniLines => chunk(&[bare(written), b"\n"]),
            // Each message is behind its length already.
            Self::ProtobufStream => chunk(&[written]),
        }
    }

    /// True if it is spoken over a WebSocket, false if over a response without an end.
    pub(crate) const fn is_websocket(self) -> bool {
        match self {
            Self::Json | Self::Protobuf | Self::UniJson => true,
            Self::JsonEvents | Self::JsonLines | Self::ProtobufStream | Self::UniEvents | Self::UniLines => false,
        }
    }

    /// True if it is spoken over an event stream.
    pub(crate) const fn is_event_stream(self) -> bool {
        match self {
            Self::JsonEvents | Self::UniEvents => true,
            Self::Json | Self::Protobuf | Self::JsonLines | Self::ProtobufStream | Self::UniJson | Self::UniLines => {
                false
            }
        }
    }

    /// True if what the client says comes beside the connection.
    pub(crate) const fn has_uplink(self) -> bool {
        match self {
            Self::JsonEvents | Self::JsonLines | Self::ProtobufStream => true,
            Self::Json | Self::Protobuf | Self::UniJson | Self::UniEvents | Self::UniLines => false,
        }
    }

    /// True if the client says nothing but who it is, and is told pushes alone.
    pub(crate) const fn is_uni(self) -> bool {
        match self {
            Self::UniJson | Self::UniEvents | Self::UniLines => true,
            Self::Json | Self::Protobuf | Self::JsonEvents | Self::JsonLines | Self::ProtobufStream => false,
        }
    }
}

fn event(written: &[u8]) -> Frame {
    let mut event = Vec::with_capacity(written.len() + 8);
    sse::write_event(&mut event, None, None, Some(written));
    chunk(&[&event])
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

impl Shard {
    /// How replies to a session are written.
    pub(crate) fn encoding(&self, conn: ConnId) -> Encoding {
        let dialect = self.conns[conn].transport.dialect();
        debug_assert!(dialect.is_some(), "only Centrifugo sessions have replies and pushes");
        dialect.unwrap_or(Dialect::Json).encoding()
    }

    /// Queues what `write` writes, a reply or a push, as the session's dialect has it. Nothing is queued for a connection
    /// that has no session.
    pub(crate) fn tell(&mut self, conn: ConnId, write: impl FnOnce(Encoding, &mut Vec<u8>)) {
        let Some(dialect) = self.conns[conn].transport.dialect() else {
            debug_assert!(false, "only Centrifugo sessions have replies and pushes");
            return;
        };
        let mut written = self.take_scratch();
        write(dialect.encoding(), &mut written);
        self.queue_own(conn, dialect.frame(&written));
        self.give_scratch_back(written);
    }
}
