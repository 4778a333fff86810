//! The prefixes whose WebSockets are a back end's: what of them shards are told, and what the engine is.
use std::net::SocketAddr;
use std::time::Duration;

use hook::{Choice, CircuitSettings, OnFailure, OnFlood, OnOpen, Protocol};
use shard::{Duplicates, Endpoints, Hook, Overflow};

use super::SettingsError;
use super::reading::Section;
use super::transports::TAKEN;
use super::values::Values;

/// Most back ends of one prefix.
const BACK_ENDS_MAX: usize = 64;

/// Most prefixes.
const HOOKS_MAX: usize = 64;

/// Fields that are about one hop or one handshake: they are not a back end's business, or would make its request another one.
const NEVER: [&str; 13] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookSettings {
    /// A listener of its own, if it has one.
    pub listen: Option<SocketAddr>,
    /// What shards are told.
    pub shard: Hook,
    /// What the engine is told.
    pub engine: hook::Settings,
}

/// Puts them together.
pub(super) fn build(sections: &[Section], endpoints: &Endpoints) -> Result<Vec<HookSettings>, SettingsError> {
    if sections.len() > HOOKS_MAX {
        let reason = format!("there are {}, at most {HOOKS_MAX}", sections.len());
        return Err(SettingsError::Malformed { key: "ws2api".into(), reason });
    }
    let mut hooks: Vec<HookSettings> = Vec::new();
    for Section { spelled, values } in sections {
        let mut hook = hook(spelled, values)?;
        hook.shard.door = door(&hooks, hook.listen);
        let prefix = &*hook.shard.prefix;
        let wrong = |reason: String| Err(SettingsError::Malformed { key: format!("{spelled}.prefix"), reason });
        let is_main = hook.listen.is_none();
        if let Some(path) = endpoints.paths().find(|path| is_main && path.starts_with(prefix)) {
            return wrong(format!("'{prefix}': a transport is served at '{path}'"));
        }
        let overlaps = |other: &&HookSettings| {
            let is_same = other.listen == hook.listen;
            let other = &*other.shard.prefix;
            is_same && (other.starts_with(prefix) || prefix.starts_with(other))
        };
        if let Some(other) = hooks.iter().find(overlaps) {
            return wrong(format!("'{prefix}': it and '{}' begin alike", other.shard.prefix));
        }
        hooks.push(hook);
    }
    Ok(hooks)
}

/// What the engine is told.
fn engine(prefix: String, back_ends: Vec<String>, original: &Original<'_>) -> Result<hook::Settings, SettingsError> {
    let Original { values, strict } = *original;
    Ok(hook::Settings {
        prefix,
        strict,
        back_ends,
        choice: match values.text("balance").as_str() {
            "least_in_flight" => Choice::LeastInFlight,
            "hash" => Choice::Hash,
            _ => Choice::RoundRobin,
        },
        protocol: match values.text("backend_protocol").as_str() {
            "http1" => Protocol::Http1,
            "h2" => Protocol::H2,
            _ => Protocol::Agreed,
        },
        connect_timeout: original.time("connect_timeout", ORIGINAL_TIMEOUT),
        message_timeout: original.time("message_timeout", ORIGINAL_TIMEOUT),
        end_timeout: original.time("close_timeout", ORIGINAL_TIMEOUT),
        in_flight: original.number("max_in_flight", 16),
        requests_max: values.number("backend_connections"),
        governs: values.flag("governor"),
        waiting_max: values.number("backend_queue"),
        on_flood: match values.text("backend_queue_policy").as_str() {
            "close" => OnFlood::Close,
            "drop" => OnFlood::Drop,
            _ => OnFlood::Wait,
        },
        on_failure: if values.text("on_failure") == "ignore" { OnFailure::Ignore } else { OnFailure::Close },
        circuit: circuit(original)?,
        connect_waits: values.text("circuit_connect") == "wait",
        on_open: match values.text("circuit_message").as_str() {
            "close" => OnOpen::Close,
            "drop" => OnOpen::Drop,
            // There a message that finds nobody is answered at once, with nothing.
            _ if strict && !values.has("circuit_message") => OnOpen::Drop,
            _ => OnOpen::Wait,
        },
        answer_bytes_max: original.number("response_size_limit", ORIGINAL_BYTES),
        redirects_max: original.number("redirects", 10),
        ends_max: values.number("close_queue"),
        ends_age: original.time("close_retry_age", Duration::ZERO),
    })
}

