//! Users that are kept out, and tokens that are worth nothing any more: what it means to those who are here.
//!
//! Who is kept out is known to the server, for all shards; a shard asks. A revoked token is to it an expired one: the verifier says so.
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use base::{ConnId, Instant};
use hub::Facts;
use protocol::centrifugo::{Disconnect, UnsubscribeCode};

use crate::border::Effects;
use crate::shard::Shard;

/// Who is kept out; asked on a shard's thread, whenever somebody connects or refreshes.
pub trait Blocks: fmt::Debug + Send + Sync {
    /// Whether this user is; empty: clients without one.
    fn is_blocked(&self, user: &str) -> bool;
}

/// The names of the tokens that sessions have shown, as hashes. A session whose token has no name has no row.
#[derive(Debug, Default)]
pub(super) struct TokenIds(BTreeMap<ConnId, u64>);

impl TokenIds {
    /// A session has shown this token, or one without a name.
    pub(super) fn set(&mut self, conn: ConnId, id: Option<u64>) {
        match id {
            Some(id) => self.0.insert(conn, id),
            None => self.0.remove(&conn),
        };
    }

    /// Sessions that have shown it. Looks at all of them: it is rare.
    fn of(&self, id: u64) -> Vec<ConnId> {
        self.0.iter().filter(|(_, known)| **known == id).map(|(conn, _)| *conn).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// About the bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.0.len() * size_of::<(ConnId, u64)>()
    }
}

impl Shard {
    /// Whether the user is kept out.
    pub(crate) fn is_blocked(&self, user: &str) -> bool {
        self.config.admission.blocks.as_ref().is_some_and(|blocks| blocks.is_blocked(user))
    }

    /// What a token's name is remembered as; `None`: it has none.
    pub(super) fn token_id(&self, id: &str) -> Option<u64> {
        (!id.is_empty()).then(|| self.config.key.hash(id.as_bytes()).0)
    }

    /// Ends the sessions that have shown the token, and says how many; subscriptions that it allows end in the turns that follow.
    pub(crate) fn end_token(&mut self, id: &str, now: Instant) -> usize {
        let Some(id) = self.token_id(id) else { return 0 };
        self.clients.identities.end_token(id, now);
        let conns = self.clients.token_ids.of(id);
        let why = Disconnect::ConnectionExpired;
        for conn in &conns {
            self.dismiss(*conn, why.code(), why.reason(), now);
        }
        conns.len()
    }

    /// Ends a subscription of the client, if it began it: it may come again, with another token.
    pub(crate) fn expire_subscription(&mut self, conn: ConnId, subject: &str, world: &mut impl Effects) {
        let subscription = self.subscription_of(conn, subject).map(|row| self.hub.subscription(row));
        if subscription.is_some_and(|subscription| !subscription.facts.has(Facts::SERVER_SIDE)) {
            self.unsubscribe_by_order(conn, subject, UnsubscribeCode::Expired, world);
        }
    }
}
