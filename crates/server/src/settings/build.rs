//! From what was said to what a server is told: every value is in its range by now; here they have to go together.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub::{Namespace, Naming, OutboxPolicy};
use shard::{Admission, Compression, Heartbeat, Limits, Outbox, Personal, Roster};

use crate::roster::{SystemTime, UserCount};

use super::hooks;
use super::keys::server::SOCKET_BYTES_MIN;
use super::namespaces;
use super::proxies;
use super::rates;
use super::reading::Reading;
use super::tokens;
use super::transports;
use super::values::Values;
use super::{Api, LogLevel, Settings, SettingsError, Source};

/// So many times larger than it came may a compressed message be, if nothing is said.
const INFLATED_TIMES: usize = 10;

/// Puts the settings together.
pub(crate) fn build(reading: Reading, dev: bool) -> Result<Settings, SettingsError> {
    let naming = Arc::new(naming(&reading.server));
    let mut proxies = proxies::Wanted::new(&reading)?;
    let namespaces = namespaces::build(&reading, &naming, &mut proxies, dev)?;
    let values = &reading.server;
    let path = |key| Some(values.text(key)).filter(|path| !path.is_empty()).map(PathBuf::from);
    let endpoints = transports::build(values, dev)?;
    let paths = transports::paths(values, &endpoints)?;
    Ok(Settings {
        dev,
        address: address(values, dev),
        shards: NonZeroU16::new(values.number("server.shards")),
        huge_pages: values.flag("server.huge_pages"),
        backlog: values.number("server.backlog"),
        connections_max: values.number("server.connections_max"),
        user_timeout: values.time("heartbeat.user_timeout_ms"),
        send_buffer_bytes: send_buffer(values)?,
        batch_window: match values.flag("batch_wait.enabled") {
            true => Duration::from_micros(values.number("batch_wait.window_us")),
            false => Duration::ZERO,
        },
        drain_spread: values.time("drain.spread_ms"),
        drain_deadline: values.time("shutdown.timeout"),
        paths,
        node_name: values.text("node.name"),
        bans_file: path("bans.file"),
        bans_max: values.number("bans.count_max"),
        pid_file: path("pid_file"),
        log_level: log_level(values),
        api: api(values),
        anonymous: values.flag("client.allow_anonymous_connect_without_token"),
        hooks: hooks::build(&reading.hooks, &endpoints)?,
        proxies: proxies.build()?,
        endpoints,
        admission: Admission {
            insecure: values.flag("client.insecure"),
            anonymous_tokens: !values.flag("client.disallow_anonymous_connection_tokens"),
            open_api: values.flag("http_api.insecure"),
            channel_bytes_max: values.number("channel.max_length"),
            user_field: values.text("client.user_id_http_header").to_ascii_lowercase().into(),
            gate: Arc::default(),
            blocks: None,
            rates: rates::build(values, &reading.namespaces)?,
            roster: roster(values),
            time: values.flag("client.connect_include_server_time").then(|| Arc::new(SystemTime) as _),
            personal: personal(values, &naming, &namespaces, dev)?,
            naming,
        },
        tokens: tokens::build(values)?,
        namespaces,
        limits: limits(values),
        heartbeat: heartbeat(values)?,
        outbox: Outbox {
            bytes: values.number("client.queue_max_size"),
            policy: policy(&values.text("outbox.policy")).unwrap_or(OutboxPolicy::Close),
        },
        compression: compression(values),
        warnings: reading.warnings,
        source: Source::default(),
    })
}

/// Users' connections are counted if they are bounded.
fn roster(values: &Values) -> Option<Arc<dyn Roster>> {
    (values.number::<u64>("client.user_connection_limit") > 0).then(|| Arc::new(UserCount::default()) as _)
}

fn naming(values: &Values) -> Naming {
    let mark = |name: &str| values.text(name).into();
    Naming {
        private_prefix: mark("channel.private_prefix"),
        namespace_boundary: mark("channel.namespace_boundary"),
        user_boundary: mark("channel.user_boundary"),
        user_separator: mark("channel.user_separator"),
    }
}

/// The channels that users have of their own.
fn personal(
    values: &Values,
    naming: &Naming,
    namespaces: &[Namespace],
    dev: bool,
) -> Result<Option<Personal>, SettingsError> {
    const SECTION: &str = "client.subscribe_to_user_personal_channel";
    let of = |name: &str| format!("{SECTION}.{name}");
    if !values.flag(&of("enabled")) {
        return Ok(None);
    }
    let key = of("personal_channel_namespace");
    let namespace = values.text(&key);
    let boundary = if namespace.is_empty() { "" } else { &*naming.namespace_boundary };
    let prefix = format!("{namespace}{boundary}{}", naming.user_boundary);
    if !dev && Namespace::of(namespaces, &format!("{prefix}user")).is_none() {
        return Err(values.malformed(&key, format!("no namespace names channels such as '{prefix}user'")));
    }
    Ok(Some(Personal { prefix: prefix.into(), single_connection: values.flag(&of("single_connection")) }))
}

