//! The event proxies.
use crate::settings::key::{DAY, Key, Kind};

macro_rules! proxy {
    ($section:literal) => {
        &[
            Key::text(concat!($section, ".endpoint"), "the URL that is asked by POST: http or https"),
            Key::new(
                concat!($section, ".timeout"),
                Kind::Time { or_zero: false, max: DAY },
                "1s",
                "how long it may take to answer (100)",
            ),
            Key::new(
                concat!($section, ".http_headers"),
                Kind::Words,
                "",
                "header fields of the client's request that it is told; they are kept for as long as the client is there",
            ),
            Key::flag(concat!($section, ".binary_encoding"), "whether data travels in base64, as `b64data`"),
            Key::missing(concat!($section, ".emulated_headers"), "headers of a client's connect are not looked at"),
            Key::missing(concat!($section, ".include_connection_meta"), "there is no meta"),
            Key::missing(concat!($section, ".http"), "no headers are added, and a status is not made into an error"),
            Key::missing(concat!($section, ".grpc"), "proxies are asked over HTTP"),
            Key::missing(concat!($section, ".grpc_metadata"), "proxies are asked over HTTP"),
        ]
    };
}

pub(super) const KEYS: &[Key] = &[
    Key::flag(
        "client.proxy.connect.enabled",
        "clients without a token are let in by a backend, which says who they are",
    ),
    Key::flag("rpc.without_namespace.proxy_enabled", "calls are answered by a backend"),
    Key::new("rpc.namespace_boundary", Kind::Text, ":", "ends a namespace's name in a method's: there are none (104)"),
];

pub(super) const CONNECT: &[Key] = proxy!("client.proxy.connect");
pub(super) const SUBSCRIBE: &[Key] = proxy!("channel.proxy.subscribe");
pub(super) const PUBLISH: &[Key] = proxy!("channel.proxy.publish");
pub(super) const RPC: &[Key] = proxy!("rpc.proxy");
