//! `auth`: JSON Web Tokens (RFC 7519) of connections and subscriptions: verified, and made for development.
//!
//! Owns: the keys, the choice of algorithm, what each claim means.
//! Never touches: a clock (`now` is an argument, in seconds since 1970), sockets, sessions, what a refusal leads to.
//! Published keys are given to it, by whoever is told which ones are wanted ([`KeySets`]).
//! Driven by: `server`, which is the shards' verifier; and the command line's `gentoken` and `checktoken`.
//!
//! Invariants:
//! - The key decides which algorithms are taken, never the token: an HMAC token is not looked at with a public key.
//! - A claim that has the wrong type makes the token invalid; it is never taken for an absent one.
//! - No input makes it panic, and none larger than [`TOKEN_BYTES_MAX`] is looked at.
#![forbid(unsafe_code)]
#![warn(clippy::cast_possible_truncation)]

mod caps;
mod claims;
mod expectation;
mod fault;
mod key_sets;
mod keys;
mod public_key;
mod regexes;
mod sign;
mod token;
mod verify;

pub use caps::{
    CAP_GLOBS_MAX, CAP_NAME_BYTES_MAX, CAP_NAMES_MAX, CAP_REGEXES_MAX, Cap, CapFault, Meant, Operation, read_caps,
    write_caps,
};
pub use fault::{Fault, TokenError};
pub use key_sets::KeySets;
pub use keys::{KeyError, Keys};
pub use regexes::regex_fits;
pub use sign::{SignError, Wish, sign};
pub use token::{Changes, Token, TokenSub};
pub use verify::{TOKEN_BYTES_MAX, Verifier};
