//! What a client may ask.
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::filter::FilterNode;

/// One command of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command<'a> {
    /// Echoed in the reply. 0 in a pong and in `send`, which get none.
    pub id: u32,
    /// What it asks.
    pub request: Request<'a>,
}

/// What the client of a stream sends beside it: commands for its session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Uplink<'a> {
    /// Names the session, as its connect result did.
    pub session: Cow<'a, str>,
    /// Names the server.
    pub node: Cow<'a, str>,
    /// One message in the session's encoding.
    pub commands: Cow<'a, [u8]>,
}

/// What a command asks. `Rpc` is answered with error 108.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    /// Id 0 and no `send`: the answer to a ping.
    Pong,
    /// Introduce oneself. Must come first.
    Connect(Connect<'a>),
    /// Not usable in this protocol version: answered by disconnect 3501.
    Ping,
    /// Listen to a channel.
    Subscribe(Subscribe<'a>),
    /// Stop listening.
    Unsubscribe(Unsubscribe<'a>),
    /// Publish.
    Publish(Publish<'a>),
    /// Who listens.
    Presence(Presence<'a>),
    /// How many listen.
    PresenceStats(PresenceStats<'a>),
    /// What was published.
    History(History<'a>),
    /// Call the backend.
    Rpc(Rpc<'a>),
    /// Tell the backend something; no reply.
    Send(Send<'a>),
    /// A new connection token.
    Refresh(Refresh<'a>),
    /// A new subscription token.
    SubRefresh(SubRefresh<'a>),
    /// An id but no request that is known: answered by disconnect 3501.
    Empty,
}

/// `connect`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Connect<'a> {
    /// Connection token; empty without one.
    pub token: Cow<'a, str>,
    /// For the backend: encoded as the connection's encoding has it (JSON: JSON text); empty without any.
    pub data: Cow<'a, [u8]>,
    /// The client's name, such as `js`.
    pub name: Cow<'a, str>,
    /// The client's version.
    pub version: Cow<'a, str>,
    /// Channels that the server shall subscribe the client to, and where the client stands in those that it was subscribed to before.
    pub subs: Vec<Subscribe<'a>>,
    /// What a browser can't say in its request's header: fields by name, in their order, in whatever case.
    pub headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// `subscribe`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subscribe<'a> {
    /// The channel; empty is a bad request.
    pub channel: Cow<'a, str>,
    /// Subscription token; empty without one.
    pub token: Cow<'a, str>,
    /// Send what was published after `offset` of `epoch`.
    pub recover: bool,
    /// The epoch as it was given to the client; empty matches any.
    pub epoch: Cow<'a, str>,
    /// The last offset the client has seen.
    pub offset: u64,
    /// For the backend; empty without any.
    pub data: Cow<'a, [u8]>,
    /// Asks for gap detection.
    pub positioned: bool,
    /// Asks to be allowed to recover.
    pub recoverable: bool,
    /// Asks for joins and leaves.
    pub join_leave: bool,
    /// Asks for deltas of this kind; the one known is `fossil`, another is a bad request. Empty: none.
    pub delta: Cow<'a, str>,
    /// Which publications are wanted; `None`: all.
    pub filter: Option<Box<FilterNode>>,
    /// Bit 0: takes channel ids; bit 1: an error rather than an unrecovered subscription.
    pub flag: i64,
    /// 0 for a stream; maps and shared polls are not served.
    pub kind: i32,
}

/// `unsubscribe`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unsubscribe<'a> {
    /// The channel; empty is a bad request.
    pub channel: Cow<'a, str>,
}

/// `publish`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Publish<'a> {
    /// The channel; empty is a bad request.
    pub channel: Cow<'a, str>,
    /// The payload, encoded as the connection's encoding has it (JSON: JSON text); empty if there was none or `null`.
    pub data: Cow<'a, [u8]>,
}

/// `presence`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Presence<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
}

/// `presence_stats`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PresenceStats<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
}

/// `history`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
    /// Most publications; 0: only the position; negative: all.
    pub limit: i32,
    /// Only what is after it (before it, if reversed).
    pub since: Option<Since<'a>>,
    /// Newest first.
    pub reverse: bool,
}

/// A position as a client names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Since<'a> {
    /// The offset.
    pub offset: u64,
    /// The epoch's text; empty matches any.
    pub epoch: Cow<'a, str>,
}

/// `rpc`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rpc<'a> {
    /// The method; may be empty.
    pub method: Cow<'a, str>,
    /// The argument; empty without any.
    pub data: Cow<'a, [u8]>,
}

/// `send`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Send<'a> {
    /// The message; empty without any.
    pub data: Cow<'a, [u8]>,
}

/// `refresh`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Refresh<'a> {
    /// The new token.
    pub token: Cow<'a, str>,
}

/// `sub_refresh`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SubRefresh<'a> {
    /// The channel.
    pub channel: Cow<'a, str>,
    /// The new token.
    pub token: Cow<'a, str>,
}
