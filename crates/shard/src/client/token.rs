//! How a shard learns what a token says. It knows neither keys nor the time of day: both are its verifier's.
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use hub::{Caps, Operations, Override};

/// Verifies tokens; called on the shard's thread, in the midst of a turn.
pub trait TokenVerifier: fmt::Debug + Send + Sync {
    /// What the token says.
    ///
    /// # Errors
    /// Why it is refused.
    fn verify(&self, kind: TokenKind, token: &str) -> Result<Token, TokenError>;

    /// Whether a regular expression of a token's capabilities is found in a channel's name; in a time that is linear in the name.
    fn regex_fits(&self, expression: &str, name: &str) -> bool;
}

/// What a token is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// To connect, and to stay connected.
    Connection,
    /// To subscribe to one channel, and to stay subscribed.
    Subscription,
}

/// What a valid token says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Token {
    /// The user; empty: anonymous.
    pub user: Box<str>,
    /// Its name, by which it may be revoked; empty without one.
    pub id: Box<str>,
    /// The channel, of a subscription token.
    pub channel: Box<str>,
    /// JSON text that is told beside what the client publishes; empty without any.
    pub info: Box<[u8]>,
    /// JSON text that only back ends are told, of a connection token; empty without any.
    pub meta: Box<[u8]>,
    /// For how long what it allows lasts from now on; zero: it is over already.
    pub left: Option<Duration>,
    /// Channels that the server subscribes the client to, of a connection token; each once. Their names are not checked.
    pub subs: Box<[TokenSub]>,
    /// What the client is told when it is subscribed, of a subscription token; empty without any.
    pub data: Box<[u8]>,
    /// What is otherwise than the namespace says, of a subscription token.
    pub changes: Override,
    /// What the session may do beside what namespaces say, of a connection token.
    pub caps: Caps,
    /// What it may do with the channel beside that, of a subscription token.
    pub allow: Operations,
    /// What it may not do with it.
    pub deny: Operations,
}

impl Token {
    /// What it allows has ended already.
    pub(crate) fn is_over(&self) -> bool {
        self.left.is_some_and(|left| left.is_zero())
    }
}

/// A channel that a connection token names.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TokenSub {
    /// The channel.
    pub channel: Box<str>,
    /// JSON text that is told to others; empty without any.
    pub info: Box<[u8]>,
    /// What the client is told; empty without any.
    pub data: Box<[u8]>,
    /// What is otherwise than the namespace says.
    pub changes: Override,
}

/// Why a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// It was good once, or will be.
    Expired,
    /// It is none of ours.
    Invalid,
    /// What it takes to verify it is being fetched: the client is to come again.
    Later,
}

/// Who verifies tokens, and for how long what they allowed outlasts them: that is the time to refresh.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Without one no token is valid.
    pub verifier: Option<Arc<dyn TokenVerifier>>,
    /// How long a connection outlasts its token.
    pub connection_grace: Duration,
    /// How long a subscription outlasts its token.
    pub subscription_grace: Duration,
}

impl Tokens {
    /// Whether the expression is found in the name; not without a verifier, of which the expression would be.
    pub(crate) fn regex_fits(&self, expression: &str, name: &str) -> bool {
        self.verifier.as_ref().is_some_and(|verifier| verifier.regex_fits(expression, name))
    }

    /// What the token says.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, kind: TokenKind, token: &str) -> Result<Token, TokenError> {
        self.verifier.as_ref().map_or(Err(TokenError::Invalid), |verifier| verifier.verify(kind, token))
    }
}

impl Default for Tokens {
    fn default() -> Self {
        let grace = Duration::from_secs(25);
        Self { verifier: None, connection_grace: grace, subscription_grace: grace }
    }
}
