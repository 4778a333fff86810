//! The endpoints of Centrifugo's transports.
use base::units::MIB;

use crate::settings::key::{Key, Kind};

/// Largest and smallest bound on a body, in bytes.
const BODY: (u64, u64) = (64, 16 * MIB as u64);

/// The keys of a transport that a request opens.
macro_rules! stream_keys {
    ($section:literal, $path:literal, $what:literal) => {
        [
            Key::flag(
                concat!($section, ".enabled"),
                concat!("whether ", $what, " are served; with `--dev` they are, unless it is said"),
            ),
            Key::new(concat!($section, ".handler_prefix"), Kind::Text, $path, "their path"),
            Key::number(
                concat!($section, ".max_request_body_size"),
                "65536",
                BODY,
                "the request that opens one, in bytes (413)",
            ),
        ]
    };
}

pub(super) const WEBSOCKET: &[Key] = &[
    Key::flag("websocket.disabled", "whether Centrifugo's clients can't connect by WebSocket"),
    Key::new(
        "websocket.handler_prefix",
        Kind::Text,
        "/connection/websocket",
        "where Centrifugo's clients connect by WebSocket",
    ),
];

pub(super) const SSE: &[Key] = &stream_keys!("sse", "/connection/sse", "event streams of Centrifugo's clients");

pub(super) const HTTP_STREAM: &[Key] =
    &stream_keys!("http_stream", "/connection/http_stream", "HTTP streams of Centrifugo's clients");

pub(super) const EMULATION: &[Key] = &[
    Key::new(
        "emulation.handler_prefix",
        Kind::Text,
        "/emulation",
        "where clients of event streams and HTTP streams say what they have to say; served if one of them is",
    ),
    Key::number("emulation.max_request_body_size", "65536", BODY, "one such request, in bytes (413)"),
];
