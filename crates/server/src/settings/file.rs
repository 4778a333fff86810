//! The sections and keys of a settings file, their defaults and their ranges.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use base::ShardId;
use base::units::{GIB, KIB, MIB};
use figment::Figment;
use figment::providers::{Env, Format, Json, Serialized, Toml, Yaml};
use hub::{Access, HistoryBounds, Namespace, OutboxPolicy, Pattern};
use serde::{Deserialize, Serialize};
use shard::{Heartbeat, Limits, Outbox};

use super::client::Client;
use super::unknown::{self, ENVIRONMENT_PREFIX, environment_key, is_injected};
use super::{Settings, SettingsError};

/// The file, as written.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    server: Server,
    api: Api,
    centrifugo: Centrifugo,
    client: Client,
    limits: LimitKeys,
    heartbeat: HeartbeatKeys,
    outbox: OutboxKeys,
    batch_wait: BatchWait,
    drain: Drain,
    namespace: Vec<NamespaceKeys>,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct Server {
    /// None: all addresses, or this host's own with `--dev`.
    address: Option<IpAddr>,
    port: u16,
    /// 0: one for each core.
    shards: u64,
    backlog: u64,
    connections_max: u64,
    huge_pages: bool,
}

#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct Api {
    keys: Vec<String>,
}

