//! Claims: users of whom only the newest connection stays. The owner of a user's personal channel keeps who claimed last; of two that
//! connect at once, on whatever shards, exactly one stays.
use alloc::collections::BTreeMap;

use base::{ConnId, Instant, ShardId};
use protocol::centrifugo::Disconnect;

use crate::border::Effects;
use crate::hop::Parcel;
use crate::shard::Shard;

/// A connection of some shard.
pub(super) type Claimant = (ShardId, ConnId, u32);

/// Who claimed last, by the hash of the personal channel's name. A row a user who is connected.
pub(super) type Claims = BTreeMap<u64, Claimant>;

impl Shard {
    /// A connection claims to be its user's only one, or has gone if it does not stay.
    pub(crate) fn claim(&mut self, conn: ConnId, row: u32, stays: bool, world: &mut impl Effects) {
        let subject = self.hub.name(row).clone();
        let generation = self.conns[conn].generation;
        let owner = self.owner(&subject);
        if owner == self.config.shard {
            self.on_claim((owner, conn, generation), &subject, stays, world);
        } else {
            self.mail.send(owner, Parcel::Claim { subject, conn, generation, stays }, world);
        }
    }

    /// The owner's end.
    pub(crate) fn on_claim(&mut self, claimant: Claimant, subject: &str, stays: bool, world: &mut impl Effects) {
        let key = self.config.key.hash(subject.as_bytes()).0;
        if !stays {
            // Another one may have claimed since.
            if self.clients.claims.get(&key) == Some(&claimant) {
                self.clients.claims.remove(&key);
            }
            return;
        }
        match self.clients.claims.insert(key, claimant) {
            Some(former) if former != claimant => {
                let (shard, conn, generation) = former;
                if shard == self.config.shard {
                    self.supersede(conn, generation, self.noted);
                } else {
                    self.mail.send(shard, Parcel::Superseded { conn, generation }, world);
                }
            }
            Some(_) | None => {}
        }
    }

    /// A newer connection of the user has claimed.
    pub(crate) fn supersede(&mut self, conn: ConnId, generation: u32, now: Instant) {
        if self.conns.find(conn, generation).is_some() && self.is_session(conn) {
            let why = Disconnect::ConnectionLimit;
            self.dismiss(conn, why.code(), why.reason(), now);
        }
    }
}
