//! The endpoints of Centrifugo's transports, under Centrifugo's own keys: the sections `websocket`, `sse`, `http_stream`, `emulation`,
//! `uni_websocket`, `uni_sse` and `uni_http_stream`, and `client.allowed_origins`.
use base::units::MIB;
use serde::{Deserialize, Serialize};
use shard::{Endpoint, Endpoints, Origins};

use super::SettingsError;
use super::file::within;

/// Largest body that may be configured, in bytes.
const BODY_BYTES_MAX: u64 = 16 * MIB as u64;

/// The sections as they are written in the file.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default)]
pub(super) struct Transports {
    pub(super) websocket: WebSocket,
    pub(super) sse: Stream,
    pub(super) http_stream: Stream,
    pub(super) emulation: Emulation,
    pub(super) uni_websocket: UniWebSocket,
    pub(super) uni_sse: Stream,
    pub(super) uni_http_stream: Stream,
}

/// Section `websocket`.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WebSocket {
    disabled: bool,
    handler_prefix: Option<String>,
}

/// Section `uni_websocket`.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct UniWebSocket {
    /// None: off, but on with `--dev`.
    enabled: Option<bool>,
    handler_prefix: Option<String>,
}

/// Sections `sse`, `http_stream`, `uni_sse` and `uni_http_stream`.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stream {
    /// None: off, but on with `--dev`.
    enabled: Option<bool>,
    handler_prefix: Option<String>,
    max_request_body_size: Option<u64>,
}

/// Section `emulation`.
#[derive(Clone, Default, Serialize, Deserialize, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Emulation {
    handler_prefix: Option<String>,
    max_request_body_size: Option<u64>,
}

impl Transports {
    /// Checks every value. With `dev` everything is on, for the pages of all origins, unless the file says otherwise.
    pub(super) fn check(self, origins: Vec<String>, dev: bool) -> Result<Endpoints, SettingsError> {
        let Self { websocket, sse, http_stream, emulation, uni_websocket, uni_sse, uni_http_stream } = self;
        let default = Endpoints::default();
        let streams = sse.enabled.unwrap_or(dev) || http_stream.enabled.unwrap_or(dev);
        let endpoints = Endpoints {
            websocket: endpoint("websocket", default.websocket, !websocket.disabled, websocket.handler_prefix, None)?,
            sse: sse.check("sse", default.sse, dev)?,
            http_stream: http_stream.check("http_stream", default.http_stream, dev)?,
            emulation: endpoint(
                "emulation",
                default.emulation,
                streams,
                emulation.handler_prefix,
                emulation.max_request_body_size,
            )?,
            uni_websocket: endpoint(
                "uni_websocket",
                default.uni_websocket,
                uni_websocket.enabled.unwrap_or(dev),
                uni_websocket.handler_prefix,
                None,
            )?,
            uni_sse: uni_sse.check("uni_sse", default.uni_sse, dev)?,
            uni_http_stream: uni_http_stream.check("uni_http_stream", default.uni_http_stream, dev)?,
            origins: check_origins(origins, dev)?,
            node: default.node,
        };
        match endpoints.clash() {
            Some(path) => {
                let reason = format!("two transports are served at '{path}'");
                Err(SettingsError::Malformed { key: "handler_prefix".into(), reason })
            }
            None => Ok(endpoints),
        }
    }
}

impl Stream {
    fn check(self, section: &'static str, default: Endpoint, dev: bool) -> Result<Endpoint, SettingsError> {
        let Self { enabled, handler_prefix, max_request_body_size } = self;
        endpoint(section, default, enabled.unwrap_or(dev), handler_prefix, max_request_body_size)
    }
}

fn endpoint(
    section: &'static str,
    default: Endpoint,
    enabled: bool,
    prefix: Option<String>,
    body_bytes: Option<u64>,
) -> Result<Endpoint, SettingsError> {
    let path = match prefix {
        Some(prefix) => check_prefix(section, &prefix)?,
        None => default.path,
    };
    let body_bytes = match body_bytes {
        Some(bytes) => usize::try_from(within(body_key(section), bytes, 64, BODY_BYTES_MAX)?).unwrap_or(usize::MAX),
        None => default.body_bytes,
    };
    Ok(Endpoint { enabled, path, body_bytes })
}

fn body_key(section: &str) -> &'static str {
    match section {
        "sse" => "sse.max_request_body_size",
        "http_stream" => "http_stream.max_request_body_size",
        "uni_sse" => "uni_sse.max_request_body_size",
        "uni_http_stream" => "uni_http_stream.max_request_body_size",
        _ => "emulation.max_request_body_size",
    }
}

