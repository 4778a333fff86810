//! The endpoints of Centrifugo's transports.
use base::units::MIB;

use crate::settings::key::{Key, Kind, Told};

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

/// What requests are answered with whose clients may not connect.
macro_rules! status_keys {
    ($section:literal) => {
        [
            Key::flag(
                concat!($section, ".connect_code_to_http_response.enabled"),
                "whether who may not connect is told so by the status of the response, not by a disconnect in it",
            ),
            Key::new(
                concat!($section, ".connect_code_to_http_response.transforms"),
                Kind::Transforms(Told::Status),
                "",
                "by which, for codes of errors and of disconnects; 500 for what is not here",
            ),
        ]
    };
}

pub(super) const UNI_SSE_STATUS: &[Key] = &status_keys!("uni_sse");

pub(super) const UNI_HTTP_STREAM_STATUS: &[Key] = &status_keys!("uni_http_stream");

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

pub(super) const UNI_SSE: &[Key] =
    &stream_keys!("uni_sse", "/connection/uni_sse", "unidirectional event streams of Centrifugo's clients");

pub(super) const UNI_HTTP_STREAM: &[Key] = &stream_keys!(
    "uni_http_stream",
    "/connection/uni_http_stream",
    "unidirectional HTTP streams of Centrifugo's clients"
);

pub(super) const UNI_WEBSOCKET: &[Key] = &[
    Key::flag(
        "uni_websocket.enabled",
        "whether unidirectional WebSockets of Centrifugo's clients are served; with `--dev` they are, unless it is said",
    ),
    Key::new("uni_websocket.handler_prefix", Kind::Text, "/connection/uni_websocket", "their path"),
    Key::number(
        "uni_websocket.message_size_limit",
        "65536",
        (125, 16 * MIB as u64),
        "what the client says first, in bytes (1009)",
    ),
    Key::flag(
        "uni_websocket.compression",
        "whether messages are compressed for clients that offer it; how is said by `websocket.compression_level` and `_min_size`",
    ),
    Key::flag(
        "uni_websocket.disable_disconnect_push",
        "whether a client is told of its disconnect by the close frame alone",
    ),
    Key::flag("uni_websocket.disable_closing_handshake", "whether a connection ends without a close frame"),
];

pub(super) const EMULATION: &[Key] = &[
    Key::new(
        "emulation.handler_prefix",
        Kind::Text,
        "/emulation",
        "where clients of event streams and HTTP streams say what they have to say; served if one of them is",
    ),
    Key::number("emulation.max_request_body_size", "65536", BODY, "one such request, in bytes (413)"),
];
