//! What a token says, and why one is refused.
use std::fmt;

use crate::caps::{Cap, CapFault, Operation};

/// What a valid token says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Token {
    /// The user; empty: anonymous.
    pub user: String,
    /// The channel of a subscription token.
    pub channel: Option<String>,
    /// JSON text; empty without any.
    pub info: String,
    /// JSON text that only backends are told, of a connection token; empty without any.
    pub meta: String,
    /// Its name, `jti`; empty without one.
    pub id: String,
    /// When it was made, `iat`, in seconds since 1970.
    pub issued: Option<i64>,
    /// When what it allows ends, in seconds since 1970: `expire_at`, or else `exp`. It may be over.
    pub expires: Option<i64>,
    /// Channels that the server subscribes the client to, of a connection token; each once.
    pub subs: Vec<TokenSub>,
    /// What the client is told when it is subscribed, of a subscription token; empty without any.
    pub data: Vec<u8>,
    /// What is otherwise than the channel's namespace says, of a subscription token.
    pub changes: Changes,
    /// What the client may do beside what namespaces say, of a connection token.
    pub caps: Vec<Cap>,
    /// What it may do with the channel beside that, of a subscription token.
    pub allow: Vec<Operation>,
    /// What it may not do with it.
    pub deny: Vec<Operation>,
}

/// A channel that the server subscribes a client to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TokenSub {
    /// The channel; not checked.
    pub channel: String,
    /// JSON text told to others; empty without any.
    pub info: String,
    /// What the client is told with it; empty without any.
    pub data: Vec<u8>,
    /// What is otherwise than the channel's namespace says.
    pub changes: Changes,
}

/// What is otherwise than the channel's namespace says: the options of the same names.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[expect(missing_docs, reason = "options of namespaces, which say what they mean")]
pub struct Changes {
    pub presence: Option<bool>,
    pub join_leave: Option<bool>,
    pub force_push_join_leave: Option<bool>,
    pub force_positioning: Option<bool>,
    pub force_recovery: Option<bool>,
}

/// Why a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// It is one of ours, but its time is over or has not begun.
    Expired,
    /// It is none of ours.
    Invalid(Fault),
    /// Its key is being fetched: nothing can be said yet.
    Later,
}

/// What is wrong with an invalid token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// More than [`crate::TOKEN_BYTES_MAX`].
    TooLarge,
    /// Not three parts, not base64url, not JSON, a claim of the wrong type, an unknown algorithm.
    Malformed,
    /// An algorithm for which there is no key.
    NoKey,
    /// The signature is not the key's.
    Signature,
    /// `aud` does not contain what it must.
    Audience,
    /// `iss` is not what it must be.
    Issuer,
    /// A subscription token where a connection token is due.
    ForSubscription,
    /// Its `caps` break a rule.
    Caps(CapFault),
    /// A token without a channel where a subscription token is due.
    NoChannel,
}

impl fmt::Display for TokenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => out.write_str("the token has expired, or is not good yet (exp, nbf)"),
            Self::Invalid(fault) => write!(out, "the token is invalid: {fault}"),
            Self::Later => out.write_str("the token's key is being fetched"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Caps(fault) => return fault.fmt(out),
            Self::TooLarge => "it is larger than 64 KiB",
            Self::Malformed => "it is no JSON Web Token, or a claim has the wrong type",
            Self::NoKey => "there is no key for its algorithm",
            Self::Signature => "it is not signed with the configured key",
            Self::Audience => "its audience (aud) is another",
            Self::Issuer => "its issuer (iss) is another",
            Self::ForSubscription => "it is for a subscription (channel)",
            Self::NoChannel => "it is for no channel",
        })
    }
}

impl std::error::Error for TokenError {}
