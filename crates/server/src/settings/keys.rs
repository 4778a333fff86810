//! The tables of all keys. Every row is Centrifugo's name where Centrifugo has one, and Ringcast's own where it has none; Ringcast's
//! earlier names for the same things are rows of their own.
use super::key::{Key, State};

mod client;
mod hook;
mod namespace;
mod proxies;
mod rates;
mod rest;
pub(crate) mod server;
mod transports;

/// Keys that are looked up together.
#[derive(Debug)]
pub(crate) struct Table {
    parts: &'static [&'static [Key]],
}

/// What a server is told.
pub(crate) static SERVER: Table = Table {
    parts: &[
        server::KEYS,
        client::KEYS,
        rates::CLIENT,
        rates::USER,
        rates::REST,
        client::TOKEN,
        client::SUBSCRIPTION_TOKEN,
        proxies::CLIENT,
        proxies::CONNECT,
        transports::WEBSOCKET,
        transports::SSE,
        transports::HTTP_STREAM,
        transports::EMULATION,
        transports::UNI_WEBSOCKET,
        transports::UNI_SSE,
        transports::UNI_SSE_STATUS,
        transports::UNI_HTTP_STREAM,
        transports::UNI_HTTP_STREAM_STATUS,
        proxies::CALLS,
        proxies::RPC,
        proxies::SUBSCRIBE,
        proxies::PUBLISH,
        rest::KEYS,
    ],
};

/// What is said of a namespace: of Centrifugo's (`channel.namespaces`, `channel.without_namespace`) and of Ringcast's (`namespace`).
pub(crate) static NAMESPACE: Table = Table { parts: &[namespace::KEYS] };

/// Lists and sections of namespaces, which [`NAMESPACE`] describes.
pub(crate) const NAMESPACES: &str = "channel.namespaces";
pub(crate) const WITHOUT_NAMESPACE: &str = "channel.without_namespace";
pub(crate) const PATTERNS: &str = "namespace";

/// What is said of one of [`PROXIES`].
pub(crate) static PROXY: Table = Table { parts: &[proxies::NAME, proxies::NAMED] };

/// The list of event proxies that namespaces may name.
pub(crate) const PROXIES: &str = "proxies";

/// What is said of one of [`METHODS`].
pub(crate) static METHOD: Table = Table { parts: &[proxies::METHODS] };

/// The list of namespaces of methods that clients may call.
pub(crate) const METHODS: &str = "rpc.namespaces";

/// What is said of one of [`HOOKS`].
pub(crate) static HOOK: Table = Table { parts: &[hook::KEYS] };

/// The list of prefixes whose WebSockets are a back end's.
pub(crate) const HOOKS: &str = "ws2api";

impl Table {
    /// All rows, in the order of the page.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.parts.iter().copied().flatten()
    }

    /// The row of this name, or of the section that it is in.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Key> {
        self.exact(name).or_else(|| self.keys().find(|key| key.is_section() && is_below(name, key.name)))
    }

    /// The row of this name.
    pub(crate) fn exact(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// The row that a variable's name stands for, the rest of it below a section that nobody looks into.
    pub(crate) fn of_variable(&self, name: &str) -> Option<&'static Key> {
        let spelled = |key: &Key| variable(key.name);
        let exact = self.keys().find(|key| spelled(key) == name);
        let within =
            |key: &&Key| key.is_section() && name.strip_prefix(&spelled(key)).is_some_and(|rest| rest.starts_with('_'));
        exact.or_else(|| self.keys().find(within))
    }

    /// True if keys of this section exist.
    pub(crate) fn has_section(&self, name: &str) -> bool {
        self.keys().any(|key| is_below(key.name, name))
    }

    /// The key that works and that this row means.
    pub(crate) fn meant(&self, key: &'static Key) -> &'static Key {
        match key.state {
            State::Same(of) | State::SameInMillis(of) => {
                self.exact(of).unwrap_or_else(|| unreachable!("a test sees that '{of}' is a row"))
            }
            State::Works | State::Missing(_) | State::Idle(_) => key,
        }
    }
}

impl Key {
    fn is_section(&self) -> bool {
        matches!(self.kind, super::key::Kind::Anything) && matches!(self.state, State::Missing(_) | State::Idle(_))
    }
}

fn is_below(name: &str, section: &str) -> bool {
    name.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// A key's name in the environment, without the prefix.
pub(crate) fn variable(name: &str) -> String {
    name.replace(['.', '-'], "_").to_ascii_uppercase()
}
