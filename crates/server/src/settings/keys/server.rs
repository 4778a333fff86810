//! Where the server listens, and Ringcast's own sections.
use base::ShardId;
use base::units::{GIB, KIB, MIB};

use crate::settings::key::{DAY_MS, Key, Kind};

/// A descriptor is a connection's number, and numbers go to 2^31; the kernel's own limit (`fs.nr_open`) comes first.
const CONNECTIONS_MAX: u64 = 1 << 30;

/// A key can be guessed at the rate of the HTTP API, so it has to be long.
const KEY_LENGTH_MIN: usize = 16;

const WEBSOCKET_BYTES: (u64, u64) = (125, 256 * MIB as u64);

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "http_server.address",
        Kind::Address,
        "",
        "where to listen; empty: everywhere (IPv4), with `--dev` at 127.0.0.1",
    ),
    Key::number("http_server.port", "8000", (0, 65_535), "where to listen; 0: a free port, which is printed"),
    Key::missing(
        "http_server.internal_address",
        "there is one port for everything; keep /api and /metrics from the outside at the proxy",
    ),
    Key::missing(
        "http_server.internal_port",
        "there is one port for everything; keep /api and /metrics from the outside at the proxy",
    ),
    Key::missing("http_server.tls", "TLS ends at a proxy before the server"),
    Key::missing("http_server.tls_external", "TLS ends at a proxy before the server"),
    Key::missing("http_server.internal_tls", "TLS ends at a proxy before the server"),
    Key::same("server.address", "http_server.address"),
    Key::same("server.port", "http_server.port"),
    Key::number("server.shards", "0", (0, ShardId::COUNT_MAX as u64), "0: one for each core"),
    Key::number(
        "server.backlog",
        "4096",
        (1, u16::MAX as u64),
        "connections that may wait to be accepted, at each shard; at most `net.core.somaxconn`",
    ),
    Key::number(
        "server.connections_max",
        "1073741824",
        (1, CONNECTIONS_MAX),
        "most connections of one shard; more are reset",
    ),
    Key::flag(
        "server.huge_pages",
        "whether memory may be backed by huge pages: faster beyond a million connections, tens of megabytes more before",
    ),
    Key::new(
        "api.keys",
        Kind::Secrets { length_min: KEY_LENGTH_MIN },
        "",
        "keys for `POST /pub`, `GET /pub` and `/api`, as `X-API-Key` or `Authorization: apikey KEY`; `http_api.key` is one more",
    ),
    Key::text(
        "bans.file",
        "where `/api/block_user`, `/api/revoke_token` and `/api/invalidate_user_tokens` are kept for the next start; empty: nowhere",
    ),
    Key::number(
        "bans.count_max",
        "100000",
        (1, 10_000_000),
        "blocked users, revoked tokens and users with invalidated tokens, all together; more are refused",
    ),
    Key::number("limits.head_bytes", "16384", (512, shard::limits::HEAD_BYTES_MAX as u64), "a request's head"),
    Key::millis("limits.head_timeout_ms", "10000", (100, DAY_MS), "until a head, or a body, is complete"),
    Key::millis("limits.keep_alive_ms", "75000", (100, DAY_MS), "a quiet HTTP connection between two requests"),
    Key::number(
        "limits.frame_bytes",
        "1048576",
        WEBSOCKET_BYTES,
        "a WebSocket frame from a plain client; for Centrifugo's see `websocket.message_size_limit`",
    ),
    Key::number(
        "limits.message_bytes",
        "1048576",
        WEBSOCKET_BYTES,
        "a WebSocket message from a plain client, all its fragments",
    ),
    Key::number("limits.body_bytes", "1048576", (1, 256 * MIB as u64), "a payload published by any transport"),
    Key::same("limits.subjects_per_connection", "client.channel_limit"),
    Key::same("limits.recovery_publications", "client.recovery_max_publication_limit"),
    Key::same("limits.history_publications", "client.history_max_publication_limit"),
    Key::number(
        "limits.presence_clients",
        "32768",
        (1, 1 << 20),
        "clients that one answer about a channel's presence brings (106), and subscriptions of one shard that are looked at for it",
    ),
    Key::number(
        "limits.join_leave_per_second",
        "100",
        (0, 1 << 20),
        "comings and goings that subscribers of one channel are told of in a second",
    ),
    Key::millis("limits.poll_timeout_ms", "120000", (1_000, DAY_MS), "longest wait that a long poll may ask for"),
    Key::number("limits.history_bytes", "1073741824", (MIB as u64, 1 << 42), "all histories of all shards together"),
    Key::number(
        "limits.rate_buckets",
        "1048576",
        (shard::BUCKETS_MIN as u64, shard::BUCKETS_MAX as u64),
        "buckets of `client.rate_limit` that are not full, of all clients and users together, 8 bytes each; \
         beyond them the one nearest to being full is forgotten",
    ),
    Key::same_in_millis("heartbeat.ping_interval_ms", "client.ping_interval"),
    Key::same_in_millis("heartbeat.pong_timeout_ms", "client.pong_timeout"),
    Key::millis("heartbeat.idle_close_ms", "0", (0, DAY_MS), "close what has had no message for so long; 0: never"),
    Key::millis(
        "heartbeat.user_timeout_ms",
        "30000",
        (0, DAY_MS),
        "`TCP_USER_TIMEOUT`: sent bytes unconfirmed for so long end the connection; 0: as the system has it",
    ),
    Key::same("outbox.bytes", "client.queue_max_size"),
    Key::new(
        "outbox.policy",
        Kind::Choice(&["close", "drop_oldest", "conflate"]),
        "close",
        "beyond `client.queue_max_size`: close it, drop the oldest, or keep the newest of each subject",
    ),
    Key::number(
        "outbox.socket_bytes",
        "0",
        (0, GIB as u64),
        "the kernel's send buffer of a connection, from 4096; 0: `net.ipv4.tcp_wmem`",
    ),
    Key::new(
        "batch_wait.enabled",
        Kind::Flag,
        "true",
        "under load, collect what arrives in a window (kernel 6.12): less CPU, up to the window more latency",
    ),
    Key::number("batch_wait.window_us", "1000", (10, 10_000), "that window, in microseconds"),
    Key::millis("drain.spread_ms", "10000", (0, DAY_MS), "over how long connections are told to leave"),
    Key::same_in_millis("drain.deadline_ms", "shutdown.timeout"),
];

/// The least that a kernel's send buffer may be set to.
pub(crate) const SOCKET_BYTES_MIN: u64 = 4 * KIB as u64;
