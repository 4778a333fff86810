//! The options of prefixes whose WebSockets are a back end's.
use base::units::MIB;

use crate::settings::key::{DAY, Key, Kind};

pub(super) const KEYS: &[Key] = &[
    Key::text("prefix", "what the path begins with; what follows, up to the next slash, is the ClientID: `/ws/`"),
    Key::text(
        "listen",
        "an address and a port of its own, `0.0.0.0:7001`, by which nothing else is served; then `prefix` may be `/`",
    ),
    Key::new(
        "backends",
        Kind::Words,
        "",
        "URLs that a slash and the ClientID are appended to; one at least, and up to 64: `http://127.0.0.1:9000/hooks`",
    ),
    Key::new(
        "mode",
        Kind::Choice(&["fixed", "strict"]),
        "fixed",
        "how: as WS2API promises, with its defects mended; or as it does, and then with its time-outs and bounds where nothing else is said here",
    ),
    Key::new(
        "balance",
        Kind::Choice(&["round_robin", "least_in_flight", "hash"]),
        "round_robin",
        "which back end gets a request; `hash`: always the same one for a ClientID, while it can be reached",
    ),
    Key::new(
        "backend_protocol",
        Kind::Choice(&["auto", "http1", "h2"]),
        "auto",
        "`auto`: HTTP/2 where TLS agrees on it, else HTTP/1.1; `h2`: HTTP/2 without asking, in clear too",
    ),
    within("connect_timeout", "how long a back end may take to let a client in (502)"),
    within("message_timeout", "how long it may take to answer a message"),
    within("close_timeout", "how long it may take to answer the end of a connection, each time it is told"),
    Key::new(
        "forward_headers",
        Kind::Words,
        "authorization cookie origin user-agent x-forwarded-for sec-websocket-protocol",
        "header fields of the client that the back end is told when it connects; to `x-forwarded-for` the client's address is added",
    ),
    Key::new("forward_query", Kind::Flag, "true", "whether it is told the query then"),
    Key::number("max_in_flight", "1", (1, 64), "messages of one connection in requests at a time; 1 keeps their order"),
    Key::number("connection_queue", "16", (0, 1_024), "messages of one connection that wait behind those"),
    Key::new(
        "connection_queue_policy",
        Kind::Choice(&["wait", "close", "drop"]),
        "wait",
        "what becomes of one more: it is not read yet, the connection is closed (1013), or it is dropped and counted",
    ),
    Key::number(
        "backend_connections",
        "256",
        (1, 65_535),
        "requests that one back end has at a time; over HTTP/1.1 that is its connections, over HTTP/2 they share one",
    ),
    Key::flag(
        "governor",
        "whether fewer than `backend_connections` are made where the latency of a back end says that it takes no more at once",
    ),
    Key::number(
        "backend_queue",
        "10000",
        (0, 1_000_000),
        "requests that wait for one back end; a client that connects beyond is refused (503)",
    ),
    Key::new(
        "backend_queue_policy",
        Kind::Choice(&["wait", "close", "drop"]),
        "wait",
        "what becomes of a message beyond, or beyond half of it where messages wait: it waits with its connection, which is read no further once `connection_queue` is full, the connection is closed (1013), or it is dropped and counted",
    ),
    Key::new(
        "on_failure",
        Kind::Choice(&["close", "ignore"]),
        "close",
        "what becomes of a message that a back end did not take: the connection is closed (1011), or it is counted and nothing more",
    ),
    Key::number(
        "circuit_failures",
        "5",
        (0, 1_000_000),
        "failures in a row after which a back end is taken to be down: it can't be reached, breaks the connection or does not answer in time; 0 for never",
    ),
    Key::new(
        "circuit_pause",
        Kind::Time { or_zero: false, max: DAY },
        "500ms",
        "how long it is left alone then, before one request tries it; doubled with each that fails",
    ),
    Key::new("circuit_pause_max", Kind::Time { or_zero: false, max: DAY }, "15s", "the longest that this becomes"),
    Key::new(
        "circuit_connect",
        Kind::Choice(&["refuse", "wait"]),
        "refuse",
        "a client that connects while all back ends are down: it is refused (503), or waits within `connect_timeout`",
    ),
    Key::new(
        "circuit_message",
        Kind::Choice(&["wait", "close", "drop"]),
        "wait",
        "a message meanwhile: it waits within `message_timeout`, the connection is closed (1013), or it is dropped and counted",
    ),
    Key::new(
        "duplicate_id",
        Kind::Choice(&["newest", "refuse", "both", "keep"]),
        "newest",
        "a ClientID that a connection has already: the older one is closed (4409), the newer one is refused (409), both get each push, or both stay and the newer one gets them",
    ),
    Key::number("message_size_limit", "1048576", (1, 64 * MIB as u64), "a message of a client in bytes (1009)"),
    Key::number("response_size_limit", "1048576", (2, 64 * MIB as u64), "an answer of a back end in bytes"),
    Key::number("push_size_limit", "1048576", (1, 64 * MIB as u64), "a message that a back end pushes in bytes (413)"),
    Key::number(
        "redirects",
        "3",
        (0, 10),
        "redirects that are followed when a client connects, within the back end's host",
    ),
    Key::number(
        "close_queue",
        "100000",
        (1, 10_000_000),
        "ends of connections that wait to be told; one more is lost, and counted",
    ),
    Key::new(
        "close_retry_age",
        Kind::Time { or_zero: true, max: DAY },
        "1h",
        "how long a back end that does not answer is told of an end again and again",
    ),
    Key::new("api_keys", Kind::Secrets { length_min: 16 }, "", "keys of back ends that may push"),
    Key::secret("api_key", "one more, of any length"),
    Key::flag("insecure", "whether everybody may push; for development, and for ports that only back ends reach"),
];

const fn within(name: &'static str, says: &'static str) -> Key {
    Key::new(name, Kind::Time { or_zero: false, max: DAY }, "10s", says)
}
