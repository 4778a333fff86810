//! What the control plane can be told.
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base::units::MIB;

use crate::ApiAccess;

/// Settings of the control plane. `Default` is what `serve` starts with; the address has to be set.
#[derive(Clone, Debug)]
pub struct ControlSettings {
    /// Publishing without a key, and the page with all it can do.
    pub dev: bool,
    /// Names this run of the server in the API; different at each start.
    pub uid: String,
    /// Who may use the HTTP API.
    pub access: ApiAccess,
    /// Where the API, metrics and what Centrifugo has besides are.
    pub paths: Paths,
    /// The node's name in the API; empty: its host and port.
    pub node_name: String,
    /// Where the shards listen, reachable from here: data-plane requests on kept-alive connections are passed on to it.
    pub data_address: SocketAddr,
    /// Further paths that are the data plane's: those of Centrifugo's transports, which can be configured.
    pub data_paths: Vec<String>,
    /// Most connections at a time; one more is answered with 503.
    pub connections_max: usize,
    /// Longest body of an API request in bytes: 1 MiB of payload fits in base64, and a broadcast's list of subjects.
    pub body_bytes_max: usize,
    /// How long a request's head may take, and how long a connection may lie idle between two requests.
    pub head_timeout: Duration,
    /// How long an API request's body may take.
    pub body_timeout: Duration,
    /// How long a request whose body is not there yet may be silent once the server drains.
    pub drain_silence: Duration,
    /// How long the connections may take to finish once the server drains.
    pub drain_timeout: Duration,
}

/// Paths that can be chosen: each begins with a slash and does not end with one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paths {
    /// Of the API, whose methods are below it; `None`: there is none.
    pub api: Option<String>,
    /// Of the metrics.
    pub metrics: String,
    /// Where `{}` says that the server lives, as Centrifugo does; `None`: nowhere.
    pub health: Option<String>,
    /// Where `{}` is answered to clients that warm up a connection; `None`: nowhere.
    pub init: Option<String>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { api: Some("/api".into()), metrics: "/metrics".into(), health: None, init: None }
    }
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self {
            dev: false,
            uid: String::new(),
            access: ApiAccess::default(),
            paths: Paths::default(),
            node_name: String::new(),
            data_address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            data_paths: vec!["/connection/websocket".into()],
            connections_max: 4_096,
            body_bytes_max: 4 * MIB,
            head_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(15),
            drain_silence: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
