//! Clients of Centrifugo's protocol: who they are, and what they may.
mod ban;
mod caps;
mod claim;
mod credentials;
mod identity;
pub(crate) mod permission;
mod session;
mod token;

pub use ban::Blocks;
pub(crate) use ban::TokenIds;
pub(crate) use caps::Capabilities;
pub(crate) use claim::Claims;
pub(crate) use credentials::{Refused, refreshed, ttl_s};
pub(crate) use identity::Identities;
pub(crate) use permission::Features;
pub use permission::to_carry;
pub(crate) use session::Sessions;
pub use token::{Token, TokenError, TokenKind, TokenSub, TokenVerifier, Tokens};
