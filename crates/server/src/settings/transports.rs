//! The endpoints of Centrifugo's transports, and whose pages may use them.
use control::Paths;
use shard::{CodeToDisconnect, CodeToStatus, Endpoint, Endpoints, Farewell, Origins, RefusalCodes};

use super::SettingsError;
use super::value::Transform;
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
        refusal_codes: RefusalCodes {
            disconnects: disconnects(values),
            sse: statuses(values, "uni_sse"),
            http_stream: statuses(values, "uni_http_stream"),
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

const DISCONNECTS: &str = "client.connect_code_to_unidirectional_disconnect";

fn disconnects(values: &Values) -> Vec<CodeToDisconnect> {
    let told = |Transform { of, code, words }| CodeToDisconnect { of, code, reason: words.into() };
    let all = values.transforms(&format!("{DISCONNECTS}.transforms"));
    if values.flag(&format!("{DISCONNECTS}.enabled")) { all.into_iter().map(told).collect() } else { Vec::new() }
}

fn statuses(values: &Values, section: &str) -> Option<Vec<CodeToStatus>> {
    let told = |Transform { of, code, words }| CodeToStatus { of, status: code, body: words.into() };
    let key = |name: &str| format!("{section}.connect_code_to_http_response.{name}");
    let all = values.transforms(&key("transforms"));
    values.flag(&key("enabled")).then(|| all.into_iter().map(told).collect())
}

/// Where the control plane answers what.
pub(crate) fn paths(values: &Values, endpoints: &Endpoints) -> Result<Paths, SettingsError> {
    let mut taken: Vec<String> = endpoints.paths().map(str::to_owned).collect();
    let mut own = |section: &str, default: &str| {
        let key = format!("{section}.handler_prefix");
        let path = path(values, &key, Some(default))?;
        if taken.contains(&path) {
            return Err(values.malformed(&key, format!("something else is served at '{path}'")));
        }
        taken.push(path.clone());
        Ok(path)
    };
    let paths = Paths {
        api: Some(own("http_api", "/api")?).filter(|_| !values.flag("http_api.disabled")),
        metrics: own("prometheus", "/metrics")?,
        health: Some(own("health", "/health")?).filter(|_| values.flag("health.enabled")),
        init: Some(own("init", "/connection/init")?).filter(|_| values.flag("init.enabled")),
    };
    Ok(paths)
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
    path(values, &format!("{section}.handler_prefix"), None).map(|path| Endpoint::at(&path, true))
}

/// A path that has no other meaning than to be the key's own one.
fn path(values: &Values, key: &str, own: Option<&str>) -> Result<String, SettingsError> {
    let prefix = values.text(key);
    let malformed = |reason: &str| values.malformed(key, format!("'{prefix}': {reason}"));
    let path = prefix.strip_suffix('/').unwrap_or(&prefix);
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%*{}".contains(&byte)) {
        return Err(malformed("a path begins with '/', in letters that need no escape"));
    }
    let is_within = |taken: &str| path.strip_prefix(taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match TAKEN.into_iter().find(|taken| is_within(taken) && own != Some(taken)) {
        Some(taken) => Err(malformed(&format!("'{taken}' has another meaning"))),
        None => Ok(path.to_owned()),
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
