//! Centrifugo's encodings behind one name. Whatever a codec can read or write has one line here and one function in each
//! codec; who talks to a client names neither.
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use crate::centrifugo::{
    ClientInfo, Command, ConnectResult, Data, ErrorCode, HistoryResult, PresenceStatsResult, Publication,
    RefreshResult, SubscribeResult, UnsubscribeCode, Uplink,
};
use crate::centrifugo_json as json;
use crate::centrifugo_protobuf as protobuf;
use crate::fossil::Cut;
use crate::json::{is_json, write_text};

/// How messages are written. What separates one from the next on the wire is not said here: that is the transport's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// JSON: replies, and pushes in replies.
    Json,
    /// Protobuf: replies, and pushes in replies, each behind its length.
    Protobuf,
}

/// A method of [`Encoding`] for each function that all codecs have.
macro_rules! writers {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),*);)*) => {
        impl Encoding {
            $($(#[$doc])*
            pub fn $name(self, out: &mut Vec<u8>, $($argument: $kind),*) {
                match self {
                    Self::Json => json::$name(out, $($argument),*),
                    Self::Protobuf => protobuf::$name(out, $($argument),*),
                }
            })*
        }
    };
}

writers! {
    /// Appends the reply to `connect`.
    fn reply_connect(id: u32, result: &ConnectResult<'_>);
    /// Appends the reply to `subscribe`, with what was recovered, oldest first.
    fn reply_subscribe(id: u32, result: &SubscribeResult<'_>, recovered: &[Publication<'_>]);
    /// Appends the reply to `history`.
    fn reply_history(id: u32, result: &HistoryResult<'_>, publications: &[Publication<'_>]);
    /// Appends the reply to `presence`.
    fn reply_presence(id: u32, clients: &[ClientInfo<'_>]);
    /// Appends the reply to `presence_stats`.
    fn reply_presence_stats(id: u32, result: &PresenceStatsResult);
    /// Appends the reply to `unsubscribe`.
    fn reply_unsubscribe(id: u32);
    /// Appends the reply to `publish`.
    fn reply_publish(id: u32);
    /// Appends the reply to `refresh`.
    fn reply_refresh(id: u32, result: &RefreshResult);
    /// Appends the reply to `sub_refresh`.
    fn reply_sub_refresh(id: u32, result: &RefreshResult);
    /// Appends an error in reply to any command.
    fn reply_error(id: u32, code: ErrorCode);
    /// Appends an error that somebody else made.
    fn reply_told_error(id: u32, code: u32, message: &str, temporary: bool);
    /// Appends the reply to `rpc`: JSON text, for the JSON encoding.
    fn reply_rpc(id: u32, data: &[u8]);
    /// Appends a publication of `channel`.
    fn push_publication(channel: &str, publication: &Publication<'_>);
    /// Appends that `client` has subscribed to `channel`.
    fn push_join(channel: &str, client: &ClientInfo<'_>);
    /// Appends that it has left.
    fn push_leave(channel: &str, client: &ClientInfo<'_>);
    /// Appends the end of the subscription to `channel`.
    fn push_unsubscribe(channel: &str, code: UnsubscribeCode);
    /// Appends that the server has subscribed the client to `channel`.
    fn push_subscribe(channel: &str, result: &SubscribeResult<'_>);
    /// Appends until when the session lasts from now on.
    fn push_refresh(result: &RefreshResult);
    /// Appends a disconnect, for transports without a close frame.
    fn push_disconnect(code: u16, reason: &str);
}

impl Encoding {
    /// A ping: an empty reply.
    #[must_use]
    pub const fn ping(self) -> &'static [u8] {
        match self {
            Self::Json => json::PING,
            Self::Protobuf => protobuf::PING,
        }
    }

    /// The commands of `message`, in order.
    #[must_use]
    pub fn commands(self, message: &[u8]) -> Commands<'_> {
        match self {
            Self::Json => Commands::Json(json::commands(message)),
            Self::Protobuf => Commands::Protobuf(protobuf::commands(message)),
        }
    }

    /// What the client of a stream sends beside it: the body of a `POST /emulation`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn uplink(self, body: &[u8]) -> Result<Uplink<'_>, DecodeError> {
        match self {
            Self::Json => json::uplink(body).map_err(DecodeError::Json),
            Self::Protobuf => protobuf::uplink(body).map_err(DecodeError::Protobuf),
        }
    }

    /// How a payload is said; `None` if it can't be. In JSON, JSON goes as it is, and other text (`is_text`: somebody has
    /// called it so) becomes a string.
    #[must_use]
    pub fn data(self, payload: &[u8], is_text: bool) -> Option<Data<'_>> {
        match self {
            Self::Protobuf => Some(Data::Bytes(payload)),
            Self::Json if is_json(payload) => Some(Data::Json(payload)),
            Self::Json if is_text => core::str::from_utf8(payload).ok().map(Data::Text),
            Self::Json => None,
        }
    }

    /// What a client with deltas has of a payload, and is told the next delta of: in JSON the JSON text; `None` if it can't be said.
    #[must_use]
    pub fn base(self, payload: &[u8], is_text: bool) -> Option<Cow<'_, [u8]>> {
        match self.data(payload, is_text)? {
            Data::Bytes(payload) | Data::Json(payload) => Some(Cow::Borrowed(payload)),
            Data::Text(text) => {
                let mut written = Vec::with_capacity(text.len() + 2);
                write_text(&mut written, text);
                Some(Cow::Owned(written))
            }
        }
    }

    /// How a client with deltas is told such a payload, or a delta of it. In JSON every one of its data is a string; `None` if it can't be
    /// one.
    #[must_use]
    pub fn delta_data(self, bytes: &[u8]) -> Option<Data<'_>> {
        match self {
            Self::Protobuf => Some(Data::Bytes(bytes)),
            Self::Json => core::str::from_utf8(bytes).ok().map(Data::Text),
        }
    }

    /// Where a delta may be cut so that it can be told.
    #[must_use]
    pub const fn cut(self) -> Cut {
        match self {
            Self::Protobuf => Cut::Anywhere,
            Self::Json => Cut::BetweenCharacters,
        }
    }
}

/// The commands of one message. After an error there are no more.
#[derive(Clone, Debug)]
pub enum Commands<'a> {
    /// In JSON.
    Json(json::Commands<'a>),
    /// In Protobuf.
    Protobuf(protobuf::Commands<'a>),
}

impl<'a> Commands<'a> {
    /// What comes after the commands so far, to be given to [`Encoding::commands`] later; empty after the last one.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        match self {
            Self::Json(commands) => commands.rest(),
            Self::Protobuf(commands) => commands.rest(),
        }
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Json(commands) => commands.next().map(|command| command.map_err(DecodeError::Json)),
            Self::Protobuf(commands) => commands.next().map(|command| command.map_err(DecodeError::Protobuf)),
        }
    }
}

/// What is wrong with a message; all are answered by disconnect 3501.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// In JSON.
    Json(json::DecodeError),
    /// In Protobuf.
    Protobuf(protobuf::DecodeError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(out),
            Self::Protobuf(error) => error.fmt(out),
        }
    }
}

impl core::error::Error for DecodeError {}
