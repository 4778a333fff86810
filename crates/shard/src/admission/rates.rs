//! How often a client, and a user, may say what. A command over a limit is answered with error 111 and does nothing.
//!
//! Whatever commands a command's own buckets let pass take a token of `total` too; one that is refused takes none of the layer that refuses
//! it. `unsubscribe` is counted and never refused: clients would take the error for the end of their connection, and come back.
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{ConnId, Instant};
use hub::Naming;
use protocol::centrifugo::Request;

use super::meter::{Meter, Rate, Taken};
use super::overrides::Overrides;
use crate::shard::Shard;

/// A command that has buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Metered {
    /// `connect`, of a user.
    Connect,
    /// `subscribe`.
    Subscribe,
    /// `unsubscribe`.
    Unsubscribe,
    /// `publish`.
    Publish,
    /// `history`.
    History,
    /// `presence`.
    Presence,
    /// `presence_stats`.
    PresenceStats,
    /// `refresh`.
    Refresh,
    /// `sub_refresh`.
    SubRefresh,
    /// `rpc`.
    Rpc,
}

impl Metered {
    /// All of them, in the order of [`Layer::buckets`].
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Publish,
        Self::History,
        Self::Presence,
        Self::PresenceStats,
        Self::Refresh,
        Self::SubRefresh,
        Self::Rpc,
    ];

    /// The name in settings and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Publish => "publish",
            Self::History => "history",
            Self::Presence => "presence",
            Self::PresenceStats => "presence_stats",
            Self::Refresh => "refresh",
            Self::SubRefresh => "sub_refresh",
            Self::Rpc => "rpc",
        }
    }

    /// The command, if it has buckets, and its channel or method: `connect` is looked at when it is known whose it is.
    fn of<'r>(request: &'r Request<'_>) -> Option<(Self, &'r str)> {
        Some(match request {
            Request::Subscribe(subscribe) => (Self::Subscribe, &subscribe.channel),
            Request::Unsubscribe(unsubscribe) => (Self::Unsubscribe, &unsubscribe.channel),
            Request::Publish(publish) => (Self::Publish, &publish.channel),
            Request::History(history) => (Self::History, &history.channel),
            Request::Presence(presence) => (Self::Presence, &presence.channel),
            Request::PresenceStats(stats) => (Self::PresenceStats, &stats.channel),
            Request::Refresh(_) => (Self::Refresh, ""),
            Request::SubRefresh(refresh) => (Self::SubRefresh, &refresh.channel),
            Request::Rpc(rpc) => (Self::Rpc, &rpc.method),
            Request::Connect(_) | Request::Pong | Request::Ping | Request::Send(_) | Request::Empty => return None,
        })
    }
}

/// Whose buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Whose {
    /// A connection's.
    Client,
    /// A user's, of all connections; an anonymous one has none.
    User,
}

impl Whose {
    /// Both, in the order of [`Rates::layers`].
    pub const ALL: [Self; 2] = [Self::Client, Self::User];

    /// The name in settings and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client_command",
            Self::User => "user_command",
        }
    }
}

/// The buckets of a connection or a user.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Layer {
    /// Those of each command, by [`Metered::ALL`]; a command without any is not limited by itself.
    pub buckets: [Vec<Rate>; Metered::ALL.len()],
    /// Those in their place, by the namespace of the channel that a command names; of `rpc`, by its method.
    pub overrides: [Overrides; Metered::ALL.len()],
    /// Those of all commands together.
    pub total: Vec<Rate>,
}

impl Layer {
    /// The buckets of a command about this channel or method, and what tells them from others of the command.
    fn buckets_of(&self, command: Metered, about: &str, naming: &Naming) -> (u64, &[Rate]) {
        let overrides = &self.overrides[command as usize];
        let instead = match command {
            _ if overrides.is_empty() => None,
            Metered::Rpc => overrides.of(about),
            Metered::Connect
            | Metered::Subscribe
            | Metered::Unsubscribe
            | Metered::Publish
            | Metered::History
            | Metered::Presence
            | Metered::PresenceStats
            | Metered::Refresh
            | Metered::SubRefresh => naming.split(about).0.and_then(|namespace| overrides.of(namespace)),
        };
        instead.unwrap_or((0, &self.buckets[command as usize]))
    }
}

