//! What a server is told at its start: the defaults, a file, the environment, the command line, in this order.
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use hub::{HistoryBounds, Namespace, Pattern};
use shard::{Endpoints, Heartbeat, Limits, Outbox};

mod client;
mod file;
mod transports;
mod unknown;

pub use client::TokenSettings;
pub use unknown::ENVIRONMENT_PREFIX;

/// Everything a server is told, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Everything is open, said loudly: publish and subscribe without keys, and `/echo`.
    pub dev: bool,
    /// Where to listen. Port 0: a free one.
    pub address: SocketAddr,
    /// Shards; none: one for each core that the process may use.
    pub shards: Option<NonZeroU16>,
    /// Whether memory may be backed by huge pages: faster beyond a million connections, and tens of megabytes more before.
    pub huge_pages: bool,
    /// Connections that may wait to be accepted, at each shard.
    pub backlog: u16,
    /// Most connections of one shard.
    pub connections_max: u32,
    /// How long sent bytes may stay unconfirmed before a connection counts as broken; zero: as the system has it.
    pub user_timeout: Duration,
    /// Bound on the kernel's send buffer of a connection, in bytes; zero: as the system has it (`net.ipv4.tcp_wmem`).
    pub send_buffer_bytes: usize,
    /// How long a batch is collected under load; zero: never.
    pub batch_window: Duration,
    /// Over how long the connections are closed when the server leaves.
    pub drain_spread: Duration,
    /// When the server ends at the latest after it was told to leave.
    pub drain_deadline: Duration,
    /// Keys of the HTTP API and of publishers.
    pub api_keys: Vec<String>,
    /// Whether a Centrifugo client may connect without a token.
    pub anonymous: bool,
    /// Which of Centrifugo's transports are served, where, and to whose pages.
    pub endpoints: Endpoints,
    /// How the tokens of Centrifugo clients are verified.
    pub tokens: TokenSettings,
    /// Options by subject; the first pattern that fits holds.
    pub namespaces: Vec<Namespace>,
    /// Bounds on what one peer may ask for.
    pub limits: Limits,
    /// Signs of life.
    pub heartbeat: Heartbeat,
    /// What waits for slow readers.
    pub outbox: Outbox,
}

/// What the command line may say. It wins over file and environment.
#[derive(Clone, Copy, Default, Debug)]
pub struct Flags {
    /// `--address`.
    pub address: Option<IpAddr>,
    /// `--port`.
    pub port: Option<u16>,
    /// `--shards`.
    pub shards: Option<NonZeroU16>,
    /// `--dev`.
    pub dev: bool,
    /// `--history`, only with `--dev`: publications kept of each subject.
    pub history: Option<u32>,
}

/// Why settings are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// The file can't be read, or its ending is none of `.toml`, `.yaml`, `.yml` and `.json`.
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// A key that does not exist.
    Unknown {
        /// The key, with its section.
        key: String,
        /// The key that it resembles most.
        nearest: Option<String>,
    },
    /// A value of a key, or the file's text, that can't be understood.
    Malformed {
        /// The key, with its section; empty if the text as a whole is meant.
        key: String,
        /// Why.
        reason: String,
    },
    /// A number outside its range.
    OutOfRange {
        /// The key, with its section.
        key: &'static str,
        /// The value.
        value: u64,
        /// The smallest that is permitted.
        min: u64,
        /// The largest that is permitted.
        max: u64,
    },
}

impl Settings {
    /// Reads the file, if there is one, and the environment, and puts the flags on top.
    ///
    /// # Errors
    /// The first thing that is wrong, with its key.
    pub fn load(path: Option<&Path>, flags: Flags) -> Result<Self, SettingsError> {
        let mut settings = file::read(path)?.check(flags.dev)?;
        settings.apply(flags);
        Ok(settings)
    }

    fn apply(&mut self, flags: Flags) {
        if flags.dev {
            let history = flags.history.filter(|count| *count > 0).map(|count| HistoryBounds {
                count,
                bytes: DEV_HISTORY_BYTES,
                age: DEV_HISTORY_AGE,
            });
            self.namespaces.push(Namespace {
                subscribe: true,
                publish: true,
                history,
                ..Namespace::closed(Pattern::everything())
            });
        }
        if let Some(address) = flags.address {
            self.address.set_ip(address);
        }
        if let Some(port) = flags.port {
            self.address.set_port(port);
        }
        self.shards = flags.shards.or(self.shards);
    }
}

/// Bounds of a subject's history under `--dev --history N`, besides the count.
const DEV_HISTORY_BYTES: usize = 16 << 20;
const DEV_HISTORY_AGE: Duration = Duration::from_secs(3_600);

impl fmt::Display for SettingsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, reason } => write!(out, "{path}: {reason}"),
            Self::Unknown { key, nearest: Some(nearest) } => {
                write!(out, "there is no setting '{key}'; did you mean '{nearest}'?")
            }
            Self::Unknown { key, nearest: None } => write!(out, "there is no setting '{key}'"),
            Self::Malformed { key, reason } if key.is_empty() => write!(out, "the settings can't be read: {reason}"),
            Self::Malformed { key, reason } => write!(out, "{key}: {reason}"),
            Self::OutOfRange { key, value, min, max } => {
                write!(out, "{key} = {value} is out of range: from {min} to {max}")
            }
        }
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests;