/// Paths that have another meaning: what shards and the control plane serve.
const TAKEN: [&str; 9] = ["/page", "/sub", "/pub", "/api", "/echo", "/metrics", "/healthz", "/readyz", "/stats"];

/// A path without its trailing slash, as Centrifugo takes it.
fn check_prefix(section: &str, prefix: &str) -> Result<Box<str>, SettingsError> {
    let malformed = |reason: &str| {
        let key = format!("{section}.handler_prefix");
        SettingsError::Malformed { key, reason: format!("'{prefix}': {reason}") }
    };
    let path = prefix.strip_suffix('/').unwrap_or(prefix);
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%*{}".contains(&byte)) {
        return Err(malformed("a path begins with '/', in letters that need no escape"));
    }
    let is_within = |taken: &str| path.strip_prefix(taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match TAKEN.into_iter().find(|taken| is_within(taken)) {
        Some(taken) => Err(malformed(&format!("'{taken}' has another meaning"))),
        None => Ok(path.into()),
    }
}

fn check_origins(origins: Vec<String>, dev: bool) -> Result<Origins, SettingsError> {
    if let Some(pattern) =
        origins.iter().find(|pattern| pattern.is_empty() || pattern.contains(['[', ']', '{', '}', '\\']))
    {
        let reason =
            format!("'{pattern}': an origin such as https://*.example.com, where * is any characters and ? one");
        return Err(SettingsError::Malformed { key: "client.allowed_origins".into(), reason });
    }
    Ok(match origins {
        origins if origins.iter().any(|pattern| pattern == "*") => Origins::Any,
        origins if origins.is_empty() && dev => Origins::Any,
        origins if origins.is_empty() => Origins::None,
        origins => Origins::Globs(origins.iter().map(|pattern| pattern.to_ascii_lowercase().into()).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Transports {
        use figment::providers::{Format as _, Toml};
        figment::Figment::new().merge(Toml::string(text)).extract().unwrap()
    }

    #[test]
    fn only_the_websocket_is_on_unless_told_or_in_development() {
        let normal = Transports::default().check(vec![], false).unwrap();
        assert_eq!(normal.paths().collect::<Vec<_>>(), ["/connection/websocket"]);
        assert!(!normal.origins.admit("https://example.com"));
        let dev = Transports::default().check(vec![], true).unwrap();
        assert_eq!(dev.paths().count(), 7);
        assert!(dev.origins.admit("https://example.com"));
        let told = read("[sse]\nenabled = true\n[websocket]\ndisabled = true").check(vec![], false).unwrap();
        assert_eq!(told.paths().collect::<Vec<_>>(), ["/connection/sse", "/emulation"]);
        let off = read("[sse]\nenabled = false\n[http_stream]\nenabled = false").check(vec![], true).unwrap();
        assert!(!off.sse.enabled && !off.emulation.enabled && off.uni_sse.enabled);
    }

    #[test]
    fn paths_and_sizes_are_checked() {
        let text = "[sse]\nhandler_prefix = \"/a/b/\"\nmax_request_body_size = 1000";
        let endpoints = read(text).check(vec![], true).unwrap();
        assert_eq!((&*endpoints.sse.path, endpoints.sse.body_bytes), ("/a/b", 1_000));
        for (text, key) in [
            ("[sse]\nhandler_prefix = \"a\"", "sse.handler_prefix"),
            ("[sse]\nhandler_prefix = \"/\"", "sse.handler_prefix"),
            ("[websocket]\nhandler_prefix = \"/a b\"", "websocket.handler_prefix"),
            ("[emulation]\nhandler_prefix = \"/api/x\"", "emulation.handler_prefix"),
            ("[uni_sse]\nhandler_prefix = \"/emulation\"", "'/emulation'"),
            ("[uni_sse]\nmax_request_body_size = 1", "uni_sse.max_request_body_size = 1 is out of range"),
        ] {
            let error = read(text).check(vec![], true).unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn origins_are_globs() {
        let admit = |patterns: &[&str], origin: &str| {
            let patterns = patterns.iter().map(ToString::to_string).collect();
            Transports::default().check(patterns, true).unwrap().origins.admit(origin)
        };
        assert!(admit(&["https://Example.com"], "https://example.com"));
        assert!(!admit(&["https://example.com"], "https://example.org"), "development too, once origins are listed");
        assert!(admit(&["https://example.com", "*"], "https://example.org"));
        for wrong in ["", "https://{a,b}.example.com"] {
            let error = Transports::default().check(vec![wrong.into()], true).unwrap_err().to_string();
            assert!(error.starts_with("client.allowed_origins"), "{error}");
        }
    }
}
