//! What a connection speaks.
use crate::centrifugo::Dialect;

/// Kinds of connection, by what they speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// Head not complete yet, or an HTTP connection between two requests.
    Http,
    /// `GET /sub/…` upgraded.
    PlainWebSocket,
    /// `GET /sub/…` with `Accept: text/event-stream`.
    EventStream,
    /// `GET /sub/…` otherwise.
    LongPoll,
    /// `GET /pub` upgraded.
    PublishStream,
    /// `/echo`.
    Echo,
    /// A WebSocket whose life is a back end's.
    Hook,
    /// A Centrifugo session.
    Centrifugo(Dialect),
}

impl Transport {
    /// All of them, in the order of [`crate::Report::connections`].
    pub const ALL: [Self; 15] = [
        Self::Http,
        Self::PlainWebSocket,
        Self::EventStream,
        Self::LongPoll,
        Self::PublishStream,
        Self::Echo,
        Self::Hook,
        Self::Centrifugo(Dialect::Json),
        Self::Centrifugo(Dialect::Protobuf),
        Self::Centrifugo(Dialect::JsonEvents),
        Self::Centrifugo(Dialect::JsonLines),
        Self::Centrifugo(Dialect::ProtobufStream),
        Self::Centrifugo(Dialect::UniJson),
        Self::Centrifugo(Dialect::UniEvents),
        Self::Centrifugo(Dialect::UniLines),
    ];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::PlainWebSocket => "websocket",
            Self::EventStream => "sse",
            Self::LongPoll => "long_poll",
            Self::PublishStream => "publish_stream",
            Self::Echo => "echo",
            Self::Hook => "ws2api",
            Self::Centrifugo(dialect) => dialect.name(),
        }
    }

    /// Its place in [`Transport::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Http => 0,
            Self::PlainWebSocket => 1,
            Self::EventStream => 2,
            Self::LongPoll => 3,
            Self::PublishStream => 4,
            Self::Echo => 5,
            Self::Hook => 6,
            Self::Centrifugo(dialect) => 7 + dialect as usize,
        }
    }
}

impl Transport {
    /// True if frames go over it.
    pub(crate) const fn is_websocket(self) -> bool {
        match self {
            Self::PlainWebSocket | Self::PublishStream | Self::Echo | Self::Hook => true,
            Self::Http | Self::EventStream | Self::LongPoll => false,
            Self::Centrifugo(dialect) => dialect.is_websocket(),
        }
    }

    /// True if the client says nothing but who it is, and is told pushes alone.
    pub(crate) fn is_uni(self) -> bool {
        self.dialect().is_some_and(Dialect::is_uni)
    }

    /// The dialect, if a Centrifugo session is spoken to over it.
    pub(crate) const fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Centrifugo(dialect) => Some(dialect),
            Self::Http
            | Self::PlainWebSocket
            | Self::EventStream
            | Self::LongPoll
            | Self::PublishStream
            | Self::Echo
            | Self::Hook => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_counted_in_their_places() {
        for (at, transport) in Transport::ALL.into_iter().enumerate() {
            assert_eq!(transport.index(), at);
        }
        for (at, dialect) in Dialect::ALL.into_iter().enumerate() {
            assert_eq!((dialect as usize, Transport::ALL[7 + at]), (at, Transport::Centrifugo(dialect)));
        }
        assert_eq!(Transport::ALL.len(), 7 + Dialect::ALL.len());
    }
}
