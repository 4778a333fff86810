//! What an engine is told of one hook.
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::shown::without_secrets;
use crate::target::Target;

/// One prefix and its back ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Where it is, for the metrics.
    pub prefix: String,
    /// Whether it does as the original does, byte for byte: what requests say, and what their answers mean. A connection's end is told without waiting for its
    /// last messages, and a request that can't become a connection, or has no ClientID, is answered after the back end, or with counters.
    pub strict: bool,
    /// URLs that a slash and the ClientID are appended to: at least one.
    pub back_ends: Vec<String>,
    /// Which of them gets a request.
    pub choice: Choice,
    /// What is spoken with them.
    pub protocol: Protocol,
    /// How long a back end may take to say whether a client may come in.
    pub connect_timeout: Duration,
    /// How long it may take to answer a message.
    pub message_timeout: Duration,
    /// How long it may take to answer the end of a connection, each time it is told.
    pub end_timeout: Duration,
    /// Messages of one connection that are in requests at a time: 1 keeps their order.
    pub in_flight: u16,
    /// Requests that one back end has at a time; over HTTP/1.1 that is its connections.
    pub requests_max: usize,
    /// Whether fewer than that are made where its latency says that it takes no more.
    pub governs: bool,
    /// Requests that wait for one back end; ends of connections not counted.
    pub waiting_max: usize,
    /// What becomes of a message beyond.
    pub on_flood: OnFlood,
    /// What becomes of a message that a back end did not take.
    pub on_failure: OnFailure,
    /// When a back end is taken to be down.
    pub circuit: CircuitSettings,
    /// Whether a client that connects meanwhile waits, within its time-out; else it is refused at once.
    pub connect_waits: bool,
    /// What becomes of a message meanwhile.
    pub on_open: OnOpen,
    /// Largest answer in bytes.
    pub answer_bytes_max: usize,
    /// Redirects that are followed, within the back end's own host, when a client wants in.
    pub redirects_max: u8,
    /// Ends of connections that wait to be told; one more is lost, and counted.
    pub ends_max: usize,
    /// How long the end of a connection is tried to be told.
    pub ends_age: Duration,
}

/// Which HTTP back ends are spoken to in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// HTTP/2 where TLS agrees on it (ALPN), else HTTP/1.1.
    Agreed,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, without asking: RFC 9113, section 3.3.
    H2,
}

/// Which back end gets a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastInFlight,
    /// Always the same one for a ClientID, while it can be reached.
    Hash,
}

/// What becomes of a message when too many requests wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFlood {
    /// It stays with its connection until there is room. Messages take half of the room then; the rest is for who connects.
    Wait,
    /// The connection is closed with 1013.
    Close,
    /// It is dropped, and counted.
    Drop,
}

/// When a back end is taken to be down: it could not be reached, broke the connection or did not answer in time, so often in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CircuitSettings {
    /// Failures in a row; 0 for never.
    pub failures: u32,
    /// How long it is left alone then, or up to half less.
    pub pause: Duration,
    /// The longest that this becomes: it doubles with each failure after.
    pub pause_max: Duration,
}

/// What becomes of a message while all back ends are taken to be down, or none can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnOpen {
    /// It waits, within its time-out.
    Wait,
    /// The connection is closed with 1013.
    Close,
    /// It is dropped, and counted.
    Drop,
}

/// What becomes of a message that a back end did not take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFailure {
    /// The connection is closed with 1011.
    Close,
    /// Nothing but that it is counted.
    Ignore,
}

/// Why an engine can't go by the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// Not the URL of a back end: which one, and what is wrong.
    BackEnd(String, &'static str),
    /// What TLS goes by can't be used: what, and why.
    Tls(String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BackEnd(url, what) => write!(out, "'{}': {what}", without_secrets(url)),
            Self::Tls(reason) => write!(out, "{reason}"),
        }
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// The back ends' URLs, read.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, SettingsError> {
        let read = |url: &String| Target::read(url).map_err(|what| SettingsError::BackEnd(url.clone(), what));
        let mut known = BTreeSet::new();
        match self.back_ends.iter().find(|url| !known.insert(*url)) {
            Some(again) => Err(SettingsError::BackEnd(again.clone(), "it is listed twice")),
            None => self.back_ends.iter().map(read).collect(),
        }
    }

    /// Looks whether each back end's URL is one.
    ///
    /// # Errors
    /// The first that is none, and why.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.targets().map(drop)
    }
}
