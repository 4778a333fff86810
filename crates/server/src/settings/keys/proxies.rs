//! The event proxies: those of each event, named ones, and which calls they answer.
use crate::settings::key::{DAY, Key, Kind};

const AUTHORITIES: &str =
    "certificates of the authorities that are believed instead of the system's: PEM, PEM in base64, or a file's path";
const SERVER_NAME: &str = "the name that the backend's certificate must have; empty: the endpoint's host";
const CERTIFICATE: &str =
    "a certificate that is shown to the backend, and those that lead to its authority, written likewise";
const NO_CLIENTS: &str = "it is for servers";
const UNVERIFIED: &str =
    "whether anybody is believed to be the backend, whatever its certificate: for development; the start says so";

/// What is said of each proxy, below its section.
macro_rules! proxy {
    ($section:literal) => {
        &[
            Key::text(concat!($section, "endpoint"), "whom it asks: an http or https URL by POST; `grpc://host:port`, or `host:port` alone, over GRPC"),
            Key::new(
                concat!($section, "timeout"),
                Kind::Time { or_zero: false, max: DAY },
                "1s",
                "how long it may take to answer (100)",
            ),
            Key::new(
                concat!($section, "http_headers"),
                Kind::Words,
                "",
                "header fields of the client's request that it is told; but for `client.proxy.connect` they are kept for as long as the client is there",
            ),
            Key::new(
                concat!($section, "emulated_headers"),
                Kind::Words,
                "",
                "header fields that it is told as the client says them in the `headers` of its connect, in the same way",
            ),
            Key::flag(
                concat!($section, "include_connection_meta"),
                "whether it is told the client's `meta`: its token's, or what a backend has answered to its connect",
            ),
            Key::flag(concat!($section, "binary_encoding"), "whether data travels in base64, as `b64data`"),
            Key::new(concat!($section, "http.static_headers"), Kind::Pairs, "", "header fields of every request to it"),
            Key::new(
                concat!($section, "http.status_to_code_transforms"),
                Kind::Statuses,
                "",
                "what the client is told for statuses of its answers; any other than 200 that is not here is error 100",
            ),
            Key::flag(
                concat!($section, "http.tls.enabled"),
                "whether an `https` URL is spoken to by what follows; else by the certificates of the system",
            ),
            Key::text(concat!($section, "http.tls.server_ca_pem"), AUTHORITIES),
            Key::text(concat!($section, "http.tls.server_name"), SERVER_NAME),
            Key::text(concat!($section, "http.tls.cert_pem"), CERTIFICATE),
            Key::secret(concat!($section, "http.tls.key_pem"), "its key, written likewise"),
            Key::idle(concat!($section, "http.tls.client_ca_pem"), NO_CLIENTS),
            Key::flag(concat!($section, "http.tls.insecure_skip_verify"), UNVERIFIED),
            Key::flag(
                concat!($section, "grpc.tls.enabled"),
                "whether a GRPC backend is spoken to by TLS, by what follows or the certificates of the system",
            ),
            Key::text(concat!($section, "grpc.tls.server_ca_pem"), AUTHORITIES),
            Key::text(concat!($section, "grpc.tls.server_name"), SERVER_NAME),
            Key::text(concat!($section, "grpc.tls.cert_pem"), CERTIFICATE),
            Key::secret(concat!($section, "grpc.tls.key_pem"), "its key, written likewise"),
            Key::idle(concat!($section, "grpc.tls.client_ca_pem"), NO_CLIENTS),
            Key::flag(concat!($section, "grpc.tls.insecure_skip_verify"), UNVERIFIED),
            Key::text(concat!($section, "grpc.credentials_key"), "metadata of every call over GRPC, whatever a client says"),
            Key::secret(concat!($section, "grpc.credentials_value"), "its value"),
            Key::new(concat!($section, "grpc.static_metadata"), Kind::Pairs, "", "metadata of every call over GRPC"),
            Key::flag(concat!($section, "grpc.compression"), "whether questions over GRPC are compressed (gzip)"),
            Key::idle(concat!($section, "grpc_metadata"), "no client comes by GRPC"),
        ]
    };
}

pub(super) const CLIENT: &[Key] = &[
    Key::flag(
        "client.proxy.connect.enabled",
        "clients without a token are let in by a backend, which says who they are",
    ),
    Key::flag(
        "client.proxy.refresh.enabled",
        "sessions whose time is over are refreshed by a backend, and not by their clients, who are not told of it",
    ),
];

pub(super) const CALLS: &[Key] = &[
    Key::flag("rpc.without_namespace.proxy_enabled", "calls of methods without a namespace are answered by a backend"),
    Key::new("rpc.without_namespace.proxy_name", Kind::Text, "default", "by which: `rpc.proxy`, or one of `proxies`"),
    Key::new("rpc.namespace_boundary", Kind::Text, ":", "ends a namespace's name in a method's"),
    Key::flag("rpc.ping.enabled", "whether the server answers a method itself, with nothing"),
    Key::new("rpc.ping.method", Kind::Text, "ping", "which"),
];

pub(super) const CONNECT: &[Key] = proxy!("client.proxy.connect.");
pub(super) const REFRESH: &[Key] = proxy!("client.proxy.refresh.");
pub(super) const SUB_REFRESH: &[Key] = proxy!("channel.proxy.sub_refresh.");
pub(super) const SUBSCRIBE: &[Key] = proxy!("channel.proxy.subscribe.");
pub(super) const PUBLISH: &[Key] = proxy!("channel.proxy.publish.");
pub(super) const RPC: &[Key] = proxy!("rpc.proxy.");

/// A named one.
pub(super) const NAMED: &[Key] = proxy!("");
pub(super) const NAME: &[Key] = &[Key::text("name", "what namespaces call it; letters, digits, `-`, `_` and `.`")];

/// Options of a namespace of methods.
pub(super) const METHODS: &[Key] = &[
    Key::text("name", "what its methods' names begin with, and behind it comes the boundary"),
    Key::flag("proxy_enabled", "calls of its methods are answered by a backend"),
    Key::new("proxy_name", Kind::Text, "default", "by which: `rpc.proxy`, or one of `proxies`"),
];
