//! Idempotency keys: a publication sent twice is published once.
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use base::{Instant, SubjectKey};
use hashbrown::HashTable;

use crate::Position;

/// How long a key is remembered; Centrifugo's value (protocol section 4.7).
pub const KEY_AGE: Duration = Duration::from_secs(300);

/// Most keys that a core remembers; the oldest makes room, and that is counted.
pub const KEYS_MAX: usize = 65_536;

#[derive(Debug)]
struct Entry {
    hash: u64,
    subject: Box<str>,
    key: Box<str>,
    position: Position,
    at: Instant,
}

/// The keys of the subjects that one core owns.
#[derive(Debug, Default)]
pub struct Idempotency {
    /// Sequence numbers of entries: `entries[number - dropped]`.
    index: HashTable<u64>,
    entries: VecDeque<Entry>,
    dropped: u64,
}

fn hash_of(hasher: &SubjectKey, subject: &str, key: &str) -> u64 {
    hasher.hash(subject.as_bytes()).0 ^ hasher.hash(key.as_bytes()).0.rotate_left(32)
}

impl Idempotency {
    /// Where the publication stands that came to `subject` under `key` before.
    #[must_use]
    pub fn find(&self, hasher: &SubjectKey, subject: &str, key: &str, now: Instant) -> Option<Position> {
        let hash = hash_of(hasher, subject, key);
        let number = self.index.find(hash, |&number| {
            self.entry(number).is_some_and(|entry| *entry.subject == *subject && *entry.key == *key)
        })?;
        let entry = self.entry(*number)?;
        (now.since(entry.at) < KEY_AGE).then_some(entry.position)
    }

    /// Remembers that `subject` took a publication under `key`; says how many keys had to make room before their time.
    pub fn insert(&mut self, hasher: &SubjectKey, subject: &str, key: &str, position: Position, now: Instant) -> u64 {
        let forgotten = self.forget(now, KEYS_MAX - 1);
        let hash = hash_of(hasher, subject, key);
        let number = self.dropped + self.entries.len() as u64;
        self.entries.push_back(Entry { hash, subject: subject.into(), key: key.into(), position, at: now });
        let (entries, dropped) = (&self.entries, self.dropped);
        self.index.insert_unique(hash, number, |&number| {
            usize::try_from(number - dropped).ok().and_then(|place| entries.get(place)).map_or(0, |entry| entry.hash)
        });
        forgotten
    }

    /// Forgets the keys that are too old, and the oldest of those over `most`, which it counts.
    pub fn forget(&mut self, now: Instant, most: usize) -> u64 {
        let mut young = 0;
        while let Some(oldest) = self.entries.front() {
            if self.entries.len() <= most && now.since(oldest.at) < KEY_AGE {
                break;
            }
            young += u64::from(now.since(oldest.at) < KEY_AGE);
            let number = self.dropped;
            if let Ok(found) = self.index.find_entry(oldest.hash, |&other| other == number) {
                found.remove();
            }
            self.entries.pop_front();
            self.dropped += 1;
        }
        if self.entries.is_empty() {
            *self = Self { dropped: self.dropped, ..Self::default() };
        }
        young
    }

    /// About the bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // A name and a key of the usual lengths; to count each would cost more than it tells.
        const TEXTS_BYTES: usize = 64;
        self.entries.capacity() * size_of::<Entry>() + self.entries.len() * TEXTS_BYTES + self.index.allocation_size()
    }

    /// When the oldest key will be too old.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.at + KEY_AGE)
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(number.checked_sub(self.dropped)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_key_is_remembered_for_its_subject_and_its_time() {
        let (hasher, mut keys) = (SubjectKey([1, 2]), Idempotency::default());
        let first = Position { epoch: 1, offset: 7 };
        keys.insert(&hasher, "a", "k", first, Instant::ORIGIN);
        let later = Instant::ORIGIN + Duration::from_secs(299);
        assert_eq!(keys.find(&hasher, "a", "k", later), Some(first));
        assert_eq!(keys.find(&hasher, "b", "k", later), None);
        assert_eq!(keys.find(&hasher, "a", "l", later), None);
        assert_eq!(keys.find(&hasher, "a", "k", Instant::ORIGIN + KEY_AGE), None);
    }

    #[test]
    fn memory_stays_bounded_and_the_newest_are_kept() {
        let (hasher, mut keys) = (SubjectKey([1, 2]), Idempotency::default());
        let mut forgotten = 0;
        for number in 0..KEYS_MAX as u64 + 10 {
            let position = Position { epoch: 1, offset: number };
            forgotten += keys.insert(&hasher, "a", &format!("{number}"), position, Instant::ORIGIN);
        }
        assert_eq!(forgotten, 10);
        assert_eq!(keys.entries.len(), KEYS_MAX);
        assert_eq!(keys.index.len(), KEYS_MAX);
        assert_eq!(keys.find(&hasher, "a", "9", Instant::ORIGIN), None);
        assert_eq!(keys.find(&hasher, "a", "10", Instant::ORIGIN).map(|position| position.offset), Some(10));
        assert_eq!(keys.forget(Instant::ORIGIN + KEY_AGE, KEYS_MAX), 0, "their time is over");
        assert_eq!((keys.index.len(), keys.next_expiry()), (0, None));
    }
}
