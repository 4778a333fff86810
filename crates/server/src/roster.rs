//! What shards ask of the server when clients connect: how many connections a user has on all of them, and the time of day.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shard::{Roster, TimeOfDay};

use crate::clock;

/// Parts of the count, so that shards seldom wait for each other.
const PARTS: usize = 64;

/// The connections of each user. A row a user who is connected.
#[derive(Debug)]
pub(crate) struct UserCount {
    parts: [Mutex<BTreeMap<u64, u32>>; PARTS],
}

impl Default for UserCount {
    fn default() -> Self {
        Self { parts: [const { Mutex::new(BTreeMap::new()) }; PARTS] }
    }
}

impl UserCount {
    fn part(&self, user: u64) -> MutexGuard<'_, BTreeMap<u64, u32>> {
        // A remainder is in the range of its divisor. What a panic left behind is a count all the same.
        self.parts[usize::try_from(user % PARTS as u64).unwrap_or(0)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Roster for UserCount {
    fn has_room(&self, user: u64, most: u32) -> bool {
        most == 0 || self.part(user).get(&user).is_none_or(|count| *count < most)
    }

    fn enter(&self, user: u64, most: u32) -> bool {
        let mut part = self.part(user);
        let count = part.entry(user).or_insert(0);
        let admitted = most == 0 || *count < most;
        *count += u32::from(admitted);
        admitted
    }

    fn leave(&self, user: u64) {
        let mut part = self.part(user);
        let Some(count) = part.get_mut(&user) else {
            debug_assert!(false, "who leaves has come");
            return;
        };
        *count -= 1;
        if *count == 0 {
            part.remove(&user);
        }
    }
}

/// The system's clock.
#[derive(Debug)]
pub(crate) struct SystemTime;

impl TimeOfDay for SystemTime {
    fn unix_ms(&self) -> u64 {
        clock::unix_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_no_more_connections_than_may_be_and_leaves_nothing() {
        let count = UserCount::default();
        for user in [1, 65, u64::MAX] {
            assert!(count.enter(user, 2) && count.enter(user, 2));
            assert!(!count.enter(user, 2) && !count.has_room(user, 2) && count.has_room(user, 3));
            assert!(count.enter(user, 0), "any number");
            for _ in 0..3 {
                count.leave(user);
            }
            assert!(count.has_room(user, 1));
        }
        assert!(count.parts.iter().all(|part| part.lock().is_ok_and(|part| part.is_empty())));
    }

    /// Whichever threads they come on: as many as may, and no more.
    #[test]
    fn of_many_that_come_at_once_as_many_as_may_are_let_in() {
        let count = UserCount::default();
        let admitted: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..100).filter(|_| count.enter(7, 50)).count())).collect();
            all.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
        });
        assert_eq!(admitted, 50);
    }
}
