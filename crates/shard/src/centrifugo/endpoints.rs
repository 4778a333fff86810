//! Which of Centrifugo's transports a server has and where, and whose pages may use them: the protocol page, section 1.1.
use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use base::units::KIB;
use hub::glob_fits;

use super::refusal_codes::RefusalCodes;

/// One endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Whether it is served.
    pub enabled: bool,
    /// Its path: begins with a slash and does not end with one.
    pub path: Box<str>,
    /// Largest body of a request in bytes, where requests have one.
    pub body_bytes: usize,
}

/// The endpoints of Centrifugo's protocol.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// The bidirectional WebSocket.
    pub websocket: Endpoint,
    /// Event streams; what the client says comes to `emulation`.
    pub sse: Endpoint,
    /// Responses without an end; what the client says comes to `emulation`.
    pub http_stream: Endpoint,
    /// What clients of `sse` and `http_stream` say. Served if one of them is.
    pub emulation: Endpoint,
    /// The unidirectional WebSocket.
    pub uni_websocket: Endpoint,
    /// Unidirectional event streams.
    pub uni_sse: Endpoint,
    /// Unidirectional responses without an end.
    pub uni_http_stream: Endpoint,
    /// How the unidirectional WebSocket ends.
    pub uni_farewell: Farewell,
    /// What clients of the unidirectional ones are told that may not connect.
    pub refusal_codes: RefusalCodes,
    /// Whose pages may use them.
    pub origins: Origins,
    /// Names this server among others to its clients; different at each start.
    pub node: Box<str>,
}

/// How a unidirectional WebSocket tells its client of a disconnect, before the connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Farewell {
    /// By a push.
    pub push: bool,
    /// By a close frame.
    pub close_frame: bool,
}

impl Default for Farewell {
    fn default() -> Self {
        Self { push: true, close_frame: true }
    }
}

/// The origins whose pages may connect. Who sends no `Origin` is no page, and may.
#[derive(Clone, Default, Debug)]
pub enum Origins {
    /// None.
    #[default]
    None,
    /// All.
    Any,
    /// Those that one of these globs fits, in lower case: `*` is any characters, `?` one.
    Globs(Vec<Box<str>>),
}

impl Origins {
    /// Whether a page of this origin may connect.
    #[must_use]
    pub fn admit(&self, origin: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::Globs(globs) => {
                let origin = origin.to_ascii_lowercase();
                globs.iter().any(|glob| glob_fits(glob, &origin))
            }
        }
    }
}

impl Endpoint {
    /// An endpoint at `path`, with bodies of at most 64 KiB.
    #[must_use]
    pub fn at(path: &str, enabled: bool) -> Self {
        Self { enabled, path: path.into(), body_bytes: 64 * KIB }
    }

    /// Whether a request for `path` is for this endpoint.
    pub(crate) fn serves(&self, path: &str) -> bool {
        self.enabled && *self.path == *path
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            websocket: Endpoint::at("/connection/websocket", true),
            sse: Endpoint::at("/connection/sse", false),
            http_stream: Endpoint::at("/connection/http_stream", false),
            emulation: Endpoint::at("/emulation", false),
            uni_websocket: Endpoint::at("/connection/uni_websocket", false),
            uni_sse: Endpoint::at("/connection/uni_sse", false),
            uni_http_stream: Endpoint::at("/connection/uni_http_stream", false),
            uni_farewell: Farewell::default(),
            refusal_codes: RefusalCodes::default(),
            origins: Origins::None,
            node: Box::default(),
        }
    }
}

impl Endpoints {
    /// All of them, in their places.
    #[must_use]
    pub fn all() -> Self {
        let mut all = Self::default();
        for endpoint in all.each_mut() {
            endpoint.enabled = true;
        }
        all
    }

    /// The paths that are served.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.each().into_iter().filter(|endpoint| endpoint.enabled).map(|endpoint| &*endpoint.path)
    }

    /// Two endpoints at one path, if there are.
    #[must_use]
    pub fn clash(&self) -> Option<String> {
        let mut paths: Vec<&str> = self.paths().collect();
        paths.sort_unstable();
        paths.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned())
    }

    fn each(&self) -> [&Endpoint; 7] {
        let Self { websocket, sse, http_stream, emulation, uni_websocket, uni_sse, uni_http_stream, .. } = self;
        [websocket, sse, http_stream, emulation, uni_websocket, uni_sse, uni_http_stream]
    }

    fn each_mut(&mut self) -> [&mut Endpoint; 7] {
        let Self { websocket, sse, http_stream, emulation, uni_websocket, uni_sse, uni_http_stream, .. } = self;
        [websocket, sse, http_stream, emulation, uni_websocket, uni_sse, uni_http_stream]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_in_lower_case() {
        let globs = ["https://*.example.com", "http://localhost:*", "null"];
        let listed = Origins::Globs(globs.map(Box::from).into());
        for (origin, admitted) in [
            ("https://a.example.com", true),
            ("HTTPS://A.Example.COM", true),
            ("https://a.b.example.com", true),
            ("https://example.com", false),
            ("https://a.example.com.evil.org", false),
            ("http://a.example.com", false),
            ("http://localhost:3000", true),
            ("null", true),
        ] {
            assert_eq!(listed.admit(origin), admitted, "{origin}");
            assert!(Origins::Any.admit(origin) && !Origins::None.admit(origin), "{origin}");
        }
    }

    #[test]
    fn two_endpoints_at_one_path_are_found() {
        let mut endpoints = Endpoints::all();
        assert_eq!((endpoints.clash(), endpoints.paths().count()), (None, 7));
        endpoints.uni_sse.path = "/connection/sse".into();
        assert_eq!(endpoints.clash().as_deref(), Some("/connection/sse"));
        endpoints.sse.enabled = false;
        assert_eq!(endpoints.clash(), None);
    }
}
