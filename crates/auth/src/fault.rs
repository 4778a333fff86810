//! Why a token is refused.
use std::fmt;

use crate::caps::CapFault;

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