/// The options, with what the original has where nobody says otherwise and the mode is strict.
struct Original<'v> {
    values: &'v Values,
    strict: bool,
}

/// The original's largest message, and its time-out.
const ORIGINAL_BYTES: usize = 16 << 20;
const ORIGINAL_TIMEOUT: Duration = Duration::from_secs(60);

impl Original<'_> {
    fn number<T: TryFrom<u64>>(&self, name: &str, there: T) -> T {
        if self.strict && !self.values.has(name) { there } else { self.values.number(name) }
    }

    fn time(&self, name: &str, there: Duration) -> Duration {
        if self.strict && !self.values.has(name) { there } else { self.values.time(name) }
    }
}

/// The number of its listener: 0 is the server's own.
fn door(before: &[HookSettings], listen: Option<SocketAddr>) -> u16 {
    let known = before.iter().find(|hook| hook.listen == listen).map(|hook| hook.shard.door);
    let next = || before.iter().map(|hook| hook.shard.door).max().unwrap_or(0) + 1;
    if listen.is_none() { 0 } else { known.unwrap_or_else(next) }
}

/// Listeners of hooks must be told apart from each other and from the server's own.
///
/// # Errors
/// The first that can't be.
pub(super) fn check_addresses(own: SocketAddr, hooks: &[HookSettings]) -> Result<(), SettingsError> {
    let meets = |one: SocketAddr, other: SocketAddr| {
        let (here, there) = (one.ip().to_canonical(), other.ip().to_canonical());
        one.port() == other.port() && (here == there || here.is_unspecified() || there.is_unspecified())
    };
    for (at, hook) in hooks.iter().enumerate() {
        let Some(listen) = hook.listen else {
            continue;
        };
        let wrong = |what: &str| {
            let key = format!("ws2api[{at}].listen");
            Err(SettingsError::Malformed { key, reason: format!("'{listen}': {what}") })
        };
        if meets(listen, own) {
            return wrong(&format!("the server itself listens on {own}"));
        }
        let others = hooks[..at].iter().filter_map(|other| other.listen);
        if let Some(other) = others.into_iter().find(|other| *other != listen && meets(listen, *other)) {
            return wrong(&format!("it and {other} are one port: write both alike"));
        }
    }
    Ok(())
}

fn listen(values: &Values) -> Result<Option<SocketAddr>, SettingsError> {
    let text = values.text("listen");
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(Some(address)),
        Ok(_) | Err(_) => {
            let reason = format!("'{text}': an address and a port from 1 to 65535, as 127.0.0.1:7001 or [::]:7001");
            Err(values.malformed("listen", reason))
        }
    }
}

