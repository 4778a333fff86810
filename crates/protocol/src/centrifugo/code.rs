//! Numbers that clients act upon: errors in replies, disconnects, unsubscribes.

/// An error in a reply. SDKs try again if it is temporary or 109; else the connection or subscription ends for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ErrorCode {
    /// Our fault; temporary.
    Internal = 100,
    /// No credentials.
    Unauthorized = 101,
    /// No such namespace.
    UnknownChannel = 102,
    /// Not allowed.
    PermissionDenied = 103,
    /// No such RPC method.
    MethodNotFound = 104,
    /// Subscribed, or about to be.
    AlreadySubscribed = 105,
    /// Too many subscriptions.
    LimitExceeded = 106,
    /// Wrong name, data or argument.
    BadRequest = 107,
    /// Not served here.
    NotAvailable = 108,
    /// The token was good once; SDKs fetch a new one.
    TokenExpired = 109,
    /// An expiry in the past.
    Expired = 110,
    /// Overload; temporary.
    TooManyRequests = 111,
    /// The position can't be resumed.
    UnrecoverablePosition = 112,
    /// Maps only; temporary.
    ConcurrentPagination = 113,
}

impl ErrorCode {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The words beside the number; the reference server's, as clients show them.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Internal => "internal server error",
            Self::Unauthorized => "unauthorized",
            Self::UnknownChannel => "unknown channel",
            Self::PermissionDenied => "permission denied",
            Self::MethodNotFound => "method not found",
            Self::AlreadySubscribed => "already subscribed",
            Self::LimitExceeded => "limit exceeded",
            Self::BadRequest => "bad request",
            Self::NotAvailable => "not available",
            Self::TokenExpired => "token expired",
            Self::Expired => "expired",
            Self::TooManyRequests => "too many requests",
            Self::UnrecoverablePosition => "unrecoverable position",
            Self::ConcurrentPagination => "concurrent pagination",
        }
    }

    /// True if the client shall try again.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Internal | Self::TooManyRequests | Self::ConcurrentPagination)
    }
}

/// Why the server closes a connection: the close frame's code and reason. The reason is neither empty nor JSON, or
/// centrifuge-js would not look at the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Disconnect {
    /// The client went away; nothing is sent.
    ConnectionClosed = 3_000,
    /// The server is draining.
    Shutdown = 3_001,
    /// Our fault.
    InternalServerError = 3_004,
    /// The token's time is over.
    ConnectionExpired = 3_005,
    /// A server-side subscription's time is over.
    SubscriptionExpired = 3_006,
    /// The outbox is over its bound.
    Slow = 3_008,
    /// The socket took nothing in time.
    WriteError = 3_009,
    /// A gap on a server-side subscription.
    InsufficientState = 3_010,
    /// On the API's wish.
    ForceReconnect = 3_011,
    /// No answer to a ping.
    NoPong = 3_012,
    /// Overload.
    TooManyRequests = 3_013,
    /// What the client has cached is void.
    StateInvalidated = 3_014,
    /// The token is none of ours.
    InvalidToken = 3_500,
    /// Not this protocol.
    BadRequest = 3_501,
    /// Not connected in time.
    Stale = 3_502,
    /// On the API's wish.
    ForceDisconnect = 3_503,
    /// Too many connections of the user.
    ConnectionLimit = 3_504,
    /// Too many server-side subscriptions.
    ChannelLimit = 3_505,
    /// A binary publication for a client of the JSON encoding.
    InappropriateProtocol = 3_506,
    /// Not allowed.
    PermissionDenied = 3_507,
    /// Not served here.
    NotAvailable = 3_508,
    /// Too many errors.
    TooManyErrors = 3_509,
}

impl Disconnect {
    /// All of them, by their codes.
    pub const ALL: [Self; 22] = [
        Self::ConnectionClosed,
        Self::Shutdown,
        Self::InternalServerError,
        Self::ConnectionExpired,
        Self::SubscriptionExpired,
        Self::Slow,
        Self::WriteError,
        Self::InsufficientState,
        Self::ForceReconnect,
        Self::NoPong,
        Self::TooManyRequests,
        Self::StateInvalidated,
        Self::InvalidToken,
        Self::BadRequest,
        Self::Stale,
        Self::ForceDisconnect,
        Self::ConnectionLimit,
        Self::ChannelLimit,
        Self::InappropriateProtocol,
        Self::PermissionDenied,
        Self::NotAvailable,
        Self::TooManyErrors,
    ];

    /// The one with that code.
    #[must_use]
    pub fn of(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The reason on the wire; the reference server's words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ConnectionClosed => "connection closed",
            Self::Shutdown => "shutdown",
            Self::InternalServerError => "internal server error",
            Self::ConnectionExpired => "connection expired",
            Self::SubscriptionExpired => "subscription expired",
            Self::Slow => "slow",
            Self::WriteError => "write error",
            Self::InsufficientState => "insufficient state",
            Self::ForceReconnect => "force reconnect",
            Self::NoPong => "no pong",
            Self::TooManyRequests => "too many requests",
            Self::StateInvalidated => "state invalidated",
            Self::InvalidToken => "invalid token",
            Self::BadRequest => "bad request",
            Self::Stale => "stale",
            Self::ForceDisconnect => "force disconnect",
            Self::ConnectionLimit => "connection limit",
            Self::ChannelLimit => "channel limit",
            Self::InappropriateProtocol => "inappropriate protocol",
            Self::PermissionDenied => "permission denied",
            Self::NotAvailable => "not available",
            Self::TooManyErrors => "too many errors",
        }
    }

    /// True if the SDKs come back by themselves: all but 3500-3999 (and 4500-4999, for applications).
    #[must_use]
    pub const fn reconnects(self) -> bool {
        self.code() < 3_500
    }
}

/// Why the server ends a subscription. From 2500 on the SDKs subscribe again at once, from their position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum UnsubscribeCode {
    /// On the server's wish.
    Server = 2_000,
    /// A gap: the client must recover.
    InsufficientState = 2_500,
    /// The subscription token's time is over.
    Expired = 2_501,
    /// What the client has cached is void.
    StateInvalidated = 2_502,
}

impl UnsubscribeCode {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The reason on the wire; the reference server's words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Server => "server unsubscribe",
            Self::InsufficientState => "insufficient state",
            Self::Expired => "subscription expired",
            Self::StateInvalidated => "state invalidated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_codes_end_the_connection_for_good() {
        assert!(Disconnect::Shutdown.reconnects() && Disconnect::NoPong.reconnects());
        assert!(!Disconnect::BadRequest.reconnects() && !Disconnect::TooManyErrors.reconnects());
        assert_eq!((Disconnect::StateInvalidated.code(), UnsubscribeCode::StateInvalidated.code()), (3_014, 2_502));
        assert_eq!((ErrorCode::Internal.code(), ErrorCode::ConcurrentPagination.code()), (100, 113));
    }
}
