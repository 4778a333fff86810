//! What a shard is told at its start. Plain data, checked by who reads it; the ranges are in docs/OPERATING.md.
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use base::units::{GIB, KIB, MIB};
use base::{ShardId, SubjectKey};
use hub::{Namespace, Naming, OutboxPolicy};

use crate::admission::{Gate, Rates, Roster, TimeOfDay};
use crate::centrifugo::Endpoints;
use crate::client::{Blocks, Tokens};
use crate::hook::Hook;
use crate::proxy::Proxies;

/// Everything a shard is told.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Which one it is.
    pub shard: ShardId,
    /// How many there are, 1 to [`ShardId::COUNT_MAX`].
    pub shards: u16,
    /// Seeds everything that is random; from the operating system, different for each shard.
    pub seed: u64,
    /// Decides who owns a subject; from the operating system, the same for all shards.
    pub key: SubjectKey,
    /// Everything is open: publish and subscribe without keys, and `/echo`.
    pub dev: bool,
    /// Whether a Centrifugo client may connect without a token.
    pub anonymous: bool,
    /// Which of Centrifugo's transports are served, and to whose pages.
    pub endpoints: Endpoints,
    /// What else is permitted to clients, whatever their namespaces say.
    pub admission: Admission,
    /// Who verifies the tokens of Centrifugo clients.
    pub tokens: Tokens,
    /// Keys that may publish.
    pub api_keys: Vec<String>,
    /// Options by subject; the first that fits holds. A subject that none fits can't be subscribed to or published to
    /// without a key.
    pub namespaces: Vec<Namespace>,
    /// Bounds.
    pub limits: Limits,
    /// Signs of life.
    pub heartbeat: Heartbeat,
    /// What waits for slow readers.
    pub outbox: Outbox,
    /// Compressed messages.
    pub compression: Compression,
    /// Prefixes whose WebSockets are a back end's; fixed while the shard runs.
    pub hooks: Arc<[Hook]>,
    /// Who is asked about Centrifugo clients; fixed while the shard runs.
    pub proxies: Arc<Proxies>,
}

/// What is permitted to clients whatever their namespaces say, and how the names of channels are read.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Connecting without a token, and subscribing, publishing and reading in every namespace that there is; private channels still want
    /// their token. For development.
    pub insecure: bool,
    /// Whether a connection token may be without a user.
    pub anonymous_tokens: bool,
    /// Publishing over HTTP wants no key.
    pub open_api: bool,
    /// Longest name of a channel that a client may subscribe to, in bytes; [`base::SUBJECT_BYTES_MAX`] at most.
    pub channel_bytes_max: usize,
    /// The header field in which whoever is in front of the server says who the user is, in lower case; empty: none. It counts for a client without
    /// a token where one is wanted.
    pub user_field: Box<str>,
    /// What all shards of the server count together; other settings leave it as it is.
    pub gate: Arc<Gate>,
    /// Who is kept out; `None`: nobody.
    pub blocks: Option<Arc<dyn Blocks>>,
    /// How often clients may say what.
    pub rates: Rates,
    /// Counts each user's connections, whatever the settings say later; `None`: nobody counts them.
    pub roster: Option<Arc<dyn Roster>>,
    /// Tells connecting clients the time of day; `None`: they are not told.
    pub time: Option<Arc<dyn TimeOfDay>>,
    /// The marks in names of channels.
    pub naming: Arc<Naming>,
    /// The channel that each user has and is subscribed to; `None`: none.
    pub personal: Option<Personal>,
}

/// The channel that each user has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Personal {
    /// What comes before the user's name in the channel's.
    pub prefix: Arc<str>,
    /// Whether a user has one connection only: a new one ends the others.
    pub single_connection: bool,
}

