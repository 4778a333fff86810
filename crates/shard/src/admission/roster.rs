//! What a connecting client makes a shard ask of its server, at once and on the shard's thread: whether the user has too many
//! connections on all shards together, and what time of day it is. The protocol page, section 4.1.
//!
//! A user's connections are spread over the shards by chance, so the count is one for all of them: it is asked once when a session begins
//! and once when it ends, never for a message. So it is exact at every moment, and no connect waits for another shard.
use core::fmt;

use base::ConnId;
use protocol::centrifugo::Disconnect;

use crate::client::Refused;
use crate::shard::Shard;

/// Counts the connections of each user on all shards together.
pub trait Roster: fmt::Debug + Send + Sync {
    /// Whether one more of a user, told apart by a hash of its name, would be let in.
    fn has_room(&self, user: u64, most: u32) -> bool;

    /// One more, if that makes no more than `most` (0: any number).
    fn enter(&self, user: u64, most: u32) -> bool;

    /// One that was let in has ended.
    fn leave(&self, user: u64);
}

/// Knows the time of day.
pub trait TimeOfDay: fmt::Debug + Send + Sync {
    /// Milliseconds since 1970.
    fn unix_ms(&self) -> u64;
}

impl Shard {
    /// A session of `user` is to begin: whether one more may. Anonymous clients are not counted.
    pub(crate) fn enter_roster(&self, user: &str) -> Result<(), Refused> {
        match &self.config.admission.roster {
            Some(roster) if !user.is_empty() => {
                let most = self.config.limits.user_connections;
                let admitted = roster.enter(self.clients.hash_of(user), most);
                if admitted { Ok(()) } else { Err(Refused::Disconnect(Disconnect::ConnectionLimit)) }
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether one more would be let in now.
    pub(crate) fn has_room_in_roster(&self, user: &str) -> Result<(), Refused> {
        let most = self.config.limits.user_connections;
        match &self.config.admission.roster {
            Some(roster) if !user.is_empty() && !roster.has_room(self.clients.hash_of(user), most) => {
                Err(Refused::Disconnect(Disconnect::ConnectionLimit))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A session has ended, and its row is still there.
    pub(crate) fn leave_roster(&self, conn: ConnId) {
        let user = self.user(conn);
        if let Some(roster) = self.config.admission.roster.as_ref().filter(|_| !user.is_empty()) {
            roster.leave(self.clients.hash_of(user));
        }
    }

    /// The time of day, if clients are told; 0: they are not.
    pub(crate) fn told_time_ms(&self) -> u64 {
        self.config.admission.time.as_ref().map_or(0, |time| time.unix_ms())
    }
}
