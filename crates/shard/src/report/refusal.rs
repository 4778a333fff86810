//! Refusals: kinds of them, each a counter.

/// Why something was refused, or a connection closed by the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Refusal {
    /// A request that is not HTTP/1.1, or not to the letter.
    BadRequest,
    /// A request head too large, or with too many fields.
    HeadTooLarge,
    /// A head, or a body, that was not complete in time.
    HeadTooSlow,
    /// An upgrade that RFC 6455 forbids.
    BadUpgrade,
    /// Another WebSocket version than 13.
    UpgradeVersion,
    /// No such path on the data plane, or a method it does not have.
    NotFound,
    /// No key, or a wrong one.
    Unauthorized,
    /// The namespace does not allow it.
    Forbidden,
    /// A subject name too long, empty or not UTF-8; too many of them.
    BadSubject,
    /// A position that is none of ours.
    BadPosition,
    /// A body, frame or message over its bound.
    TooLarge,
    /// A frame that RFC 6455 forbids.
    BadFrame,
    /// Text that is not UTF-8.
    BadText,
    /// A payload that breaks the rules of its dialect.
    BadCommand,
    /// No sign of life after a ping.
    NoPong,
    /// Nothing but pings for too long.
    Idle,
    /// An outbox over its bound under the policy `close`.
    SlowConsumer,
    /// The bound on connections, or the system's memory or descriptors.
    Capacity,
    /// The server is draining.
    Draining,
    /// Another connection has the ClientID, or has taken it.
    Duplicate,
    /// A back end said no, or said nothing of use.
    BackEnd,
    /// More messages than a back end answers.
    Flood,
}

impl Refusal {
    /// All of them, in the order of [`crate::Report::refusals`].
    pub const ALL: [Self; 22] = [
        Self::BadRequest,
        Self::HeadTooLarge,
        Self::HeadTooSlow,
        Self::BadUpgrade,
        Self::UpgradeVersion,
        Self::NotFound,
        Self::Unauthorized,
        Self::Forbidden,
        Self::BadSubject,
        Self::BadPosition,
        Self::TooLarge,
        Self::BadFrame,
        Self::BadText,
        Self::BadCommand,
        Self::NoPong,
        Self::Idle,
        Self::SlowConsumer,
        Self::Capacity,
        Self::Draining,
        Self::Duplicate,
        Self::BackEnd,
        Self::Flood,
    ];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadTooSlow => "head_too_slow",
            Self::BadUpgrade => "bad_upgrade",
            Self::UpgradeVersion => "upgrade_version",
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::BadSubject => "bad_subject",
            Self::BadPosition => "bad_position",
            Self::TooLarge => "too_large",
            Self::BadFrame => "bad_frame",
            Self::BadText => "bad_text",
            Self::BadCommand => "bad_command",
            Self::NoPong => "no_pong",
            Self::Idle => "idle",
            Self::SlowConsumer => "slow_consumer",
            Self::Capacity => "capacity",
            Self::Draining => "draining",
            Self::Duplicate => "duplicate",
            Self::BackEnd => "back_end",
            Self::Flood => "flood",
        }
    }
}