/// Bounds on what one peer may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest request head in bytes.
    pub head_bytes: usize,
    /// How long a request's head, or its body, may take to arrive.
    pub head_timeout: Duration,
    /// How long a Centrifugo client may take from its handshake to the end of its `connect`.
    pub connect_timeout: Duration,
    /// How long a kept-alive HTTP connection may be quiet.
    pub keep_alive: Duration,
    /// Largest message of a Centrifugo client in bytes; its frames are bounded by it too.
    pub command_bytes: usize,
    /// Largest WebSocket frame of anybody else in bytes.
    pub frame_bytes: usize,
    /// Largest WebSocket message of anybody else in bytes.
    pub message_bytes: usize,
    /// Largest published payload in bytes, by whatever transport.
    pub payload_bytes: usize,
    /// Most connections of Centrifugo clients to all shards together; 0: any number.
    pub sessions: u64,
    /// Most of them that come in a second; 0: any number.
    pub sessions_per_second: u64,
    /// Most connections of one user to all shards together, where they are counted; 0: any number.
    pub user_connections: u32,
    /// Most subscriptions of one connection.
    pub subscriptions_per_connection: usize,
    /// Most publications that one recovery brings; more is a gap.
    pub recovery_publications: u32,
    /// Most publications that one `history` of a client brings.
    pub history_publications: u32,
    /// Most subscriptions on one shard, and most clients in all, that one answer about a subject's presence is made of.
    pub presence_clients: usize,
    /// Comings and goings that subscribers of one subject are told of in a second; the others are not told.
    pub join_leave_per_second: u32,
    /// Longest time a long poll may ask to wait.
    pub poll_timeout: Duration,
    /// Most bytes of all histories of this shard.
    pub history_bytes: usize,
    /// So many connections with publications waiting are flushed in one turn, and the others in the next ones: 2,048 sends are
    /// some 10 ms. At least 1.
    pub flushes_per_turn: usize,
}

/// Signs of life.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// Time between pings; zero: none. The first one comes at a random time in the second half of the interval.
    pub ping_interval: Duration,
    /// How long a peer has to show a sign of life after a ping.
    pub pong_timeout: Duration,
    /// A WebSocket over which no message has gone either way for so long is closed; zero: never.
    pub idle_close: Duration,
}

/// What waits for a reader that is slower than its subjects.
#[derive(Clone, Copy, Debug)]
pub struct Outbox {
    /// Most bytes that wait for one connection.
    pub bytes: usize,
    /// What happens beyond.
    pub policy: OutboxPolicy,
}

/// Compressed messages of WebSockets: permessage-deflate.
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    /// Whether it is agreed to with clients that offer it. In development `/echo` always does.
    pub enabled: bool,
    /// The same for the unidirectional WebSocket.
    pub uni_enabled: bool,
    /// How hard to try: from 1, the fastest, to 9.
    pub level: u8,
    /// Messages of so many bytes or fewer are sent as they are.
    pub payload_bytes: usize,
    /// Largest compressed message of a Centrifugo client in bytes, as it is when it has been read; as it comes it is bounded as any other.
    pub command_bytes: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Self { enabled: false, uni_enabled: false, level: 1, payload_bytes: 0, command_bytes: 640 * KIB }
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            insecure: false,
            anonymous_tokens: true,
            open_api: false,
            channel_bytes_max: base::SUBJECT_BYTES_MAX,
            user_field: Box::default(),
            gate: Arc::default(),
            blocks: None,
            rates: Rates::default(),
            roster: None,
            time: None,
            naming: Arc::default(),
            personal: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 16 * KIB,
            head_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            command_bytes: 64 * KIB,
            frame_bytes: MIB,
            message_bytes: MIB,
            payload_bytes: MIB,
            sessions: 0,
            sessions_per_second: 0,
            user_connections: 0,
            subscriptions_per_connection: 128,
            recovery_publications: 300,
            history_publications: 300,
            presence_clients: 32_768,
            join_leave_per_second: 100,
            poll_timeout: Duration::from_secs(120),
            history_bytes: GIB,
            flushes_per_turn: 2_048,
        }
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(8),
            idle_close: Duration::ZERO,
        }
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self { bytes: MIB, policy: OutboxPolicy::Close }
    }
}
