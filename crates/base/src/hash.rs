//! The keyed hash that decides which shard owns a subject.
//!
//! SipHash-1-3 (Aumasson and Bernstein, 2012) under a secret drawn at start: a client that names subjects can't
//! aim them all at one core or one bucket.
use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::ShardId;

/// The secret under which a server hashes subject names. The same on every shard of a server.
#[derive(Clone, Copy, Debug)]
pub struct SubjectKey(pub [u64; 2]);

/// A subject name's hash under the server's [`SubjectKey`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubjectHash(pub u64);

impl SubjectKey {
    /// Hashes a subject's name.
    #[must_use]
    pub fn hash(&self, name: &[u8]) -> SubjectHash {
        let mut sip = SipHasher13::new_with_keys(self.0[0], self.0[1]);
        sip.write(name);
        SubjectHash(sip.finish())
    }
}

impl SubjectHash {
    /// The shard, of `shards` in all, that owns the subject. Multiply-shift instead of modulo: the upper half of
    /// the hash decides, the lower half stays free for the table's buckets.
    #[must_use]
    pub fn owner(self, shards: u16) -> ShardId {
        debug_assert!(shards > 0, "a server has at least one shard");
        let scaled = ((self.0 >> 32) * u64::from(shards)) >> 32;
        ShardId(u16::try_from(scaled).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_owns_its_part_of_the_subjects() {
        let key = SubjectKey([1, 2]);
        let mut owned = [0_u32; 12];
        for number in 0..120_000_u32 {
            owned[key.hash(&number.to_le_bytes()).owner(12).index()] += 1;
        }
        for (shard, count) in owned.iter().enumerate() {
            assert!((9_500..10_500).contains(count), "shard {shard} owns {count} of 120,000");
        }
    }

    #[test]
    fn another_key_is_another_placement() {
        let (a, b) = (SubjectKey([1, 2]), SubjectKey([3, 4]));
        let moved = (0..1_000_u32).filter(|n| a.hash(&n.to_le_bytes()).owner(8) != b.hash(&n.to_le_bytes()).owner(8));
        assert!(moved.count() > 700);
    }
}