fn hook(spelled: &str, values: &Values) -> Result<HookSettings, SettingsError> {
    let listen = listen(values)?;
    let prefix = prefix(spelled, values, listen.is_some())?;
    let mut keys = values.words("api_keys");
    keys.extend(Some(values.text("api_key")).filter(|key| !key.is_empty()));
    let open = values.flag("insecure");
    if keys.is_empty() && !open {
        let reason = "a back end needs a key to push: 'api_key', or 'insecure = true' where nobody else comes".into();
        return Err(SettingsError::Malformed { key: format!("{spelled}.api_key"), reason });
    }
    let back_ends = values.words("backends");
    if back_ends.is_empty() || back_ends.len() > BACK_ENDS_MAX {
        let reason = format!("there are {}: from 1 to {BACK_ENDS_MAX} URLs", back_ends.len());
        return Err(SettingsError::Malformed { key: format!("{spelled}.backends"), reason });
    }
    let strict = values.text("mode") == "strict";
    let original = Original { values, strict };
    let in_flight: u16 = original.number("max_in_flight", 16);
    let shard = Hook {
        door: 0,
        strict,
        prefix: prefix.as_str().into(),
        keys: keys.into_iter().map(Into::into).collect(),
        open,
        fields: fields(values)?,
        query: values.flag("forward_query"),
        message_bytes: original.number("message_size_limit", ORIGINAL_BYTES),
        push_bytes: original.number("push_size_limit", ORIGINAL_BYTES),
        messages: in_flight + original.number::<u16>("connection_queue", 0),
        overflow: match values.text("connection_queue_policy").as_str() {
            "close" => Overflow::Close,
            "drop" => Overflow::Drop,
            _ => Overflow::Wait,
        },
        duplicates: match values.text("duplicate_id").as_str() {
            "refuse" => Duplicates::Refuse,
            "both" => Duplicates::Both,
            "keep" => Duplicates::Keep,
            _ if strict && !values.has("duplicate_id") => Duplicates::Keep,
            _ => Duplicates::Newest,
        },
    };
    let engine = engine(prefix, back_ends, &original)?;
    engine
        .check()
        .map_err(|error| SettingsError::Malformed { key: format!("{spelled}.backends"), reason: error.to_string() })?;
    Ok(HookSettings { listen, shard, engine })
}

/// When a back end is taken to be down.
fn circuit(original: &Original<'_>) -> Result<CircuitSettings, SettingsError> {
    let values = original.values;
    let (pause, pause_max) = (values.time("circuit_pause"), values.time("circuit_pause_max"));
    if pause_max < pause {
        let reason = format!("it is at least 'circuit_pause', {} ms", pause.as_millis());
        return Err(values.malformed("circuit_pause_max", reason));
    }
    Ok(CircuitSettings { failures: original.number("circuit_failures", 0), pause, pause_max })
}

/// With a slash at its end, whether or not it was written.
fn prefix(spelled: &str, values: &Values, is_alone: bool) -> Result<String, SettingsError> {
    let prefix = values.text("prefix");
    let wrong = |reason: &str| {
        Err(SettingsError::Malformed { key: format!("{spelled}.prefix"), reason: format!("'{prefix}': {reason}") })
    };
    let path = prefix.strip_suffix('/').unwrap_or(&prefix);
    if path.is_empty() && is_alone && prefix == "/" {
        return Ok(prefix);
    }
    if path.is_empty() {
        return wrong("a path such as '/ws/' is wanted: everything else is served beside it, but where 'listen' is");
    }
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%*{}".contains(&byte)) {
        return wrong("a path begins with '/', in letters that need no escape");
    }
    let is_within = |taken: &str| path.strip_prefix(taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match TAKEN.into_iter().find(|taken| !is_alone && is_within(taken)) {
        Some(taken) => wrong(&format!("'{taken}' has another meaning")),
        None => Ok(format!("{path}/")),
    }
}

fn fields(values: &Values) -> Result<Vec<Box<str>>, SettingsError> {
    let mut fields = values.words("forward_headers");
    fields.iter_mut().for_each(|name| name.make_ascii_lowercase());
    fields.sort();
    fields.dedup();
    match fields.iter().find(|name| !is_forwardable(name)) {
        Some(name) => Err(values.malformed("forward_headers", format!("'{name}' is no field that is passed on"))),
        None => Ok(fields.into_iter().map(Into::into).collect()),
    }
}

/// Whether a field of this name, in lower case, may be passed on to a back end.
pub(super) fn is_forwardable(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !NEVER.contains(&name) && !name.starts_with("ringcast-") && !name.is_empty() && name.bytes().all(is_token)
}
