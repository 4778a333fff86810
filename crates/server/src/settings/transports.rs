//! The endpoints of Centrifugo's transports, and whose pages may use them.
use shard::{Endpoint, Endpoints, Farewell, Origins};

use super::SettingsError;
use super::values::Values;

/// Puts the endpoints together. With `dev` all of them are on, for the pages of all origins, unless it is said otherwise.
pub(crate) fn build(values: &Values, dev: bool) -> Result<Endpoints, SettingsError> {
    let sse = stream(values, "sse", dev)?;
    let http_stream = stream(values, "http_stream", dev)?;
    let endpoints = Endpoints {
        websocket: Endpoint { enabled: !values.flag("websocket.disabled"), ..endpoint(values, "websocket")? },
        emulation: Endpoint {
            enabled: sse.enabled || http_stream.enabled,
            body_bytes: values.number("emulation.max_request_body_size"),
            ..endpoint(values, "emulation")?
        },
        uni_websocket: Endpoint {
            body_bytes: values.number("uni_websocket.message_size_limit"),
            ..switched(values, "uni_websocket", dev)?
        },
        uni_sse: stream(values, "uni_sse", dev)?,
        uni_http_stream: stream(values, "uni_http_stream", dev)?,
        uni_farewell: Farewell {
            push: !values.flag("uni_websocket.disable_disconnect_push"),
            close_frame: !values.flag("uni_websocket.disable_closing_handshake"),
        },
        sse,
        http_stream,
        origins: origins(values, dev)?,
        node: Box::default(),
    };
    match endpoints.clash() {
        Some(path) => {
            let key = "handler_prefix".to_owned();
            Err(SettingsError::Malformed { key, reason: format!("two transports are served at '{path}'") })
        }
        None => Ok(endpoints),
    }
}

fn stream(values: &Values, section: &str, dev: bool) -> Result<Endpoint, SettingsError> {
    let body_bytes = values.number(&format!("{section}.max_request_body_size"));
    Ok(Endpoint { body_bytes, ..switched(values, section, dev)? })
}

/// An endpoint that is off unless it is said otherwise.
fn switched(values: &Values, section: &str, dev: bool) -> Result<Endpoint, SettingsError> {
    let enabled = format!("{section}.enabled");
    let enabled = if dev && !values.has(&enabled) { true } else { values.flag(&enabled) };
    Ok(Endpoint { enabled, ..endpoint(values, section)? })
}

/// Paths that have another meaning: what shards and the control plane serve.
pub(super) const TAKEN: [&str; 10] =
    ["/page", "/sub", "/pub", "/api", "/echo", "/metrics", "/health", "/healthz", "/readyz", "/stats"];

fn endpoint(values: &Values, section: &str) -> Result<Endpoint, SettingsError> {
    let key = format!("{section}.handler_prefix");
    let prefix = values.text(&key);
    let malformed = |reason: &str| values.malformed(&key, format!("'{prefix}': {reason}"));
    let path = prefix.strip_suffix('/').unwrap_or(&prefix);
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%*{}".contains(&byte)) {
        return Err(malformed("a path begins with '/', in letters that need no escape"));
    }
    let is_within = |taken: &str| path.strip_prefix(taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match TAKEN.into_iter().find(|taken| is_within(taken)) {
        Some(taken) => Err(malformed(&format!("'{taken}' has another meaning"))),
        None => Ok(Endpoint::at(path, true)),
    }
}

fn origins(values: &Values, dev: bool) -> Result<Origins, SettingsError> {
    let origins = values.words("client.allowed_origins");
    let is_wrong = |pattern: &&String| pattern.is_empty() || pattern.contains(['[', ']', '{', '}', '\\']);
    if let Some(pattern) = origins.iter().find(is_wrong) {
        let reason =
            format!("'{pattern}': an origin such as https://*.example.com, where * is any characters and ? one");
        return Err(values.malformed("client.allowed_origins", reason));
    }
    Ok(match origins {
        origins if origins.iter().any(|pattern| pattern == "*") => Origins::Any,
        origins if origins.is_empty() && dev => Origins::Any,
        origins if origins.is_empty() => Origins::None,
        origins => Origins::Globs(origins.iter().map(|pattern| pattern.to_ascii_lowercase().into()).collect()),
    })
}
