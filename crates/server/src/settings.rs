//! What a server is told at its start: the defaults, a file, the environment, the command line, in this order. The keys are in tables
//! (`keys`): Centrifugo's names, and Ringcast's own where Centrifugo has none.
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use control::Paths;
use figment::Figment;
use figment::providers::{Format, Json, Toml, Yaml};
use figment::value::Dict;
use hub::{Access, HistoryBounds, Namespace, Pattern};
use shard::{Admission, Compression, Endpoints, Heartbeat, Limits, Outbox};

mod build;
mod duration;
mod environment;
mod flags;
mod generate;
mod hooks;
mod key;
mod keys;
mod migrate;
mod namespaces;
mod older;
mod page;
mod proxies;
mod rates;
mod reading;
mod tls;
mod tokens;
mod transports;
mod twice;
mod value;
mod values;
mod warning;

pub use environment::ENVIRONMENT_PREFIX;
pub use flags::{Flags, Options, take_options};
pub use generate::generate;
pub use hooks::HookSettings;
pub use migrate::{Fate, Migration, migrate};
pub use page::page;
pub use proxies::ProxySettings;
pub use tokens::{TokenSettings, Verifiers};
pub use warning::{SettingsError, Warning};

use reading::Reading;

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
    /// Where the control plane answers what.
    pub paths: Paths,
    /// The node's name for the API; empty: its host and port.
    pub node_name: String,
    /// Where the list of those who are kept out is saved; `None`: nowhere.
    pub bans_file: Option<PathBuf>,
    /// Most entries of that list.
    pub bans_max: usize,
    /// Where the number of the process is, while it runs; `None`: nowhere.
    pub pid_file: Option<PathBuf>,
    /// What is worth a line on standard error.
    pub log_level: LogLevel,
    /// The HTTP API and publishers.
    pub api: Api,
    /// Whether a Centrifugo client may connect without a token.
    pub anonymous: bool,
    /// Which of Centrifugo's transports are served, where, and to whose pages.
    pub endpoints: Endpoints,
    /// What is permitted to clients whatever their namespaces say.
    pub admission: Admission,
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
    /// Compressed messages of WebSockets.
    pub compression: Compression,
    /// Prefixes whose WebSockets are a back end's.
    pub hooks: Vec<HookSettings>,
    /// Who is asked about Centrifugo clients.
    pub proxies: ProxySettings,
    /// What was said and has no effect.
    pub warnings: Vec<Warning>,
    /// Where all this was read from.
    source: Source,
}

/// What was read besides the environment.
#[derive(Clone, Default, Debug)]
struct Source {
    file: Option<PathBuf>,
    flags: Flags,
}

/// Who may use the HTTP API, and how it answers.
#[derive(Clone, Debug)]
pub struct Api {
    /// Keys of the HTTP API and of publishers.
    pub keys: Vec<String>,
    /// Whether no key is wanted.
    pub open: bool,
    /// Whether errors are HTTP statuses too.
    pub errors_as_status: bool,
}

/// What is written to standard error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    /// Why the server can't go on.
    Error,
    /// What has no effect or looks wrong, too.
    Warn,
    /// Where and how it serves, too.
    Info,
}

impl Settings {
    /// Reads the file, if there is one, and the environment, and puts the flags on top.
    ///
    /// # Errors
    /// The first thing that is wrong, with its key.
    pub fn load(path: Option<&Path>, flags: Flags) -> Result<Self, SettingsError> {
        Self::load_with(path, &environment::variables(), flags)
    }

    fn load_with(
        path: Option<&Path>,
        variables: &[environment::Variable],
        flags: Flags,
    ) -> Result<Self, SettingsError> {
        let mut reading = Reading::new();
        if let Some(path) = path {
            reading.file(&file(path)?)?;
        }
        environment::read(&mut reading, variables)?;
        flags::read(&mut reading, &flags.options)?;
        let mut settings = build::build(reading, flags.dev)?;
        settings.source = Source { file: path.map(Path::to_owned), flags: flags.clone() };
        settings.apply(flags);
        hooks::check_addresses(settings.address, &settings.hooks)?;
        Ok(settings)
    }

