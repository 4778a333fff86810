//! The prefixes whose WebSockets are a back end's: what of them shards are told, and what the engine is.
use hook::{Choice, CircuitSettings, OnFailure, OnFlood, OnOpen};
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
        let hook = hook(spelled, values)?;
        let prefix = &*hook.shard.prefix;
        let wrong = |reason: String| Err(SettingsError::Malformed { key: format!("{spelled}.prefix"), reason });
        if let Some(path) = endpoints.paths().find(|path| path.starts_with(prefix)) {
            return wrong(format!("'{prefix}': a transport is served at '{path}'"));
        }
        let overlaps = |other: &&HookSettings| {
            let other = &*other.shard.prefix;
            other.starts_with(prefix) || prefix.starts_with(other)
        };
        if let Some(other) = hooks.iter().find(overlaps) {
            return wrong(format!("'{prefix}': it and '{}' begin alike", other.shard.prefix));
        }
        hooks.push(hook);
    }
    Ok(hooks)
}

fn hook(spelled: &str, values: &Values) -> Result<HookSettings, SettingsError> {
    let prefix = prefix(spelled, values)?;
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
    let in_flight: u16 = values.number("max_in_flight");
    let shard = Hook {
        prefix: prefix.as_str().into(),
        keys: keys.into_iter().map(Into::into).collect(),
        open,
        fields: fields(values)?,
        query: values.flag("forward_query"),
        message_bytes: values.number("message_size_limit"),
        push_bytes: values.number("push_size_limit"),
        messages: in_flight + values.number::<u16>("connection_queue"),
        overflow: match values.text("connection_queue_policy").as_str() {
            "close" => Overflow::Close,
            "drop" => Overflow::Drop,
            _ => Overflow::Wait,
        },
        duplicates: match values.text("duplicate_id").as_str() {
            "refuse" => Duplicates::Refuse,
            "both" => Duplicates::Both,
            _ => Duplicates::Newest,
        },
    };
    let engine = hook::Settings {
        prefix,
        back_ends,
        choice: match values.text("balance").as_str() {
            "least_in_flight" => Choice::LeastInFlight,
            "hash" => Choice::Hash,
            _ => Choice::RoundRobin,
        },
        connect_timeout: values.time("connect_timeout"),
        message_timeout: values.time("message_timeout"),
        end_timeout: values.time("close_timeout"),
        in_flight,
        requests_max: values.number("backend_connections"),
        governs: values.flag("governor"),
        waiting_max: values.number("backend_queue"),
        on_flood: if values.text("backend_queue_policy") == "drop" { OnFlood::Drop } else { OnFlood::Close },
        on_failure: if values.text("on_failure") == "ignore" { OnFailure::Ignore } else { OnFailure::Close },
        circuit: circuit(values)?,
        connect_waits: values.text("circuit_connect") == "wait",
        on_open: match values.text("circuit_message").as_str() {
            "close" => OnOpen::Close,
            "drop" => OnOpen::Drop,
            _ => OnOpen::Wait,
        },
        answer_bytes_max: values.number("response_size_limit"),
        redirects_max: values.number("redirects"),
        ends_max: values.number("close_queue"),
        ends_age: values.time("close_retry_age"),
    };
    engine
        .check()
        .map_err(|error| SettingsError::Malformed { key: format!("{spelled}.backends"), reason: error.to_string() })?;
    Ok(HookSettings { shard, engine })
}

/// When a back end is taken to be down.
fn circuit(values: &Values) -> Result<CircuitSettings, SettingsError> {
    let (pause, pause_max) = (values.time("circuit_pause"), values.time("circuit_pause_max"));
    if pause_max < pause {
        let reason = format!("it is at least 'circuit_pause', {} ms", pause.as_millis());
        return Err(values.malformed("circuit_pause_max", reason));
    }
    Ok(CircuitSettings { failures: values.number("circuit_failures"), pause, pause_max })
}

/// With a slash at its end, whether or not it was written.
fn prefix(spelled: &str, values: &Values) -> Result<String, SettingsError> {
    let prefix = values.text("prefix");
    let wrong = |reason: &str| {
        Err(SettingsError::Malformed { key: format!("{spelled}.prefix"), reason: format!("'{prefix}': {reason}") })
    };
    let path = prefix.strip_suffix('/').unwrap_or(&prefix);
    if path.is_empty() {
        return wrong("a path such as '/ws/' is wanted: everything else is served beside it");
    }
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%*{}".contains(&byte)) {
        return wrong("a path begins with '/', in letters that need no escape");
    }
    let is_within = |taken: &str| path.strip_prefix(taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match TAKEN.into_iter().find(|taken| is_within(taken)) {
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
