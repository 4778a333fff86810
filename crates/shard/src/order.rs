//! Orders: what the control plane has done with the clients of a user. Every shard gets them, each for its own connections.
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use base::{ConnId, Instant};
use protocol::centrifugo::Disconnect;

use crate::conn::Phase;
use crate::shard::Shard;

/// Which clients are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Whom {
    /// Those of this user; empty: the anonymous ones.
    pub user: Box<str>,
    /// Only the client with this id; empty: all.
    pub client: Box<str>,
}

/// What is done with them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// They are disconnected.
    Disconnect {
        /// The code of the close frame; see [`Disconnect::code`].
        code: u16,
        /// Its reason; empty: the code's own, or its number.
        reason: Box<str>,
        /// Clients that stay.
        spared: Vec<Box<str>>,
    },
}

impl Shard {
    /// Does what is ordered with those of the clients that are here; says how many they were.
    pub(crate) fn obey(&mut self, whom: &Whom, order: &Order, now: Instant) -> usize {
        let conns = self.clients(whom);
        match order {
            Order::Disconnect { code, reason, spared } => {
                let spares = |client: &String| spared.iter().any(|spared| **spared == **client);
                let conns: Vec<_> = conns.into_iter().filter(|conn| !spares(&self.client(*conn))).collect();
                for conn in &conns {
                    self.dismiss(*conn, *code, reason, now);
                }
                conns.len()
            }
        }
    }

    fn clients(&self, whom: &Whom) -> Vec<ConnId> {
        let is_here = |conn: &ConnId| matches!(self.conns.rows[conn.0].phase, Phase::Open | Phase::Asked);
        let is_meant = |conn: &ConnId| whom.client.is_empty() || *self.client(*conn) == *whom.client;
        self.sessions.of_user(&whom.user).filter(is_here).filter(is_meant).collect()
    }

    /// Ends a session, whatever it waits for.
    fn dismiss(&mut self, conn: ConnId, code: u16, reason: &str, now: Instant) {
        self.conns.take_state(conn);
        let reason = match Disconnect::of(code) {
            _ if !reason.is_empty() => reason,
            Some(known) => known.reason(),
            None => "disconnected",
        };
        self.disconnect_with(conn, code, reason, now);
    }
}