    /// Reads the same sources again.
    ///
    /// # Errors
    /// As in [`Settings::load`].
    pub fn read_again(&self) -> Result<Self, SettingsError> {
        Self::load(self.source.file.as_deref(), self.source.flags.clone())
    }

    /// Addresses of listeners that are hooks' own, in the order of their doors, from 1 on.
    pub(crate) fn doors(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let is_first =
            |(at, door): &(usize, SocketAddr)| !self.hooks[..*at].iter().any(|hook| hook.listen == Some(*door));
        let all = self.hooks.iter().enumerate().filter_map(|(at, hook)| Some((at, hook.listen?)));
        all.filter(is_first).map(|(_, door)| door)
    }

    /// The keys that `new` has other values for, and that a running server can't change.
    #[must_use]
    pub fn fixed_changes(&self, new: &Self) -> Vec<&'static str> {
        let changes = [
            ("http_server.address or http_server.port", self.address != new.address),
            ("server.shards", self.shards != new.shards),
            ("server.huge_pages", self.huge_pages != new.huge_pages),
            ("server.backlog", self.backlog != new.backlog),
            ("server.connections_max", self.connections_max != new.connections_max),
            ("heartbeat.user_timeout_ms", self.user_timeout != new.user_timeout),
            ("outbox.socket_bytes", self.send_buffer_bytes != new.send_buffer_bytes),
            ("batch_wait", self.batch_window != new.batch_window),
            ("limits.rate_buckets", rate_buckets(self).zip(rate_buckets(new)).is_some_and(|(old, new)| old != new)),
            ("bans.file", self.bans_file != new.bans_file),
            ("pid_file", self.pid_file != new.pid_file),
            ("node.name", self.node_name != new.node_name),
            ("client.user_connection_limit, from or to 0", self.counts_users() != new.counts_users()),
            ("health, init, http_api.disabled or a handler_prefix of the control plane", self.paths != new.paths),
            ("ws2api", self.hooks != new.hooks),
            ("a proxy", self.proxies != new.proxies),
            // Shards go by the new ones at once, but a connection that the control plane holds may ask it for such a path.
            ("a transport's path, over connections that are open,", !self.endpoints.paths().eq(new.endpoints.paths())),
            ("limits.head_timeout_ms of the HTTP API", self.limits.head_timeout != new.limits.head_timeout),
        ];
        changes.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
    }

    fn counts_users(&self) -> bool {
        self.admission.roster.is_some()
    }

    /// Whether anybody is asked or told by HTTP.
    pub(crate) fn has_back_ends(&self) -> bool {
        !self.hooks.is_empty() || !self.proxies.engine.is_empty()
    }

    fn apply(&mut self, flags: Flags) {
        if flags.dev {
            let history = flags.history.filter(|count| *count > 0).map(|count| HistoryBounds {
                count,
                bytes: DEV_HISTORY_BYTES,
                age: DEV_HISTORY_AGE,
            });
            self.namespaces.push(Namespace {
                subscribe: Access::ALL,
                publish: Access::ALL,
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

/// Reads a settings file; its ending says in which notation it is.
fn file(path: &Path) -> Result<Dict, SettingsError> {
    let named = |reason: String| SettingsError::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    let (figment, twice) = match path.extension().and_then(|ending| ending.to_str()) {
        // Its reader refuses what is there twice itself.
        Some("toml") => (Figment::from(Toml::string(&text)), None),
        Some("yaml" | "yml") => (Figment::from(Yaml::string(&text)), twice::twice::<Yaml>(&text)),
        Some("json") => (Figment::from(Json::string(&text)), twice::twice::<Json>(&text)),
        Some(_) | None => return Err(named("a settings file ends in .toml, .yaml, .yml or .json".into())),
    };
    if let Some(key) = twice {
        return Err(SettingsError::Malformed { key, reason: "it is there twice: one of them has to go".into() });
    }
    figment.extract().map_err(|error| named(format!("it can't be read: {}", error.kind)))
}

/// Room in the table of buckets, if there is one.
fn rate_buckets(settings: &Settings) -> Option<usize> {
    settings.admission.rates.meter.as_ref().map(|meter| meter.capacity())
}

#[cfg(test)]
mod tests;
