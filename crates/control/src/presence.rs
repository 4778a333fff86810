//! What the control plane asks about who is present in a subject.
use std::fmt;

/// A client that is subscribed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Present {
    /// Its id.
    pub client: String,
    /// Its user; empty for an anonymous one.
    pub user: String,
    /// JSON text about the connection; empty without any.
    pub conn_info: Vec<u8>,
    /// JSON text about the subscription; empty without any.
    pub chan_info: Vec<u8>,
}

/// How many are present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Headcount {
    /// Clients.
    pub clients: u32,
    /// Users that they belong to.
    pub users: u32,
}

/// Why there is no presence to tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PresenceError {
    /// The subject's name breaks a rule; which one, in words.
    BadSubject(String),
    /// No namespace names the subject.
    UnknownSubject,
    /// The namespace keeps no presence.
    Off,
    /// More clients than one answer may bring.
    TooMany,
    /// The server is starting or draining, or a shard did not answer in time.
    Unavailable,
}

impl fmt::Display for PresenceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSubject(rule) => write!(out, "bad subject: {rule}"),
            Self::UnknownSubject => out.write_str("no namespace names the subject"),
            Self::Off => out.write_str("the subject keeps no presence"),
            Self::TooMany => out.write_str("more clients than 'limits.presence_clients': ask for 'presence_stats'"),
            Self::Unavailable => out.write_str("the server can't tell at the moment"),
        }
    }
}

impl std::error::Error for PresenceError {}
