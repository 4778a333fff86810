//! Channels, the transports, the server's API, and what is around it.
use base::SUBJECT_BYTES_MAX;
use base::units::MIB;

use crate::settings::key::{Key, Kind, YEAR};

const NO_OTHER_TRANSPORT: &str = "Centrifugo's clients connect by WebSocket, event stream and HTTP stream";
const NO_BANS: &str = "who is kept out is kept in `bans.file`";
const NO_PROXY: &str = "this event is not passed on to a backend";
const NO_STREAM: &str = "backends answer questions; what they have to say themselves they publish through the API";
const ONE_NODE: &str = "there is one node, and it keeps everything itself";
const NO_ADMIN: &str = "there is no admin page; see /metrics, and /api/info";

pub(super) const KEYS: &[Key] = &[
    Key::number(
        "channel.max_length",
        "255",
        (1, SUBJECT_BYTES_MAX as u64),
        "longest name of a channel that a client may subscribe to, in bytes (107)",
    ),
    Key::new(
        "channel.private_prefix",
        Kind::Text,
        "$",
        "begins the name of a channel that only a token opens; empty: there are none",
    ),
    Key::new(
        "channel.namespace_boundary",
        Kind::Text,
        ":",
        "ends the namespace's name in the name of a channel, where it comes first; empty: no channel has one",
    ),
    Key::new(
        "channel.user_boundary",
        Kind::Text,
        "#",
        "begins the list of users that may subscribe, where it comes last; empty: there are none",
    ),
    Key::new("channel.user_separator", Kind::Text, ",", "stands between these users"),
    Key::new(
        "channel.publication_data_format",
        Kind::Choice(&["", "json", "json_object", "binary"]),
        "",
        "what publications have to be, for namespaces that don't say it themselves; empty: not empty",
    ),
    Key::new(
        "channel.history_meta_ttl",
        Kind::Time { or_zero: true, max: YEAR },
        "720h",
        "how long the position of a channel is kept after what was published, for one of `channel.namespaces` that does not say it",
    ),
    Key::missing("user_block", NO_BANS),
    Key::missing("token_revoke", NO_BANS),
    Key::missing("user_tokens_invalidate", NO_BANS),
    Key::missing("channel.proxy.subscribe_stream", NO_STREAM),
    Key::missing("channel.proxy.cache_empty", NO_PROXY),
    Key::missing("channel.proxy.state", NO_PROXY),
    Key::secret("http_api.key", "one more key as in `api.keys`, of any length"),
    Key::flag(
        "http_api.insecure",
        "whether the API wants no key: for development, and for ports that only backends reach",
    ),
    Key::new(
        "http_api.error_mode",
        Kind::Choice(&["", "transport"]),
        "",
        "\"transport\": an error of the API is an HTTP status too",
    ),
    Key::flag("http_api.disabled", "whether there is no API"),
    Key::new("http_api.handler_prefix", Kind::Text, "/api", "its path; methods are below it"),
    Key::idle("http_api.external", "there is one port for everything"),
    Key::missing("grpc_api", "the API is served over HTTP"),
    Key::number(
        "websocket.message_size_limit",
        "65536",
        (125, 256 * MIB as u64),
        "a message of a Centrifugo client in bytes (1009)",
    ),
    Key::flag(
        "websocket.compression",
        "whether messages are compressed for clients that offer it, at every WebSocket endpoint (permessage-deflate)",
    ),
    Key::number("websocket.compression_level", "1", (1, 9), "how hard to try; 1 is the fastest"),
    Key::number(
        "websocket.compression_min_size",
        "0",
        (0, 256 * MIB as u64),
        "messages of so many bytes or fewer are sent as they are; so are those that would not get shorter",
    ),
    Key::number(
        "websocket.decompressed_message_size_limit",
        "0",
        (0, 1024 * MIB as u64),
        "a compressed message of a Centrifugo client in bytes, when it has been read (1009); \
         0: ten times `websocket.message_size_limit`",
    ),
    Key::idle(
        "websocket.write_timeout",
        "a slow reader is bounded by client.queue_max_size, a dead one by heartbeat.user_timeout_ms",
    ),
    Key::idle("websocket.read_buffer_size", "a connection has no buffer of its own"),
    Key::idle("websocket.write_buffer_size", "a connection has no buffer of its own"),
    Key::idle("websocket.use_write_buffer_pool", "a connection has no buffer of its own"),
    Key::idle(
        "uni_websocket.join_push_messages",
        "each push has a frame of its own, which is what joined ones look like where there is one",
    ),
    Key::idle("uni_websocket.compression_level", "websocket.compression_level holds"),
    Key::idle("uni_websocket.compression_min_size", "websocket.compression_min_size holds"),
    Key::idle("uni_websocket.decompressed_message_size_limit", "uni_websocket.message_size_limit holds"),
    Key::idle("uni_websocket.write_timeout", "a slow reader is bounded by client.queue_max_size"),
    Key::idle("uni_websocket.read_buffer_size", "a connection has no buffer of its own"),
    Key::idle("uni_websocket.write_buffer_size", "a connection has no buffer of its own"),
    Key::idle("uni_websocket.use_write_buffer_pool", "a connection has no buffer of its own"),
    Key::missing("uni_grpc", NO_OTHER_TRANSPORT),
    Key::missing("webtransport", NO_OTHER_TRANSPORT),
    Key::flag("init.enabled", "whether `GET` of its path is answered with `{}`: for clients that warm up a connection"),
    Key::new("init.handler_prefix", Kind::Text, "/connection/init", "its path"),
    Key::new("engine.type", Kind::Choice(&["memory"]), "memory", "where channels live"),
    Key::missing("engine.redis", ONE_NODE),
    Key::missing("broker", ONE_NODE),
    Key::missing("presence_manager", ONE_NODE),
    Key::missing("admin", NO_ADMIN),
    Key::idle("prometheus.enabled", "metrics are always at /metrics, under Ringcast's own names"),
    Key::new("prometheus.handler_prefix", Kind::Text, "/metrics", "where metrics are"),
    Key::flag(
        "health.enabled",
        "whether `GET /health` is answered, as Centrifugo does it; `/healthz` and `/readyz` always are",
    ),
    Key::new("health.handler_prefix", Kind::Text, "/health", "its path"),
    Key::missing("debug", "there is no profiler"),
    Key::missing("swagger", "there is no page for the API; /openapi.yaml describes it for tools"),
    Key::idle("usage_stats", "nothing is reported to anybody"),
    Key::missing("opentelemetry", "there are metrics, and no traces"),
    Key::missing("graphite", "metrics are fetched from /metrics"),
    Key::missing("consumers", "publications come over the API"),
    Key::time("shutdown.timeout", "30s", "when the server ends at the latest after it was told to leave"),
    Key::text("node.name", "the node's name in /api/info; empty: host and port"),
    Key::new(
        "log.level",
        Kind::Choice(&["trace", "debug", "info", "warn", "error", "fatal", "none"]),
        "info",
        "what is written to standard error: from \"warn\" on without what is no warning, from \"error\" on without warnings",
    ),
    Key::missing("log.file", "what is said goes to standard error"),
    Key::text("pid_file", "a file with the number of the process, while it runs; empty: none"),
];