fn address(values: &Values, dev: bool) -> SocketAddr {
    let home = if dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let ip = values.text("http_server.address").parse().unwrap_or(IpAddr::V4(home));
    SocketAddr::new(ip, values.number("http_server.port"))
}

fn send_buffer(values: &Values) -> Result<usize, SettingsError> {
    let bytes: u64 = values.number("outbox.socket_bytes");
    if (1..SOCKET_BYTES_MIN).contains(&bytes) {
        return Err(values.malformed("outbox.socket_bytes", format!("{bytes} is below {SOCKET_BYTES_MIN}, and not 0")));
    }
    Ok(values.number("outbox.socket_bytes"))
}

fn log_level(values: &Values) -> LogLevel {
    match values.text("log.level").as_str() {
        "trace" | "debug" | "info" => LogLevel::Info,
        "warn" => LogLevel::Warn,
        _ => LogLevel::Error,
    }
}

fn api(values: &Values) -> Api {
    let mut keys = values.words("api.keys");
    keys.extend(Some(values.text("http_api.key")).filter(|key| !key.is_empty()));
    Api {
        keys,
        open: values.flag("http_api.insecure"),
        errors_as_status: values.text("http_api.error_mode") == "transport",
    }
}

fn limits(values: &Values) -> Limits {
    Limits {
        head_bytes: values.number("limits.head_bytes"),
        head_timeout: values.time("limits.head_timeout_ms"),
        connect_timeout: values.time("client.stale_close_delay"),
        keep_alive: values.time("limits.keep_alive_ms"),
        command_bytes: values.number("websocket.message_size_limit"),
        frame_bytes: values.number("limits.frame_bytes"),
        message_bytes: values.number("limits.message_bytes"),
        payload_bytes: values.number("limits.body_bytes"),
        sessions: values.number("client.connection_limit"),
        sessions_per_second: values.number("client.connection_rate_limit"),
        user_connections: values.number("client.user_connection_limit"),
        subscriptions_per_connection: values.number("client.channel_limit"),
        recovery_publications: values.number("client.recovery_max_publication_limit"),
        history_publications: values.number("client.history_max_publication_limit"),
        presence_clients: values.number("limits.presence_clients"),
        join_leave_per_second: values.number("limits.join_leave_per_second"),
        poll_timeout: values.time("limits.poll_timeout_ms"),
        history_bytes: values.number("limits.history_bytes"),
        ..Limits::default()
    }
}

fn compression(values: &Values) -> Compression {
    let command_bytes: usize = values.number("websocket.message_size_limit");
    let inflated_bytes: usize = values.number("websocket.decompressed_message_size_limit");
    Compression {
        enabled: values.flag("websocket.compression"),
        uni_enabled: values.flag("uni_websocket.compression"),
        level: values.number("websocket.compression_level"),
        payload_bytes: values.number("websocket.compression_min_size"),
        command_bytes: if inflated_bytes == 0 { command_bytes * INFLATED_TIMES } else { inflated_bytes },
    }
}

fn heartbeat(values: &Values) -> Result<Heartbeat, SettingsError> {
    let heartbeat = Heartbeat {
        ping_interval: values.time("client.ping_interval"),
        pong_timeout: values.time("client.pong_timeout"),
        idle_close: values.time("heartbeat.idle_close_ms"),
    };
    if !heartbeat.ping_interval.is_zero() && heartbeat.pong_timeout >= heartbeat.ping_interval {
        let said = if values.has("client.pong_timeout") { "client.pong_timeout" } else { "client.ping_interval" };
        let reason = format!(
            "a pong may take {}, and has to come before the next ping, after {}",
            super::duration::write(heartbeat.pong_timeout),
            super::duration::write(heartbeat.ping_interval),
        );
        return Err(values.malformed(said, reason));
    }
    Ok(heartbeat)
}

/// The policy that a choice means; none for the empty one.
pub(super) fn policy(choice: &str) -> Option<OutboxPolicy> {
    match choice {
        "close" => Some(OutboxPolicy::Close),
        "drop_oldest" => Some(OutboxPolicy::DropOldest),
        "conflate" => Some(OutboxPolicy::Conflate),
        _ => None,
    }
}
