//! Clients of Centrifugo's protocol: who they are, until when, and what they may. What they say is `centrifugo`'s.
use alloc::boxed::Box;
use core::time::Duration;

use base::{ConnId, Instant, Prng, SubjectKey};

use crate::report::Holdings;

mod ban;
mod caps;
mod claim;
mod credentials;
mod identity;
pub(crate) mod permission;
mod refresh;
mod session;
mod token;

pub use ban::Blocks;
use ban::TokenIds;
use caps::Capabilities;
use claim::Claims;
pub(crate) use credentials::Refused;
use identity::Identities;
pub(crate) use permission::Features;
pub use permission::to_carry;
pub(crate) use refresh::{refreshed, ttl_s};
use session::Sessions;
pub use token::{Token, TokenError, TokenKind, TokenSub, TokenVerifier, Tokens};

/// What a shard knows of its clients.
#[derive(Debug)]
pub(crate) struct Clients {
    sessions: Sessions,
    identities: Identities,
    caps: Capabilities,
    token_ids: TokenIds,
    claims: Claims,
}

impl Clients {
    /// Nobody is known yet; `key` hashes names of users, the same on all shards.
    pub(crate) fn new(key: SubjectKey, random: &mut Prng) -> Self {
        Self {
            sessions: Sessions::new(key, random),
            identities: Identities::default(),
            caps: Capabilities::default(),
            token_ids: TokenIds::default(),
            claims: Claims::new(),
        }
    }

    // ---- users ----

    /// The connections of a user.
    pub(crate) fn of_user(&self, name: &str) -> impl Iterator<Item = ConnId> + '_ {
        self.sessions.of_user(name)
    }

    /// Tells a session's user from others, on all shards.
    pub(crate) fn user_hash(&self, session: u32) -> u64 {
        self.sessions.user_hash(session)
    }

    /// The same by the user's name.
    pub(crate) fn hash_of(&self, name: &str) -> u64 {
        self.sessions.hash_of(name)
    }

    /// The same of all users, in any order.
    pub(crate) fn user_hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.sessions.user_hashes()
    }

    /// Users there are.
    pub(crate) fn users(&self) -> usize {
        self.sessions.users()
    }

    // ---- what they were granted, and until when ----

    /// Takes over what others are told of a client.
    pub(crate) fn set_info(&mut self, conn: ConnId, info: Box<[u8]>) {
        self.identities.set_info(conn, info);
    }

    /// A subscription's end is looked at again at this time.
    pub(crate) fn defer(&mut self, conn: ConnId, subject: u32, at: Instant) {
        self.identities.defer(conn, subject, at);
    }

    /// A subscription's end is put off until `left` is over, or for ever; an info that is empty stays as it was.
    pub(crate) fn renew(
        &mut self,
        conn: ConnId,
        subject: u32,
        (left, info): (Option<Duration>, Box<[u8]>),
        now: Instant,
    ) {
        self.identities.renew(conn, subject, (left, info), now);
    }

    /// A subscription has ended.
    pub(crate) fn forget_grant(&mut self, conn: ConnId, subject: u32) {
        self.identities.forget_grant(conn, subject);
    }

    /// When the next session or subscription ends.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.identities.next_due()
    }

    // ---- how much it is ----

    /// Adds what it holds.
    pub(crate) fn count(&self, holdings: &mut Holdings) {
        holdings.sessions = self.sessions.len();
        holdings.users = self.sessions.users();
        holdings.identities = self.identities.len();
        holdings.caps = self.caps.len();
        holdings.token_ids = self.token_ids.len();
        holdings.claims = self.claims.len();
    }

    /// About the bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.sessions.bytes() + self.identities.bytes() + self.caps.bytes() + self.token_ids.bytes()
    }
}