/// How often clients and users may say what.
#[derive(Clone, Default, Debug)]
pub struct Rates {
    /// By [`Whose::ALL`]; `None`: nothing is limited.
    pub layers: Option<Arc<[Layer; Whose::ALL.len()]>>,
    /// All shards' buckets; other settings leave it as it is.
    pub meter: Option<Arc<Meter>>,
}

/// Most buckets of a command; `total`'s stand behind them.
pub const BUCKETS_OF_COMMAND_MAX: usize = 8;

/// What names a bucket, beside whose it is.
fn bucket(owner: u64, whose: Whose, command: usize, at: usize) -> u64 {
    let number = ((whose as usize * 16 + command) * BUCKETS_OF_COMMAND_MAX + at + 1) as u64;
    // The owner is hashed with a key already: this has only to spread.
    let mixed = (owner ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ mixed >> 32
}

/// The place of `total` among the commands.
const TOTAL: usize = Metered::ALL.len();

impl Shard {
    /// Whether the session may say this now. What is not limited costs one look.
    pub(crate) fn may_say(&mut self, conn: ConnId, request: &Request<'_>, now: Instant) -> bool {
        if self.config.admission.rates.layers.is_none() {
            return true;
        }
        let Some((command, about)) = Metered::of(request) else {
            return true;
        };
        let mut place = [0; 10];
        place[..4].copy_from_slice(&conn.0.to_le_bytes());
        place[4..8].copy_from_slice(&self.conns[conn].generation.to_le_bytes());
        place[8..].copy_from_slice(&self.config.shard.0.to_le_bytes());
        let client = self.config.key.hash(&place).0;
        let session = self.conns[conn].session;
        let user = (!self.user(conn).is_empty()).then(|| self.clients.user_hash(session));
        let is_fine = self.is_within(Whose::Client, client, (command, about), now)
            && user.is_none_or(|user| self.is_within(Whose::User, user, (command, about), now));
        is_fine || command == Metered::Unsubscribe
    }

    /// Whether one more connection of the user may connect now.
    pub(crate) fn may_connect(&mut self, user: &str, now: Instant) -> bool {
        if self.config.admission.rates.layers.is_none() || user.is_empty() {
            return true;
        }
        let user = self.config.key.hash(user.as_bytes()).0;
        self.is_within(Whose::User, user, (Metered::Connect, ""), now)
    }

    /// Takes a token of each bucket, or none of any if one is empty; `about` is the channel or the method.
    fn is_within(&mut self, whose: Whose, owner: u64, (command, about): (Metered, &str), now: Instant) -> bool {
        let Rates { layers: Some(layers), meter: Some(meter) } = &self.config.admission.rates else {
            return true;
        };
        let layer = &layers[whose as usize];
        let of = |(salt, place): (u64, usize), rates: &[Rate], asked: &mut dyn FnMut(u64, &Rate) -> bool| {
            rates.iter().enumerate().all(|(at, rate)| asked(bucket(owner ^ salt, whose, place, at), rate))
        };
        let (salt, own) = layer.buckets_of(command, about, &self.config.admission.naming);
        let (own_place, total_place, total) = ((salt, command as usize), (0, TOTAL), &layer.total);
        let mut has = |bucket: u64, rate: &Rate| meter.has(bucket, rate, now);
        let is_there = of(own_place, own, &mut has) && of(total_place, total, &mut has);
        let mut forgotten = 0;
        let mut is_fine = is_there;
        // What is never refused takes what there is.
        if is_there || command == Metered::Unsubscribe {
            let mut take = |bucket: u64, rate: &Rate| {
                let taken = meter.take(bucket, rate, now);
                forgotten += u64::from(taken == Taken::Instead);
                // Another shard may have taken it since.
                is_fine &= taken != Taken::No;
                true
            };
            of(own_place, own, &mut take);
            of(total_place, total, &mut take);
        }
        self.report.buckets_forgotten += forgotten;
        if !is_fine {
            self.report.limited[whose as usize][command as usize] += 1;
        }
        is_fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn every_bucket_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for owner in 0..50_u64 {
            for whose in Whose::ALL {
                for command in 0..=TOTAL {
                    for at in 0..BUCKETS_OF_COMMAND_MAX {
                        let owner = owner.wrapping_mul(0x2545_f491_4f6c_dd1d);
                        assert!(names.insert(bucket(owner, whose, command, at)));
                    }
                }
            }
        }
        for (at, command) in Metered::ALL.into_iter().enumerate() {
            assert_eq!(command as usize, at);
        }
    }
}
