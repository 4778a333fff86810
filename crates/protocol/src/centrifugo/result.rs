//! What the server answers and pushes. The encoders leave out what is zero, empty or false.
use alloc::boxed::Box;

/// A payload, as the client's encoding can say it: [`crate::Encoding::data`] finds out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Data<'a> {
    /// JSON text, checked by [`crate::is_json`]: embedded as it is.
    Json(&'a [u8]),
    /// Any text: becomes a JSON string.
    Text(&'a str),
    /// Any bytes: not for clients of the JSON encoding, which can't say them.
    Bytes(&'a [u8]),
}

/// A client: who published, who is present, who has come or gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientInfo<'a> {
    /// The user's id; empty for anonymous. Written even so.
    pub user: &'a str,
    /// The client's id. Written even if empty.
    pub client: &'a str,
    /// JSON text about the connection, from its token; empty without any.
    pub conn_info: &'a [u8],
    /// JSON text about the subscription, from its token; empty without any.
    pub chan_info: &'a [u8],
}

/// A publication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publication<'a> {
    /// The payload.
    pub data: Data<'a>,
    /// Its offset; 0 without history.
    pub offset: u64,
    /// Who published it, if a client did.
    pub info: Option<ClientInfo<'a>>,
    /// What it is about: key and value.
    pub tags: &'a [(Box<str>, Box<str>)],
    /// The channel it was published to, if that is another than the one subscribed to: a pattern. Else empty.
    pub channel: &'a str,
    /// True if the data is a [delta](crate::fossil) of the publication before.
    pub delta: bool,
    /// The epoch of the channel's first publication (offset 1), by which clients see that offsets have begun anew. Others have none.
    pub epoch: Option<u32>,
    /// The version it was published with; 0 without one.
    pub version: u64,
}

/// To `connect`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectResult<'a> {
    /// The client's id.
    pub client: &'a str,
    /// The server's version.
    pub version: &'a str,
    /// True if the token expires and the client must refresh it in `ttl_s`.
    pub expires: bool,
    /// Seconds until then.
    pub ttl_s: u32,
    /// JSON text for the application; empty without any.
    pub data: &'a [u8],
    /// Seconds between the server's pings; 0: it sends none.
    pub ping_s: u32,
    /// True if the client must answer pings.
    pub pong: bool,
    /// Names the session to who sends commands for it beside the connection; empty where nobody does.
    pub session: &'a str,
    /// Names the server to the same; empty where nobody does.
    pub node: &'a str,
    /// What the server has subscribed the client to. SDKs drop those that they had and that are not here.
    pub subs: &'a [ServerSub<'a>],
}

/// A subscription that the server has made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerSub<'a> {
    /// The channel.
    pub channel: &'a str,
    /// What the client is told of it.
    pub result: SubscribeResult<'a>,
    /// What was recovered, oldest first.
    pub recovered: &'a [Publication<'a>],
}

/// To `refresh` and `sub_refresh`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RefreshResult {
    /// True if the new token expires too.
    pub expires: bool,
    /// Seconds until then.
    pub ttl_s: u32,
}

/// To `subscribe`; recovered publications are handed in beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SubscribeResult<'a> {
    /// True if the token expires and the client must refresh it in `ttl_s`.
    pub expires: bool,
    /// Seconds until then.
    pub ttl_s: u32,
    /// True if the client may recover; only then does it keep its position.
    pub recoverable: bool,
    /// The epoch's text; empty if not positioned.
    pub epoch: &'a str,
    /// True if nothing after the client's position is missing from the publications beside.
    pub recovered: bool,
    /// Where the publications beside begin if recovered (the *request's* offset), else the top.
    pub offset: u64,
    /// True if gaps are detected.
    pub positioned: bool,
    /// JSON text for the application; empty without any.
    pub data: &'a [u8],
    /// True if the client had asked to recover.
    pub was_recovering: bool,
    /// True if publications may be [deltas](crate::fossil); in JSON all their data are strings then.
    pub delta: bool,
}

/// To `history`; the publications are handed in beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistoryResult<'a> {
    /// The epoch's text. Written even if empty.
    pub epoch: &'a str,
    /// The channel's newest offset. Written even if 0.
    pub offset: u64,
}

/// To `presence_stats`. Both are written even if 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PresenceStatsResult {
    /// Clients that are subscribed.
    pub clients: u32,
    /// Users that they belong to.
    pub users: u32,
}