#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct Centrifugo {
    /// Whether a client may connect without a token.
    anonymous: bool,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct LimitKeys {
    head_bytes: u64,
    head_timeout_ms: u64,
    keep_alive_ms: u64,
    frame_bytes: u64,
    message_bytes: u64,
    body_bytes: u64,
    subjects_per_connection: u64,
    recovery_publications: u64,
    history_publications: u64,
    poll_timeout_ms: u64,
    /// Of all shards together.
    history_bytes: u64,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct HeartbeatKeys {
    ping_interval_ms: u64,
    pong_timeout_ms: u64,
    idle_close_ms: u64,
    user_timeout_ms: u64,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct OutboxKeys {
    bytes: u64,
    policy: Policy,
    /// 0: as the system has it.
    socket_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
enum Policy {
    Close,
    DropOldest,
    Conflate,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct BatchWait {
    enabled: bool,
    window_us: u64,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
struct Drain {
    spread_ms: u64,
    deadline_ms: u64,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct NamespaceKeys {
    pattern: String,
    #[serde(default)]
    subscribe: bool,
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    allow_history_for_client: bool,
    #[serde(default)]
    allow_history_for_subscriber: bool,
    #[serde(default)]
    allow_history_for_anonymous: bool,
    history: Option<HistoryKeys>,
    outbox: Option<Policy>,
}

#[derive(Clone, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct HistoryKeys {
    count: u64,
    #[serde(default = "history_bytes")]
    bytes: u64,
    #[serde(default = "history_age_ms")]
    age_ms: u64,
}

fn history_bytes() -> u64 {
    16 * MIB as u64
}

fn history_age_ms() -> u64 {
    3_600_000
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: None,
            port: 8_000,
            shards: 0,
            backlog: 4_096,
            connections_max: CONNECTIONS_MAX,
            huge_pages: false,
        }
    }
}

impl Default for LimitKeys {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            head_bytes: whole(limits.head_bytes),
            head_timeout_ms: millis(limits.head_timeout),
            keep_alive_ms: millis(limits.keep_alive),
            frame_bytes: whole(limits.frame_bytes),
            message_bytes: whole(limits.message_bytes),
            body_bytes: whole(limits.payload_bytes),
            subjects_per_connection: whole(limits.subscriptions_per_connection),
            recovery_publications: limits.recovery_publications.into(),
            history_publications: limits.history_publications.into(),
            poll_timeout_ms: millis(limits.poll_timeout),
            history_bytes: whole(limits.history_bytes),
        }
    }
}

impl Default for HeartbeatKeys {
    fn default() -> Self {
        let heartbeat = Heartbeat::default();
        Self {
            ping_interval_ms: millis(heartbeat.ping_interval),
            pong_timeout_ms: millis(heartbeat.pong_timeout),
            idle_close_ms: millis(heartbeat.idle_close),
            user_timeout_ms: 30_000,
        }
    }
}

impl Default for OutboxKeys {
    fn default() -> Self {
        let outbox = Outbox::default();
        let policy = match outbox.policy {
            OutboxPolicy::Close => Policy::Close,
            OutboxPolicy::DropOldest => Policy::DropOldest,
            OutboxPolicy::Conflate => Policy::Conflate,
        };
        Self { bytes: whole(outbox.bytes), policy, socket_bytes: 0 }
    }
}

impl Default for BatchWait {
    fn default() -> Self {
        Self { enabled: true, window_us: 500 }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { spread_ms: 10_000, deadline_ms: 30_000 }
    }
}

/// A descriptor is a connection's number, and numbers go to 2^31; the kernel's own limit (`fs.nr_open`) comes first.
const CONNECTIONS_MAX: u64 = 1 << 30;

pub(super) const DAY_MS: u64 = 86_400_000;

/// Puts file and environment over the defaults.
pub(crate) fn read(path: Option<&Path>) -> Result<File, SettingsError> {
    let mut figment = Figment::from(Serialized::defaults(File::default()));
    if let Some(path) = path {
        let named = |reason: String| SettingsError::File { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        figment = match path.extension().and_then(|ending| ending.to_str()) {
            Some("toml") => figment.merge(Toml::string(&text)),
            Some("yaml" | "yml") => figment.merge(Yaml::string(&text)),
            Some("json") => figment.merge(Json::string(&text)),
            Some(_) | None => return Err(named("a settings file ends in .toml, .yaml, .yml or .json".into())),
        };
    }
    let environment = Env::prefixed(ENVIRONMENT_PREFIX)
        // What `ringcast pub`, `sub` and `bench` read is none of the server's.
        .ignore(&["CONFIG", "KEY", "URL"])
        .filter(|name| !is_injected(name.as_str()))
        .map(|key| environment_key(key.as_str()).into())
        .lowercase(false);
    figment.merge(environment).extract().map_err(unknown::explain)
}

impl File {
    /// Checks every value.
    pub(crate) fn check(self, dev: bool) -> Result<Settings, SettingsError> {
        let Self { server, api, centrifugo, client, limits, heartbeat, outbox, batch_wait, drain, namespace } = self;
        let shards = within("server.shards", server.shards, 0, ShardId::COUNT_MAX.into())?;
        let window = within("batch_wait.window_us", batch_wait.window_us, 10, 10_000)?;
        if let Some(short) = api.keys.iter().find(|key| key.len() < KEY_BYTES_MIN) {
            let reason = format!("a key of {} characters is too easy to guess: {KEY_BYTES_MIN} at least", short.len());
            return Err(SettingsError::Malformed { key: "api.keys".into(), reason });
        }
        let home = IpAddr::V4(if dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED });
        Ok(Settings {
            dev,
            address: SocketAddr::new(server.address.unwrap_or(home), server.port),
            shards: NonZeroU16::new(small(shards)),
            huge_pages: server.huge_pages,
            backlog: small(within("server.backlog", server.backlog, 1, u16::MAX.into())?),
            connections_max: small(within("server.connections_max", server.connections_max, 1, CONNECTIONS_MAX)?),
            user_timeout: time("heartbeat.user_timeout_ms", heartbeat.user_timeout_ms, 0, DAY_MS)?,
            send_buffer_bytes: match outbox.socket_bytes {
                0 => 0,
                bytes => small(within("outbox.socket_bytes", bytes, 4 * KIB as u64, GIB as u64)?),
            },
            batch_window: if batch_wait.enabled { Duration::from_micros(window) } else { Duration::ZERO },
            drain_spread: time("drain.spread_ms", drain.spread_ms, 0, DAY_MS)?,
            drain_deadline: time("drain.deadline_ms", drain.deadline_ms, 0, DAY_MS)?,
            api_keys: api.keys,
            anonymous: centrifugo.anonymous,
            tokens: client.check()?,
            namespaces: namespace.into_iter().map(NamespaceKeys::check).collect::<Result<_, _>>()?,
            limits: limits.check()?,
            heartbeat: Heartbeat {
                ping_interval: time("heartbeat.ping_interval_ms", heartbeat.ping_interval_ms, 0, DAY_MS)?,
                pong_timeout: time("heartbeat.pong_timeout_ms", heartbeat.pong_timeout_ms, 100, DAY_MS)?,
                idle_close: time("heartbeat.idle_close_ms", heartbeat.idle_close_ms, 0, DAY_MS)?,
            },
            outbox: Outbox {
                bytes: small(within("outbox.bytes", outbox.bytes, 4 * KIB as u64, GIB as u64)?),
                policy: outbox.policy.into(),
            },
        })
    }
}

/// A key can be guessed at the rate of the HTTP API, so it has to be long.
const KEY_BYTES_MIN: usize = 16;

impl LimitKeys {
    fn check(self) -> Result<Limits, SettingsError> {
        let bytes = |key, value, min: usize, max: usize| within(key, value, min as u64, max as u64).map(small);
        Ok(Limits {
            head_bytes: bytes("limits.head_bytes", self.head_bytes, 512, shard::limits::HEAD_BYTES_MAX)?,
            head_timeout: time("limits.head_timeout_ms", self.head_timeout_ms, 100, DAY_MS)?,
            keep_alive: time("limits.keep_alive_ms", self.keep_alive_ms, 100, DAY_MS)?,
            frame_bytes: bytes("limits.frame_bytes", self.frame_bytes, 125, 256 * MIB)?,
            message_bytes: bytes("limits.message_bytes", self.message_bytes, 125, 256 * MIB)?,
            payload_bytes: bytes("limits.body_bytes", self.body_bytes, 1, 256 * MIB)?,
            subscriptions_per_connection: bytes(
                "limits.subjects_per_connection",
                self.subjects_per_connection,
                1,
                1 << 20,
            )?,
            recovery_publications: small(within(
                "limits.recovery_publications",
                self.recovery_publications,
                0,
                1 << 20,
            )?),
            history_publications: small(within("limits.history_publications", self.history_publications, 0, 1 << 20)?),
            poll_timeout: time("limits.poll_timeout_ms", self.poll_timeout_ms, 1_000, DAY_MS)?,
            history_bytes: bytes("limits.history_bytes", self.history_bytes, MIB, 1 << 42)?,
            ..Limits::default()
        })
    }
}

impl NamespaceKeys {
    fn check(self) -> Result<Namespace, SettingsError> {
        let pattern = Pattern::parse(&self.pattern).map_err(|error| SettingsError::Malformed {
            key: "namespace.pattern".into(),
            reason: format!("'{}': {error}", self.pattern),
        })?;
        let history = match self.history {
            Some(history) => Some(HistoryBounds {
                count: small(within("namespace.history.count", history.count, 1, 1 << 24)?),
                bytes: small(within("namespace.history.bytes", history.bytes, 1, 1 << 40)?),
                age: time("namespace.history.age_ms", history.age_ms, 1, 365 * DAY_MS)?,
            }),
            None => None,
        };
        let outbox = self.outbox.map(OutboxPolicy::from);
        Ok(Namespace {
            pattern,
            subscribe: self.subscribe,
            publish: self.publish,
            history,
            history_access: Access {
                client: self.allow_history_for_client,
                subscriber: self.allow_history_for_subscriber,
                anonymous: self.allow_history_for_anonymous,
            },
            outbox,
        })
    }
}

impl From<Policy> for OutboxPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Close => Self::Close,
            Policy::DropOldest => Self::DropOldest,
            Policy::Conflate => Self::Conflate,
        }
    }
}

fn within(key: &'static str, value: u64, min: u64, max: u64) -> Result<u64, SettingsError> {
    if (min..=max).contains(&value) { Ok(value) } else { Err(SettingsError::OutOfRange { key, value, min, max }) }
}

pub(super) fn time(key: &'static str, value_ms: u64, min: u64, max: u64) -> Result<Duration, SettingsError> {
    within(key, value_ms, min, max).map(Duration::from_millis)
}

/// A number whose range was checked, in the type that holds the range.
fn small<T: TryFrom<u64>>(value: u64) -> T {
    T::try_from(value).unwrap_or_else(|_| unreachable!("the range of each key fits its type"))
}

fn whole(bytes: usize) -> u64 {
    bytes as u64
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
